// Configuration -> plan, on a machine that exists only here.
#include "core/planner.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "leash/error.h"
#include "leash/presets.h"
#include "platform/linux/profile.h"
#include "support/fake_file_system.h"

namespace leash::core {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;

class PlannerTest : public ::testing::Test {
 protected:
  PlannerTest() {
    for (const char* path : {"/usr/bin", "/usr/lib", "/usr/share/zoneinfo", "/etc/ssl/certs", "/proc", "/sys", "/run",
                             "/tmp", "/var/tmp", "/var/log", "/var/www", "/srv/data", "/dev/dri", "/home/u/project/src",
                             "/home/u/.ssh", "/home/u/.aws", "/home/other", "/root", "/tmp/leash-s/work"}) {
      files_.AddDirectory(path);
    }
    for (const char* path : {"/etc/passwd", "/etc/shadow", "/usr/share/zoneinfo/UTC", "/home/u/.ssh/config",
                             "/home/u/.ssh/id", "/home/u/notes", "/home/u/.netrc", "/proc/cpuinfo"}) {
      files_.AddFile(path);
    }
    for (const char* path : {"/dev/null", "/dev/tty", "/dev/nvidia0", "/dev/nvidia1", "/dev/nvidiactl",
                             "/dev/dri/renderD128", "/dev/dri/card0", "/dev/kfd", "/dev/accel/accel0", "/dev/video0"}) {
      files_.AddDevice(path);
    }
    files_.AddLink("/bin", "usr/bin");
    files_.AddLink("/etc/localtime", "/usr/share/zoneinfo/UTC");
    host_.files = &files_;
    host_.profile = &platform::LinuxProfile();
    host_.home = "/home/u";
    host_.current_dir = "/home/u/project";
    host_.scratch_dir = "/tmp/leash-s/work";
    host_.environment.Set("PATH", "/home/u/bin");
    host_.environment.Set("SECRET", "hunter2");
    host_.environment.Set("LANG", "C.UTF-8");
    host_.environment.Set("LC_TIME", "de_DE");
  }

  Plan Make(const SandboxConfig& config) {
    auto plan = MakePlan(config, true, host_);
    EXPECT_TRUE(plan.ok()) << plan.status();
    return plan.ok() ? *std::move(plan) : Plan();
  }
  Access In(const SandboxConfig& config, const std::string& path) { return Decide(Make(config), path); }

  SandboxConfig Tier(Isolation tier) {
    SandboxConfig config;
    config.isolation = tier;
    if (tier == Isolation::kPermissive) config.security = SecurityConfig::Permissive();
    return config;
  }

