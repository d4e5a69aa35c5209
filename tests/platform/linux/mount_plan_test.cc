// Plan -> mount tree, on a machine that exists only here. The mounts are read by a model of what the kernel makes of
// them, and every path is asked of it: what is seen inside must be what the plan decides.
#include "platform/linux/mount_plan.h"

#include <linux/mount.h>

#include <algorithm>
#include <set>

#include "base/path.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "platform/linux/landlock_uapi.h"
#include "support/fake_file_system.h"

namespace leash::platform {
namespace {

using core::PathRule;
using core::RuleKind;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using wire::MountKind;

const std::vector<std::string> kDirectories = {
    "/usr/bin",      "/usr/lib",     "/etc/ssl",           "/proc/sys",
    "/sys/kernel",   "/run/user",    "/tmp/leash-s/work",  "/var/lib/db",
    "/var/www",      "/srv/data",    "/dev/pts",           "/dev/shm",
    "/dev/dri",      "/home/u/.ssh", "/home/u/.config/gh", "/home/u/p/.git/hooks",
    "/home/u/p/src", "/home/other",  "/opt/tool"};
const std::vector<std::string> kFiles = {
    "/etc/passwd",    "/etc/shadow", "/home/u/.ssh/id",       "/home/u/.netrc", "/home/u/notes", "/home/u/p/main.c",
    "/var/www/index", "/srv/data/x", "/home/u/p/.git/config", "/usr/bin/sh",    "/opt/tool/run", "/proc/kcore"};

class MountPlanTest : public ::testing::Test {
 protected:
  MountPlanTest() {
    for (const std::string& path : kDirectories) files_.AddDirectory(path);
    for (const std::string& path : kFiles) files_.AddFile(path);
    for (const char* path : {"/dev/null", "/dev/tty", "/dev/mem", "/dev/dri/card0"}) files_.AddDevice(path);
    files_.AddLink("/bin", "/usr/bin");
    files_.AddLink("/var/run", "/run");
    Tier("/usr", Access::kReadExecute);
    Tier("/opt", Access::kReadExecute);
    Tier("/etc/passwd", Access::kRead);
    Tier("/dev/null", Access::kReadWrite);
    Tier("/sys/kernel", Access::kRead);
    Rule("/tmp/leash-s", Access::kNone, RuleKind::kDeny);
    Rule("/tmp/leash-s/work", Access::kReadWrite, RuleKind::kGrant);
    plan_.links = {{"/bin", "/usr/bin"}};
  }

  void Rule(const std::string& path, Access access, RuleKind kind) {
    plan_.rules.push_back({path, access, kind, "test", false});
    std::sort(plan_.rules.begin(), plan_.rules.end(),
              [](const PathRule& a, const PathRule& b) { return a.path < b.path; });
  }
  void Tier(const std::string& path, Access access) { Rule(path, access, RuleKind::kTier); }
  void Grant(const std::string& path, Access access) { Rule(path, access, RuleKind::kGrant); }
  void Protect(const std::string& path) { Rule(path, Access::kNone, RuleKind::kProtection); }
  void OpenTheRest() {
    Tier("/", Access::kRead);
    for (const char* path : {"/dev", "/etc", "/proc", "/run", "/sys", "/tmp", "/var/lib"}) Tier(path, Access::kNone);
    Protect("/home");
    Protect("/home/u");
  }

  MountPlan Make() { return PlanMounts(plan_, LandlockFeaturesOfAbi(7), files_); }

  // Of the host's file at `path`, what the mounts let be done: nothing if something else is there, or nothing is.
  static Access Inside(const MountPlan& mounts, const std::string& path) {
    const Mount* top = nullptr;
    for (const Mount& mount : mounts.mounts) {
      // In this order nothing is ever attached above something: the last one that holds the path is the one on top.
      if (base::IsAtOrBelow(path, "/" + mount.target)) top = &mount;
    }
    if (top == nullptr || top->kind != MountKind::kBind) return Access::kNone;
    EXPECT_EQ(top->source, "/" + top->target) << "attached elsewhere";
    Access access = Access::kRead;
    if ((top->attributes & MOUNT_ATTR_RDONLY) == 0) access = access | Access::kReadWrite;
    if ((top->rights & landlock::kFsExecute) != 0) access = access | Access::kReadExecute;
    if (Includes(access, Access::kReadWriteExecute)) {
      EXPECT_EQ(top->attributes & MOUNT_ATTR_NOEXEC, 0U) << path;
    } else if (Includes(access, Access::kReadWrite)) {
      EXPECT_NE(top->attributes & MOUNT_ATTR_NOEXEC, 0U) << path;
    }
    return access;
  }

  static bool IsOwn(const std::string& path) {
    for (const char* own : {"/proc", "/dev/pts", "/dev/shm", "/run", "/tmp"}) {
      if (base::IsAtOrBelow(path, own) && !path.starts_with("/tmp/leash-s/work")) return true;
    }
    return path == "/dev/tty";
  }

  // Every path that exists: inside as the plan decides.
  void ExpectAsPlanned() {
    const MountPlan mounts = Make();
    std::vector<std::string> paths = kFiles;
    paths.insert(paths.end(), kDirectories.begin(), kDirectories.end());
    paths.insert(paths.end(), {"/dev/null", "/dev/mem", "/dev/dri/card0"});
    for (const std::string& path : paths) {
      if (IsOwn(path)) continue;
      EXPECT_EQ(FormatAccess(Inside(mounts, path)), FormatAccess(core::Decide(plan_, path))) << path;
    }
  }

