// From a refusal to what would allow it. Each hint is followed: the plan that it leads to allows the act.
#include "core/hint.h"

#include "core/planner.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "platform/linux/profile.h"
#include "support/fake_file_system.h"

namespace leash::core {
namespace {

using ::testing::HasSubstr;

class HintTest : public ::testing::Test {
 protected:
  HintTest() {
    for (const char* path : {"/usr/bin", "/etc", "/srv/data/sub", "/home/u/project/.git/hooks", "/home/u/.ssh",
                             "/tmp/leash-s/work", "/dev", "/sys"}) {
      files_.AddDirectory(path);
    }
    for (const char* path :
         {"/srv/data/sub/file", "/home/u/.ssh/config", "/home/u/notes", "/usr/bin/tool", "/home/u/project/script"}) {
      files_.AddFile(path);
    }
    files_.AddDevice("/dev/nvidia0");
    host_.files = &files_;
    host_.profile = &platform::LinuxProfile();
    host_.home = "/home/u";
    host_.current_dir = "/home/u/project";
    host_.scratch_dir = "/tmp/leash-s/work";
    config_.isolation = Isolation::kStrict;
  }

  Plan Planned(const SandboxConfig& config) {
    auto plan = MakePlan(config, true, host_);
    EXPECT_TRUE(plan.ok()) << plan.status();
    return plan.value_or(Plan());
  }
  Hint For(std::string operation, std::string object, ViolationKind kind = ViolationKind::kFile) {
    Violation violation;
    violation.kind = kind;
    violation.operation = std::move(operation);
    violation.object = std::move(object);
    return HintFor(violation, Planned(config_), *host_.profile);
  }
  // With the hint's grant alone, and with its switch alone.
  void ExpectThatItHelps(const Hint& hint, const std::string& path, Access needed) {
    EXPECT_FALSE(Includes(Decide(Planned(config_), path), needed)) << "it was open before";
    if (hint.grant.has_value()) {
      SandboxConfig config = config_;
      config.grants.push_back(*hint.grant);
      EXPECT_TRUE(Includes(Decide(Planned(config), path), needed)) << FormatAccess(hint.grant->access);
    }
    if (hint.setting != nullptr) {
      SandboxConfig config = config_;
      config.security.*hint.setting = !(config.security.*hint.setting);
      EXPECT_TRUE(Includes(Decide(Planned(config), path), needed));
    }
  }

