// Limits through the public API, with and without namespaces, against what this machine has to hold them.
#include "platform/linux/limits.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "leash/explain.h"
#include "leash/leash.h"
#include "platform/linux/sandbox_cgroup.h"

namespace leash {
namespace {

using ::testing::HasSubstr;

// Whether a control group holds this limit here.
bool ByControlGroup(const ResourceLimits& limits) {
  core::Plan plan;
  plan.limits = limits;
  const auto notes = platform::LimitNotesFor(plan);
  return std::all_of(notes.begin(), notes.end(), [](const auto& note) { return note.by.starts_with("cgroup"); });
}

std::vector<std::string> CgroupsOf(const std::string& scratch_dir) {
  const std::string digits = scratch_dir.substr(scratch_dir.find("/leash-") + 7, 16);
  const std::string name = platform::CgroupName(std::stoull(digits, nullptr, 16) | 1);
  std::vector<std::string> found;
  for (const std::string& point : platform::CgroupMountPoints(platform::CgroupFactsOfProcess())) {
    std::error_code ignored;
    for (std::filesystem::recursive_directory_iterator entry(point, ignored), end; entry != end;
         entry.increment(ignored)) {
      if (entry->path().filename() == name) found.push_back(entry->path());
    }
  }
  return found;
}

class LimitsTest : public ::testing::TestWithParam<Namespaces> {
 protected:
  absl::StatusOr<Sandbox<>> Create(const ResourceLimits& limits) const {
    return Sandbox<>::Create(SandboxConfig::Builder().Namespaces(GetParam()).Limits(limits).Build());
  }
  Sandbox<> Make(const ResourceLimits& limits) const {
    auto sandbox = Create(limits);
    EXPECT_TRUE(sandbox.ok()) << sandbox.status();
    return *std::move(sandbox);
  }
  static Output Run(const Sandbox<>& sandbox, const std::string& script) {
    auto output = sandbox.Command("sh").Args({"-c", script}).Output();
    EXPECT_TRUE(output.ok()) << output.status();
    return output.ok() ? *std::move(output) : Output();
  }
  void SetUp() override {
    if (GetParam() == Namespaces::kRequire && !Create({}).ok()) GTEST_SKIP() << "namespaces: refused to this user here";
  }
};
INSTANTIATE_TEST_SUITE_P(Mechanisms, LimitsTest, ::testing::Values(Namespaces::kRequire, Namespaces::kOff),
                         [](const auto& test) { return test.param == Namespaces::kOff ? "Without" : "Namespaces"; });

// A process that takes this many MiB, touched, twice (perl keeps the constant), and then `rest` of a program.
std::string Taking(int mebibytes, const std::string& rest = "") {
  return "perl -e '$x = \"x\" x (" + std::to_string(mebibytes) + " << 20); " + rest + "'";
}

TEST_P(LimitsTest, OnMemoryEndsWhatPassesIt) {
  Sandbox<> sandbox = Make({.memory_bytes = 64 << 20});
  const Output small = Run(sandbox, "exec " + Taking(8));
  EXPECT_TRUE(small.status.Success()) << small.stderr_bytes;
  EXPECT_EQ(small.usage.ended_by, std::nullopt);
  const Output large = Run(sandbox, "exec " + Taking(200));
  EXPECT_FALSE(large.status.Success());
  if (!ByControlGroup({.memory_bytes = 1})) return;  // then perl is told that there is none, and says so
  EXPECT_EQ(large.status.Signal(), SIGKILL);
  EXPECT_EQ(large.usage.ended_by, Limit::kMemory);
  EXPECT_TRUE(Run(sandbox, "exec " + Taking(8)).status.Success()) << "the sandbox goes on";
}

TEST_P(LimitsTest, OnMemoryIsForAllProcessesTogether) {
  if (!ByControlGroup({.memory_bytes = 1})) GTEST_SKIP() << "no control group for memory here";
  // Four that take 30 MiB each, all at once; fails when one of them did.
  const std::string four =
      "perl -e 'for (1..4) { if (!fork) { $x = \"x\" x (30 << 20); sleep 2; exit 0 } } "
      "for (1..4) { wait; $bad ||= $? } exit($bad ? 7 : 0)'";
  Sandbox<> wide = Make({.memory_bytes = 512 << 20});
  EXPECT_TRUE(Run(wide, four).status.Success()) << "control";
  Sandbox<> narrow = Make({.memory_bytes = 64 << 20});
  const Output output = Run(narrow, four);
  EXPECT_EQ(output.status.Code(), 7) << output.stderr_bytes;
  EXPECT_EQ(output.usage.ended_by, Limit::kMemory);
}

TEST_P(LimitsTest, OnMemoryIsForAllCommandsTogether) {
  if (!ByControlGroup({.memory_bytes = 1})) GTEST_SKIP() << "no control group for memory here";
  Sandbox<> sandbox = Make({.memory_bytes = 64 << 20});
  auto first = sandbox.Command("sh")
                   .Args({"-c", "exec " + Taking(20, "$| = 1; print \"up\\n\"; sleep 300")})
                   .Stdout(Stdio::Pipe())
                   .Spawn();
  ASSERT_TRUE(first.ok());
  std::array<char, 8> text = {};
  ASSERT_GT(*first->ReadStdout(text), 0U);
  EXPECT_EQ(*first->TryWait(), std::nullopt) << "it fits by itself";
  const Output second = Run(sandbox, "exec " + Taking(20));
  const bool first_ended = first->TryWait()->has_value();
  EXPECT_TRUE(first_ended || !second.status.Success()) << "both fitted";
  ASSERT_TRUE(first->Kill().ok());
}

// Which process the kernel ends is its choice, but never leash, whose memory a starting command shares.
TEST_P(LimitsTest, OnMemoryNeverEndsTheCaller) {
  if (!ByControlGroup({.memory_bytes = 1})) GTEST_SKIP() << "no control group for memory here";
  const std::vector<char> ours(std::size_t{256} << 20, 'x');  // more than anything in there
  Sandbox<> sandbox = Make({.memory_bytes = 32 << 20});
  auto hog = sandbox.Command("sh").Args({"-c", "while :; do " + Taking(200) + "; done 2>/dev/null"}).Spawn();
  ASSERT_TRUE(hog.ok());
  int succeeded = 0;
  for (int i = 0; i < 100; ++i) {
    const auto output = sandbox.Command("true").Output();  // may fail for want of memory
    succeeded += output.ok() && output->status.Success() ? 1 : 0;
  }
  EXPECT_GT(succeeded, 0);
  EXPECT_TRUE(hog->Kill().ok());
  EXPECT_EQ(ours.back(), 'x');
}

TEST_P(LimitsTest, OnProcessesHoldsForTheWholeSandbox) {
  const std::string nine = "for i in 1 2 3 4 5 6 7 8; do sleep 1 & done; wait; echo done";
  const bool by_group = ByControlGroup({.processes = 1});
  if (::geteuid() == 0 && !by_group) {
    const auto refused = Create({.processes = 4});
    EXPECT_EQ(GetErrorCode(refused.status()), ErrorCode::kNotEnforced);
    EXPECT_THAT(std::string(refused.status().message()), HasSubstr("the limit on processes"));
    return;
  }
  Sandbox<> wide = Make({.processes = 100});
  EXPECT_EQ(Run(wide, nine).stdout_bytes, "done\n") << "control";
  EXPECT_EQ(Run(wide, nine).usage.refused_processes, 0U);
  Sandbox<> narrow = Make({.processes = 4});
  const Output output = Run(narrow, nine);
  EXPECT_FALSE(output.status.Success());
  EXPECT_THAT(output.stderr_bytes, HasSubstr("fork"));
  EXPECT_EQ(output.usage.ended_by, std::nullopt) << "it ended by itself";
  EXPECT_EQ(output.usage.refused_processes > 0, by_group);
  EXPECT_EQ(Run(Make({.processes = 4}), "sleep 0 & wait; echo done").stdout_bytes, "done\n") << "three do fit";
}

TEST_P(LimitsTest, OnProcessesHoldsAForkBomb) {
  if (::geteuid() == 0 && !ByControlGroup({.processes = 1})) GTEST_SKIP() << "nothing holds it for root here";
  Sandbox<> sandbox = Make({.wall_time = absl::Seconds(60), .processes = 20});
  // Each copy starts two more, and so on; bounded at 2000 should the limit not hold.
  const Output output = Run(sandbox,
                            "perl -e '$SIG{CHLD} = \"IGNORE\"; for (1..11) { $n++ unless defined fork } "
                            "sleep 1; exit 0' 2>/dev/null; echo over");
  EXPECT_EQ(output.stdout_bytes, "over\n");
  EXPECT_TRUE(sandbox.Close().ok());
}

TEST_P(LimitsTest, OnTimeAndFilesSayWhatEndedACommand) {
  Sandbox<> cpu = Make({.cpu_time = absl::Seconds(1)});
  EXPECT_EQ(Run(cpu, "while :; do :; done").usage.ended_by, Limit::kCpuTime);
  EXPECT_EQ(Run(cpu, "kill -9 $$").usage.ended_by, std::nullopt) << "another reason";
  Sandbox<> files = Make({.file_size_bytes = 1024, .open_files = 16});
  const Output output = Run(files, "exec head -c 65536 /dev/zero > large");
  EXPECT_EQ(output.status.Signal(), SIGXFSZ);
  EXPECT_EQ(output.usage.ended_by, Limit::kFileSize);
  EXPECT_EQ(Run(files, "ulimit -n").stdout_bytes, "16\n");
  Sandbox<> wall = Make({.wall_time = absl::Milliseconds(100)});
  auto child = wall.Command("sleep").Arg("300").Spawn();
  ASSERT_TRUE(child.ok());
  EXPECT_EQ(GetErrorCode(child->Wait().status()), ErrorCode::kTimeout);
  EXPECT_EQ(child->Usage().ended_by, Limit::kWallTime);
}

TEST_P(LimitsTest, AKillOfTheCallersIsNoLimit) {
  Sandbox<> sandbox = Make({.cpu_time = absl::Seconds(30)});
  auto child = sandbox.Command("sleep").Arg("300").Spawn();
  ASSERT_TRUE(child.ok());
  ASSERT_TRUE(child->Kill().ok());
  EXPECT_EQ(child->Wait()->Signal(), SIGKILL);
  EXPECT_EQ(child->Usage().ended_by, std::nullopt);
}

TEST_P(LimitsTest, LeaveNoControlGroupBehind) {
  if (!ByControlGroup({.memory_bytes = 1, .processes = 1})) GTEST_SKIP() << "no control groups here";
  Sandbox<> sandbox = Make({.memory_bytes = 64 << 20, .processes = 50});
  const std::string scratch = sandbox.ScratchDir();
  EXPECT_FALSE(CgroupsOf(scratch).empty()) << "control";
  Run(sandbox, "setsid sh -c 'sleep 300' >/dev/null 2>&1 & sleep 300 >/dev/null 2>&1 & exec " + Taking(200));
  EXPECT_TRUE(sandbox.Close().ok());
  EXPECT_THAT(CgroupsOf(scratch), ::testing::IsEmpty());
  std::string dropped;
  {
    Sandbox<> other = Make({.processes = 50});
    dropped = other.ScratchDir();
    EXPECT_TRUE(other.Command("sleep").Arg("300").Spawn().ok());
  }
  EXPECT_THAT(CgroupsOf(dropped), ::testing::IsEmpty());
  Sandbox<> none = Make({.open_files = 50});
  EXPECT_THAT(CgroupsOf(none.ScratchDir()), ::testing::IsEmpty()) << "made only for a limit that needs it";
}

// In the permissive tier everything is open, and this must not be.
TEST_P(LimitsTest, CannotBeLiftedFromWithin) {
  if (!ByControlGroup({.processes = 1})) GTEST_SKIP() << "no control group for processes here";
  const auto config = SandboxConfig::Builder()
                          .Isolation(Isolation::kPermissive)
                          .Security(SecurityConfig::Permissive())
                          .Namespaces(GetParam());
  auto sandbox =
      Sandbox<>::Create(SandboxConfigBuilder(config).Limits({.memory_bytes = 256 << 20, .processes = 20}).Build());
  ASSERT_TRUE(sandbox.ok()) << sandbox.status();
  for (const std::string& directory : CgroupsOf(sandbox->ScratchDir())) {
    const std::string script = "(echo max > " + directory + "/pids.max) 2>/dev/null && echo lifted; (echo $$ > " +
                               std::filesystem::path(directory).parent_path().string() +
                               "/cgroup.procs) 2>/dev/null && echo left; ls " + directory;
    EXPECT_EQ(Run(*sandbox, script).stdout_bytes, "") << directory;
  }
  // A grant that is asked for opens it, and then a limit there would be none.
  const auto granted =
      Sandbox<>::Create(SandboxConfigBuilder(config).Writable("/sys/fs/cgroup").Limits({.processes = 20}).Build());
  if (::geteuid() == 0) {
    EXPECT_THAT(std::string(granted.status().message()), HasSubstr("could be lifted"));
  }
}

TEST(Limits, WithBestEffortLeaveOutWhatCannotBeHeld) {
  rlimit before = {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  // In a process of its own: a hard limit cannot be raised again.
  const auto in_child = [](const std::function<bool()>& holds) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      const rlimit low = {4096, 4096};
      ::_exit(::setrlimit(RLIMIT_FSIZE, &low) == 0 && holds() ? 0 : 1);
    }
    int status = -1;
    ::waitpid(pid, &status, 0);
    return status == 0;
  };
  const auto builder = SandboxConfig::Builder().Limits({.file_size_bytes = 1 << 20});
  EXPECT_TRUE(in_child([&] {
    const absl::Status status = Sandbox<>::Create(builder.Build()).status();
    return GetErrorCode(status) == ErrorCode::kNotEnforced &&
           status.message().find("the limit on file size cannot be enforced: 1048576 is above") == 0;
  }));
  EXPECT_TRUE(in_child([&] {
    const auto config = SandboxConfigBuilder(builder).Weaken(unsafe::BestEffortLimits()).Build();
    auto sandbox = Sandbox<>::Create(config);
    const auto text = Explain(config, true, ExplainFormat::kText);
    return sandbox.ok() && sandbox->Command("true").Output().ok() && text.ok() &&
           text->find("the limit on file size is left out") != std::string::npos;
  }));
}

}  // namespace
}  // namespace leash