  testing::FakeFileSystem files_;
  core::Plan plan_;
};

TEST_F(MountPlanTest, TheStrictTierHoldsWhatItOpens) { ExpectAsPlanned(); }

TEST_F(MountPlanTest, TheDefaultTierHoldsWhatItOpens) {
  OpenTheRest();
  ExpectAsPlanned();
  const MountPlan mounts = Make();
  EXPECT_TRUE(mounts.own_root);
  for (const Mount& mount : mounts.mounts) EXPECT_NE(mount.target, "home/other") << "a closed name is not there";
}

TEST_F(MountPlanTest, AGrantOnTheHomeLeavesProtectionsClosed) {
  OpenTheRest();
  for (const Access access : {Access::kRead, Access::kReadWrite, Access::kReadWriteExecute}) {
    const std::vector<PathRule> before = plan_.rules;
    std::erase_if(plan_.rules, [](const PathRule& rule) { return rule.path == "/home/u"; });
    Grant("/home/u", access);
    Protect("/home/u/.ssh");
    Protect("/home/u/.netrc");
    Protect("/home/u/.config/gh");
    ExpectAsPlanned();
    plan_.rules = before;
  }
}

TEST_F(MountPlanTest, AGrantInAClosedDirectoryOpensJustThat) {
  OpenTheRest();
  Protect("/home/u/.ssh");
  Grant("/home/u/.ssh/id", Access::kRead);
  Grant("/home/u/p", Access::kReadWrite);
  Grant("/var/lib/db", Access::kRead);
  ExpectAsPlanned();
}

TEST_F(MountPlanTest, AGrantOnEverythingLeavesProtectionsClosed) {
  Grant("/", Access::kReadWriteExecute);
  Protect("/home/u/.ssh");
  Protect("/etc/shadow");
  Tier("/etc", Access::kReadWriteExecute);
  const MountPlan mounts = Make();
  EXPECT_FALSE(mounts.own_root);
  ASSERT_FALSE(mounts.mounts.empty());
  EXPECT_EQ(mounts.mounts.front().target, "") << "the root comes first";
  EXPECT_EQ(Inside(mounts, "/home/u/.ssh/id"), Access::kNone);
  EXPECT_EQ(Inside(mounts, "/etc/shadow"), Access::kNone);
  EXPECT_EQ(Inside(mounts, "/home/u/notes"), Access::kReadWriteExecute);
  EXPECT_EQ(Inside(mounts, "/proc/sys"), Access::kNone) << "always its own";
}

TEST_F(MountPlanTest, WhatCannotBeCoveredIsNamed) {
  Grant("/home/u", Access::kReadWrite);
  Protect("/home/u/.aws");
  Protect("/home/u/.config/op/token");
  Protect("/home/u/.ssh");
  EXPECT_THAT(Make().unguarded, ElementsAre("/home/u/.aws", "/home/u/.config/op/token"));
  plan_.rules.clear();
  Grant("/home/u", Access::kRead);
  Protect("/home/u/.aws");
  EXPECT_THAT(Make().unguarded, IsEmpty()) << "nobody inside could make it";
}

TEST_F(MountPlanTest, GuardedNamesAreReadOnlyAndPinned) {
  Grant("/home/u/p", Access::kReadWrite);
  plan_.guarded = {"/home/u/p/.git/config", "/home/u/p/.git/hooks", "/home/u/p/.vscode"};
  const MountPlan mounts = Make();
  EXPECT_EQ(Inside(mounts, "/home/u/p/.git/config"), Access::kRead);
  EXPECT_EQ(Inside(mounts, "/home/u/p/.git/hooks"), Access::kRead);
  EXPECT_EQ(Inside(mounts, "/home/u/p/.git/objects"), Access::kReadWrite) << "a program can commit";
  EXPECT_THAT(mounts.unguarded, ElementsAre("/home/u/p/.vscode"));
  std::vector<std::string> targets;
  for (const Mount& mount : mounts.mounts) targets.push_back(mount.target);
  EXPECT_THAT(targets, Contains("home/u/p/.git")) << "the way there cannot be moved";
}

TEST_F(MountPlanTest, NothingIsMadeInADirectoryOfTheHost) {
  OpenTheRest();
  Grant("/home/u", Access::kReadWrite);
  Protect("/home/u/.ssh");
  Grant("/home/u/.ssh/id", Access::kRead);
  const MountPlan mounts = Make();
  std::vector<std::string> host;     // attached, so that a name made there would be the host's
  std::vector<std::string> covered;  // and covered again
  for (const Mount& mount : mounts.mounts) {
    const std::string path = "/" + mount.target;
    const bool makes = (mount.flags & (wire::kMakeDirectory | wire::kMakeFile)) != 0 ||
                       mount.kind == MountKind::kDirectory || mount.kind == MountKind::kSymlink;
    if (makes) {
      const auto holds = [&](const std::string& above) { return path != above && base::IsAtOrBelow(path, above); };
      EXPECT_TRUE(std::none_of(host.begin(), host.end(), holds) || std::any_of(covered.begin(), covered.end(), holds))
          << path;
    }
    if (mount.kind == MountKind::kBind) host.push_back(path);
    if (mount.kind == MountKind::kTmpfs) covered.push_back(path);
  }
}

TEST_F(MountPlanTest, NamesThatNobodyAskedForMayBeGone) {
  OpenTheRest();
  for (const Mount& mount : Make().mounts) {
    const bool asked = mount.target != "srv" && mount.target != "var/www";
    if (mount.kind == MountKind::kBind) {
      EXPECT_EQ((mount.flags & wire::kMayBeMissing) != 0, !asked) << mount.target;
    }
  }
}

}  // namespace
}  // namespace leash::platform