  testing::FakeFileSystem files_;
  HostFacts host_;
};

TEST_F(PlannerTest, ANetworkNamesTheProxy) {
  const auto environment_of = [&](const SandboxConfig& config) {
    auto plan = MakePlan(config, false, host_);
    EXPECT_TRUE(plan.ok()) << plan.status();
    return plan.ok() ? plan->environment : decltype(plan->environment){};
  };
  SandboxConfig config;
  EXPECT_THAT(environment_of(config), Contains(Pair("HTTPS_PROXY", "http://127.0.0.1:3128")));
  EXPECT_THAT(environment_of(config), Contains(Pair("http_proxy", "http://127.0.0.1:3128")));
  EXPECT_THAT(environment_of(config), Contains(Pair("all_proxy", "socks5h://127.0.0.1:3128")));
  EXPECT_THAT(environment_of(config), Contains(Pair("NO_PROXY", "localhost,127.0.0.1,::1")));
  EXPECT_THAT(environment_of(config), Contains(Pair("NODE_USE_ENV_PROXY", "1")));
  EXPECT_THAT(Make(config).environment, Not(Contains(Pair("HTTPS_PROXY", ::testing::_)))) << "none when it is denied";

  // In whichever case it is the user's word.
  config.env = {{"HTTPS_PROXY", "http://127.0.0.1:9"}, {"no_proxy", ""}};
  EXPECT_THAT(environment_of(config), Contains(Pair("HTTPS_PROXY", "http://127.0.0.1:9")));
  EXPECT_THAT(environment_of(config), Not(Contains(Pair("https_proxy", ::testing::_))));
  EXPECT_THAT(environment_of(config), Not(Contains(Pair("NO_PROXY", ::testing::_))));
  EXPECT_THAT(environment_of(config), Contains(Pair("HTTP_PROXY", "http://127.0.0.1:3128")));
}

TEST_F(PlannerTest, TheThreeTiersDiffer) {
  struct Row {
    const char* path;
    Access strict, standard, permissive;
  };
  constexpr Access kNone = Access::kNone;
  constexpr Access kR = Access::kRead;
  constexpr Access kRw = Access::kReadWrite;
  constexpr Access kRx = Access::kReadExecute;
  constexpr Access kAll = Access::kReadWriteExecute;
  for (const Row& row : {
           Row{"/usr/bin/cat", kRx, kRx, kAll},
           Row{"/usr/share/zoneinfo/UTC", kRx, kRx, kAll},
           Row{"/etc/passwd", kR, kR, kAll},
           Row{"/etc/shadow", kNone, kNone, kAll},
           Row{"/etc/unknown", kNone, kNone, kAll},
           Row{"/srv/data/file", kNone, kR, kAll},
           Row{"/var/www/index.html", kNone, kR, kAll},
           Row{"/var/log/syslog", kNone, kNone, kAll},
           Row{"/tmp/other", kNone, kNone, kAll},
           Row{"/var/tmp/other", kNone, kNone, kAll},
           Row{"/run/user/1000/bus", kNone, kNone, kAll},
           Row{"/proc/cpuinfo", kR, kR, kAll},
           Row{"/proc/1/environ", kNone, kNone, kAll},
           Row{"/home/u/notes", kNone, kNone, kAll},
           Row{"/home/other/notes", kNone, kNone, kAll},
           Row{"/root/x", kNone, kNone, kAll},
           Row{"/dev/null", kRw, kRw, kAll},
           Row{"/dev/nvidia0", kNone, kNone, kAll},
           Row{"/tmp/leash-s/work/file", kRw, kRw, kAll},
           Row{"/", kNone, kR, kAll},
       }) {
    EXPECT_EQ(In(Tier(Isolation::kStrict), row.path), row.strict) << row.path;
    EXPECT_EQ(In(Tier(Isolation::kDefault), row.path), row.standard) << row.path;
    if (std::string_view(row.path).starts_with("/tmp/leash-s")) continue;
    EXPECT_EQ(In(Tier(Isolation::kPermissive), row.path), row.permissive) << row.path;
  }
}

TEST_F(PlannerTest, TheOwnersLockBesideTheScratchIsClosed) {
  EXPECT_EQ(In(Tier(Isolation::kDefault), "/tmp/leash-s/owner"), Access::kNone);
  SandboxConfig config = Tier(Isolation::kDefault);
  config.grants = {{"/tmp", Access::kReadWrite}};
  files_.AddDirectory("/tmp/leash-other/work");
  EXPECT_EQ(In(config, "/tmp/leash-s/owner"), Access::kNone);
  EXPECT_EQ(In(config, "/tmp/leash-other/work/x"), Access::kNone);
  EXPECT_EQ(In(config, "/tmp/x"), Access::kReadWrite);
}

TEST_F(PlannerTest, AGrantAboveAProtectedPathLeavesItClosed) {
  SandboxConfig config;
  config.grants = {{"/home/u", Access::kReadWrite}};
  EXPECT_EQ(In(config, "/home/u/notes"), Access::kReadWrite);
  EXPECT_EQ(In(config, "/home/u/.ssh/id"), Access::kNone);
  EXPECT_EQ(In(config, "/home/u/.aws/credentials"), Access::kNone);
  EXPECT_EQ(In(config, "/home/u/.netrc"), Access::kNone);
  EXPECT_EQ(In(config, "/home/u/.kube/config"), Access::kNone) << "closed although it does not exist yet";
}

TEST_F(PlannerTest, AGrantInsideAProtectedPathOpensJustThat) {
  SandboxConfig config;
  config.grants = {{"/home/u/.ssh/config", Access::kRead}};
  EXPECT_EQ(In(config, "/home/u/.ssh/config"), Access::kRead);
  EXPECT_EQ(In(config, "/home/u/.ssh/id"), Access::kNone);
  EXPECT_EQ(In(config, "/home/u/notes"), Access::kNone);
}

TEST_F(PlannerTest, TheStartDirectoryIsGrantedButNotWhatItProtects) {
  SandboxConfig config;
  config.start_dir = "/home/u";  // equal to a protected path
  EXPECT_EQ(In(config, "/home/u/notes"), Access::kRead);
  EXPECT_EQ(In(config, "/home/u/.ssh/id"), Access::kNone);
  config.start_dir = "/home";  // above
  EXPECT_EQ(In(config, "/home/u/notes"), Access::kNone);
  EXPECT_EQ(In(config, "/home/other/notes"), Access::kNone);
  config.start_dir = "/";
  EXPECT_EQ(In(config, "/etc/shadow"), Access::kNone);
  EXPECT_EQ(In(config, "/home/u/.ssh/id"), Access::kNone);
  config.start_dir = "/home/u/.ssh";  // below the home, equal to another protection
  EXPECT_EQ(In(config, "/home/u/.ssh/id"), Access::kRead);
  EXPECT_EQ(In(config, "/home/u/notes"), Access::kNone);
  config.start_dir = "src";  // relative, below
  const Plan plan = Make(config);
  EXPECT_EQ(plan.start_dir, "/home/u/project/src");
  EXPECT_EQ(Decide(plan, "/home/u/project/src/main.c"), Access::kRead);
  EXPECT_EQ(Decide(plan, "/home/u/project/other"), Access::kNone);
}

TEST_F(PlannerTest, ProtectionsHoldThroughLinks) {
  files_.AddDirectory("/srv/keys");
  files_.AddLink("/home/u/.gnupg", "/srv/keys");
  EXPECT_EQ(In({}, "/srv/keys/private"), Access::kNone) << "what ~/.gnupg leads to is readable in this tier otherwise";
  EXPECT_EQ(In({}, "/srv/data/x"), Access::kRead);
  files_.AddLink("/srv/door", "/home/u");
  SandboxConfig config;
  config.grants = {{"/srv/door", Access::kRead}};
  EXPECT_EQ(In(config, "/home/u/notes"), Access::kRead);
  EXPECT_EQ(In(config, "/home/u/.ssh/id"), Access::kNone);
  config.grants = {{"/srv/door/.ssh/config", Access::kRead}};
  EXPECT_EQ(In(config, "/home/u/.ssh/config"), Access::kRead);
}

TEST_F(PlannerTest, RelativePathsNeedACurrentDirectory) {
  SandboxConfig config;
  config.denied = {"src"};
  EXPECT_TRUE(MakePlan(config, true, host_).ok());
  host_.current_dir.clear();
  EXPECT_THAT(std::string(MakePlan(config, true, host_).status().message()), HasSubstr("src is relative"));
  config.denied = {"/home/u/project/src"};
  EXPECT_TRUE(MakePlan(config, true, host_).ok());
}

TEST_F(PlannerTest, DenyBeatsGrantOnTheSamePath) {
  SandboxConfig config;
  config.grants = {{"/srv/data", Access::kReadWrite}, {"/srv/data/public", Access::kRead}};
  files_.AddDirectory("/srv/data/public");
  config.denied = {"/srv/data"};
  EXPECT_EQ(In(config, "/srv/data/x"), Access::kNone);
  EXPECT_EQ(In(config, "/srv/data/public/x"), Access::kRead) << "the more specific path wins";
  config.denied = {"../../../srv/data/none-yet"};
  EXPECT_EQ(In(config, "/srv/data/none-yet/x"), Access::kNone);
}

TEST_F(PlannerTest, GrantsOfOnePathAddUp) {
  SandboxConfig config;
  config.grants = {{"/srv/data", Access::kReadWrite}, {"/srv/data", Access::kReadExecute}};
  EXPECT_EQ(In(config, "/srv/data/x"), Access::kReadWriteExecute);
}

TEST_F(PlannerTest, AReadingGrantTakesNothingAwayFromTheTier) {
  SandboxConfig config;
  config.grants = {{"/usr/bin", Access::kRead}};
  EXPECT_EQ(In(config, "/usr/bin/cat"), Access::kReadExecute);
  config.grants = {{"/usr", Access::kRead}};
  EXPECT_EQ(In(config, "/usr/bin/cat"), Access::kReadExecute);
}

TEST_F(PlannerTest, WhatIsWritableIsNotExecutable) {
  SandboxConfig config;
  config.grants = {{"/usr/lib", Access::kReadWrite}};
  EXPECT_EQ(In(config, "/usr/lib/x"), Access::kReadWrite);
}

TEST_F(PlannerTest, HomeWithoutItsProtectionIsReadableNotWritable) {
  SandboxConfig config;
  config.security.protect_user_home = false;
  EXPECT_EQ(In(config, "/home/u/notes"), Access::kRead);
  EXPECT_EQ(In(config, "/home/u/.ssh/id"), Access::kNone) << "another protection";
}

TEST_F(PlannerTest, ProtectionsHoldInThePermissiveTierToo) {
  SandboxConfig config = Tier(Isolation::kPermissive);
  config.security.protect_credentials = true;
  EXPECT_EQ(In(config, "/home/u/.ssh/authorized_keys"), Access::kNone);
  EXPECT_EQ(In(config, "/home/u/.aws/credentials"), Access::kReadWriteExecute);
  EXPECT_EQ(In(config, "/etc/shadow"), Access::kNone);
}

TEST_F(PlannerTest, EachDeviceFlagOpensItsNodes) {
  SandboxConfig config;
  config.security.allow_gpu = true;
  const Plan plan = Make(config);
  for (const char* node : {"/dev/nvidia0", "/dev/nvidia1", "/dev/nvidiactl", "/dev/dri/renderD128", "/dev/kfd"}) {
    EXPECT_EQ(Decide(plan, node), Access::kReadWrite) << node;
    EXPECT_TRUE(DecidingRule(plan, node)->device) << node;
  }
  EXPECT_EQ(Decide(plan, "/dev/dri/card0"), Access::kNone);
  EXPECT_EQ(Decide(plan, "/dev/accel/accel0"), Access::kNone);
  config.security = SecurityConfig::Strict().AllowNpu(true);
  EXPECT_EQ(In(config, "/dev/accel/accel0"), Access::kReadWrite);
  config.security = SecurityConfig::Strict().AllowHardware(true);
  EXPECT_EQ(In(config, "/dev/video0"), Access::kReadWrite);
  config.security = SecurityConfig::Strict().AllowTtyWrite(true);
  EXPECT_EQ(In(config, "/dev/tty"), Access::kReadWrite);
  EXPECT_TRUE(Make(config).security.allow_tty_write);
  EXPECT_FALSE(Make({}).security.allow_tty_write);
}

TEST_F(PlannerTest, AFlagWithoutEffectIsSaid) {
  SandboxConfig config;
  EXPECT_THAT(Make(config).notes, IsEmpty());
  config.security.allow_tcc_prompts = true;
  EXPECT_THAT(Make(config).notes, Contains(HasSubstr("allow_tcc_prompts")));
}

TEST_F(PlannerTest, AMissingPathIsAnErrorThatNamesIt) {
  SandboxConfig config;
  config.grants = {{"datta", Access::kRead}};
  const auto plan = MakePlan(config, true, host_);
  EXPECT_EQ(GetErrorCode(plan.status()), ErrorCode::kPathNotFound);
  EXPECT_THAT(std::string(plan.status().message()), HasSubstr("/home/u/project/datta"));
  config.grants.clear();
  config.working_dir = "/no/such";
  EXPECT_EQ(GetErrorCode(MakePlan(config, true, host_).status()), ErrorCode::kPathNotFound);
  config.working_dir = "/etc/passwd";
  EXPECT_EQ(GetErrorCode(MakePlan(config, true, host_).status()), ErrorCode::kInvalidArgument);
}

TEST_F(PlannerTest, WithoutAHomeNothingIsPromisedAboutIt) {
  host_.home = "";
  EXPECT_EQ(GetErrorCode(MakePlan({}, true, host_).status()), ErrorCode::kInvalidArgument);
  EXPECT_TRUE(MakePlan(Tier(Isolation::kPermissive), true, host_).ok()) << "which protects nothing";
}

TEST_F(PlannerTest, WhereLimitsCanBeLiftedIsClosedWhileThereAreAny) {
  files_.AddDirectory("/sys/fs/cgroup");
  SandboxConfig config = Tier(Isolation::kPermissive);
  EXPECT_EQ(In(config, "/sys/fs/cgroup/pids"), Access::kReadWriteExecute);
  config.limits.open_files = 50;
  EXPECT_EQ(In(config, "/sys/fs/cgroup/pids"), Access::kReadWriteExecute) << "no control group holds that one";
  config.limits.processes = 4;
  EXPECT_EQ(In(config, "/sys/fs/cgroup/pids"), Access::kNone);
  config.limits = {.memory_bytes = 1 << 20};
  config.grants = {{"/sys", Access::kReadWrite}};
  EXPECT_EQ(In(config, "/sys/fs/cgroup/pids"), Access::kNone) << "under a grant";
}

TEST_F(PlannerTest, ImpossibleValuesAreRefused) {
  const auto code = [&](const SandboxConfig& config) { return GetErrorCode(MakePlan(config, true, host_).status()); };
  SandboxConfig config;
  config.grants = {{std::string("/srv\0/x", 7), Access::kRead}};
  EXPECT_EQ(code(config), ErrorCode::kInvalidArgument);
  config.grants = {{"", Access::kRead}};
  EXPECT_EQ(code(config), ErrorCode::kInvalidArgument);
  config.grants = {{"/srv", Access::kNone}};
  EXPECT_EQ(code(config), ErrorCode::kInvalidArgument);
  config = {};
  config.env = {{"A=B", "x"}};
  EXPECT_EQ(code(config), ErrorCode::kInvalidArgument);
  config = {};
  config.env_passthrough = {""};
  EXPECT_EQ(code(config), ErrorCode::kInvalidArgument);
  config = {};
  config.limits.wall_time = absl::ZeroDuration();
  EXPECT_EQ(code(config), ErrorCode::kInvalidArgument);
  config = {};
  config.denied = {""};
  EXPECT_EQ(code(config), ErrorCode::kInvalidArgument);
}

TEST_F(PlannerTest, TheEnvironmentIsMadeNew) {
  SandboxConfig config;
  config.env_passthrough = {"NOT_SET"};
  config.env = {{"A", "1"}, {"A", "2"}};
  const auto environment = Make(config).environment;
  EXPECT_THAT(environment, Contains(Pair("HOME", "/tmp/leash-s/work")));
  EXPECT_THAT(environment, Contains(Pair("TMPDIR", "/tmp/leash-s/work")));
  EXPECT_THAT(environment, Contains(Pair("LANG", "C.UTF-8")));
  EXPECT_THAT(environment, Contains(Pair("LC_TIME", "de_DE")));
  EXPECT_THAT(environment, Contains(Pair("A", "2")));
  EXPECT_THAT(environment, Not(Contains(Pair("SECRET", "hunter2"))));
  EXPECT_THAT(environment, Not(Contains(Pair("PATH", "/home/u/bin"))));
  config.env_passthrough = {"SECRET", "PATH"};
  EXPECT_THAT(Make(config).environment, Contains(Pair("SECRET", "hunter2")));
  EXPECT_THAT(Make(config).environment, Contains(Pair("PATH", "/home/u/bin")));
}

TEST_F(PlannerTest, AConfiguredWorkingDirectoryIsWritableAndTheScratchStays) {
  SandboxConfig config;
  config.working_dir = ".";
  const Plan plan = Make(config);
  EXPECT_EQ(plan.working_dir, "/home/u/project");
  EXPECT_EQ(plan.start_dir, "/home/u/project");
  EXPECT_EQ(plan.scratch_dir, "/tmp/leash-s/work");
  EXPECT_EQ(Decide(plan, "/home/u/project/x"), Access::kReadWrite);
  EXPECT_EQ(Decide(plan, "/tmp/leash-s/work/x"), Access::kReadWrite);
}

TEST_F(PlannerTest, TheStartDirectoryTakesNothingFromAGrantAboveIt) {
  SandboxConfig config;
  config.grants = {{"/home/u/project", Access::kReadWrite}};
  config.start_dir = "src";
  EXPECT_EQ(In(config, "/home/u/project/src/x"), Access::kReadWrite);
  config.grants.push_back({"/home/u/project/src", Access::kRead});
  config.start_dir.reset();
  EXPECT_EQ(In(config, "/home/u/project/src/x"), Access::kRead) << "a grant that was asked for narrows another";
}

TEST_F(PlannerTest, PresetsAreWhatTheySay) {
  EXPECT_EQ(StrictPreset().isolation, Isolation::kStrict);
  EXPECT_EQ(In(StrictPreset(), "/srv/data/x"), Access::kNone);
  EXPECT_THAT(Make(PythonDevPreset()).environment, Contains(Pair("PYTHONUNBUFFERED", "1")));
  EXPECT_EQ(In(PythonDevPreset(), "/dev/nvidia0"), Access::kNone);
  EXPECT_EQ(In(PythonDataSciencePreset(), "/dev/nvidia0"), Access::kReadWrite);
}

}  // namespace
}  // namespace leash::core
