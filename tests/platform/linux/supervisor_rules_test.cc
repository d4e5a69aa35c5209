#include "platform/linux/supervisor_rules.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>

namespace leash::platform {
namespace {

core::Plan SomePlan() {
  core::Plan plan;
  plan.scratch_dir = "/tmp/leash-1/work";
  plan.rules = {{"/home/u/project", Access::kReadWrite, core::RuleKind::kGrant},
                {"/home/u/project/.env", Access::kNone, core::RuleKind::kDeny},
                {"/run/docker.sock", Access::kReadWrite, core::RuleKind::kGrant},
                {"/srv", Access::kReadWrite, core::RuleKind::kGrant},
                {"/srv/readable.sock", Access::kRead, core::RuleKind::kGrant},
                {"/tmp/leash-1/work", Access::kReadWrite, core::RuleKind::kGrant},
                {"/usr", Access::kReadExecute, core::RuleKind::kTier}};
  plan.guarded = {"/home/u/project/.git/hooks"};
  return plan;
}

FileFacts File(std::string path, mode_t mode = S_IFREG) { return {std::move(path), mode, true}; }

TEST(SupervisorRules, WhatMayBeWrittenMayBeChanged) {
  const core::Plan plan = SomePlan();
  EXPECT_TRUE(MayChange(plan, File("/home/u/project")));
  EXPECT_TRUE(MayChange(plan, File("/home/u/project/a/b")));
  EXPECT_TRUE(MayChange(plan, File("/home/u/project/link", S_IFLNK)));
  EXPECT_FALSE(MayChange(plan, File("/home/u/projects")));
  EXPECT_FALSE(MayChange(plan, File("/home/u")));
  EXPECT_FALSE(MayChange(plan, File("/usr/bin/env")));
  EXPECT_FALSE(MayChange(plan, File("/etc/passwd")));
  EXPECT_FALSE(MayChange(plan, File("")));
}

TEST(SupervisorRules, WhatIsClosedGuardedOrADeviceMayNot) {
  const core::Plan plan = SomePlan();
  EXPECT_FALSE(MayChange(plan, File("/home/u/project/.env")));
  EXPECT_FALSE(MayChange(plan, File("/home/u/project/.git/hooks")));
  EXPECT_FALSE(MayChange(plan, File("/home/u/project/.git/hooks/pre-commit")));
  EXPECT_TRUE(MayChange(plan, File("/home/u/project/.git/hooks-of-others")));
  EXPECT_FALSE(MayChange(plan, File("/srv/null", S_IFCHR)));
  EXPECT_FALSE(MayChange(plan, File("/srv/disk", S_IFBLK)));
  EXPECT_FALSE(MayMakeSocket(plan, "/home/u/project/.git/hooks/post-commit"));
  EXPECT_TRUE(MayMakeSocket(plan, "/home/u/project/socket"));
}

TEST(SupervisorRules, ARemovedNameIsReadBothWays) {
  const core::Plan plan = SomePlan();
  EXPECT_TRUE(MayChange(plan, File("/home/u/project/gone (deleted)")));
  EXPECT_FALSE(MayChange(plan, File("/home/u/project/.env (deleted)")));
  EXPECT_FALSE(MayChange(plan, File("/etc/passwd (deleted)")));
  EXPECT_FALSE(MayChange(plan, File(" (deleted)")));
  EXPECT_FALSE(MayChange(plan, File("/ (deleted)")));
}

TEST(SupervisorRules, WhatHasNoPathIsTheProgramsOwn) {
  const core::Plan plan = SomePlan();
  EXPECT_TRUE(MayChange(plan, File("pipe:[12]", S_IFIFO)));
  EXPECT_TRUE(MayChange(plan, File("socket:[12]", S_IFSOCK)));
  EXPECT_FALSE(MayChange(plan, File("/etc/fifo", S_IFIFO)));
  EXPECT_FALSE(MayChange(plan, File("(unreachable)/etc/passwd")));
  EXPECT_TRUE(MayChange(plan, {"/memfd:x (deleted)", S_IFREG, false}));
  EXPECT_FALSE(MayChange(plan, {"/etc (deleted)", S_IFDIR, false}));
}

TEST(SupervisorRules, WatchingIsReading) {
  const core::Plan plan = SomePlan();
  EXPECT_TRUE(MayWatch(plan, File("/usr/lib", S_IFDIR)));
  EXPECT_TRUE(MayWatch(plan, File("/home/u/project", S_IFDIR)));
  EXPECT_FALSE(MayWatch(plan, File("/home/u", S_IFDIR)));
  EXPECT_FALSE(MayWatch(plan, File("/home/u/project/.env")));
}

TEST(SupervisorRules, ServersAreOwnOrNamedByAGrant) {
  const core::Plan plan = SomePlan();
  const auto may = [&](const char* path, bool own = false) { return MayConnect(plan, {path, own}); };
  EXPECT_TRUE(may("/run/docker.sock"));
  EXPECT_TRUE(may("/tmp/leash-1/work/s"));
  EXPECT_TRUE(may("/home/u/project/s", true));
  EXPECT_FALSE(may("/home/u/project/s")) << "a grant on a directory does not reach a server in it";
  EXPECT_FALSE(may("/srv/readable.sock"));
  EXPECT_FALSE(may("/run/other.sock"));
  EXPECT_FALSE(may("/tmp/leash-1/works"));
  EXPECT_FALSE(may(""));
}

}  // namespace
}  // namespace leash::platform