  testing::FakeFileSystem files_;
  HostFacts host_;
  SandboxConfig config_;
};

TEST_F(HintTest, WhatNothingOpensTakesAGrant) {
  const std::string file = "/srv/data/sub/file";
  for (const auto& [operation, needed] : {std::pair("read", Access::kRead), std::pair("write", Access::kReadWrite),
                                          std::pair("execute", Access::kReadExecute)}) {
    const Hint hint = For(operation, file);
    EXPECT_EQ(hint.grant, (Grant{file, needed}));
    ExpectThatItHelps(hint, file, needed);
  }
  ExpectThatItHelps(For("make", "/srv/data/sub"), "/srv/data/sub", Access::kReadWrite);
}

TEST_F(HintTest, AGrantGivesAgainWhatOneAboveGave) {
  config_.grants.push_back({"/srv/data", Access::kReadWrite});
  const Hint hint = For("execute", "/srv/data/sub/file");
  EXPECT_EQ(hint.grant, (Grant{"/srv/data/sub/file", Access::kReadWriteExecute}));
  ExpectThatItHelps(hint, "/srv/data/sub/file", Access::kReadWriteExecute);
}

TEST_F(HintTest, AProtectionTakesAGrantOnThePathItself) {
  config_.grants.push_back({"/home/u", Access::kRead});
  const Hint hint = For("read", "/home/u/.ssh/config");
  EXPECT_EQ(hint.grant, (Grant{"/home/u/.ssh/config", Access::kRead}));
  EXPECT_EQ(hint.setting, &SecurityConfig::protect_credentials);
  EXPECT_EQ(hint.text, "protect_credentials");
  ExpectThatItHelps(hint, "/home/u/.ssh/config", Access::kRead);
}

TEST_F(HintTest, AProtectionIsNotNamedWhereTurningItOffIsNotEnough) {
  config_.isolation = Isolation::kDefault;
  const Hint hint = For("read", "/home/u/.ssh/config");
  EXPECT_EQ(hint.setting, nullptr);
  ExpectThatItHelps(hint, "/home/u/.ssh/config", Access::kRead);
}

TEST_F(HintTest, ADenialByNameIsLifted) {
  config_.grants.push_back({"/srv/data", Access::kRead});
  config_.denied.push_back("/srv/data/sub");
  const Hint below = For("read", "/srv/data/sub/file");
  EXPECT_THAT(below.text, HasSubstr("/srv/data/sub is denied by name"));
  ExpectThatItHelps(below, "/srv/data/sub/file", Access::kRead);
  const Hint itself = For("list", "/srv/data/sub");
  EXPECT_EQ(itself.grant, std::nullopt) << "a denial beats a grant on the same path";
  EXPECT_EQ(itself.text, "denied by name");
}

TEST_F(HintTest, ADeviceTakesItsSwitch) {
  const Hint hint = For("read", "/dev/nvidia0");
  EXPECT_EQ(hint.setting, &SecurityConfig::allow_gpu);
  ExpectThatItHelps(hint, "/dev/nvidia0", Access::kRead);
}

TEST_F(HintTest, WhatIsGuardedTakesAGrantOrTheSwitch) {
  config_.working_dir = "/home/u/project";
  const Hint hint = For("write", "/home/u/project/.git/hooks/pre-commit");
  ASSERT_TRUE(hint.grant.has_value());
  EXPECT_EQ(hint.grant->path, "/home/u/project/.git/hooks");
  EXPECT_EQ(hint.setting, &SecurityConfig::protect_project_files);
  SandboxConfig config = config_;
  config.grants.push_back(*hint.grant);
  EXPECT_THAT(Planned(config).guarded, ::testing::Not(::testing::Contains("/home/u/project/.git/hooks")));
}

TEST_F(HintTest, SaysWhatIsClosedBelowADirectoryThatLostItsListing) {
  config_.grants.push_back({"/srv/data", Access::kReadWrite});
  config_.denied.push_back("/srv/data/sub");
  const Hint hint = For("make", "/srv/data");
  EXPECT_EQ(hint.grant, std::nullopt);
  EXPECT_THAT(hint.text, HasSubstr("/srv/data/sub is closed"));
}

TEST_F(HintTest, SaysWhenAGrantOnADirectoryIsNotEnoughWithoutNamespaces) {
  config_.denied.push_back("/srv/data/sub");
  EXPECT_THAT(For("list", "/srv/data").text, HasSubstr("without namespaces not while /srv/data/sub is closed"));
  EXPECT_THAT(For("read", "/srv/data/file").text, ::testing::Not(HasSubstr("without namespaces")));
  EXPECT_THAT(For("list", "/srv/data/other").text, ::testing::Not(HasSubstr("without namespaces")));
}

TEST_F(HintTest, SaysWhatNothingAllows) {
  for (const auto& [operation, kind] :
       {std::pair("make socket", ViolationKind::kFile), std::pair("make device", ViolationKind::kFile),
        std::pair("move", ViolationKind::kFile), std::pair("connect", ViolationKind::kNetwork),
        std::pair("mount", ViolationKind::kSystemCall), std::pair("signal", ViolationKind::kProcess)}) {
    const Hint hint = For(operation, "/srv/data", kind);
    EXPECT_EQ(hint.grant, std::nullopt) << operation;
    EXPECT_EQ(hint.setting, nullptr) << operation;
    EXPECT_NE(hint.text, "") << operation;
  }
  EXPECT_EQ(For("read", "").grant, std::nullopt);
  EXPECT_EQ(For("read", "relative").grant, std::nullopt);
  EXPECT_EQ(For("read", host_.scratch_dir.substr(0, 12)).grant, std::nullopt) << "leash's own";
}

}  // namespace
}  // namespace leash::core
