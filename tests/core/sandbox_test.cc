// The public API as an application uses it, against the real kernel.
#include "leash/sandbox.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <future>
#include <thread>

#include "absl/time/clock.h"
#include "base/file_system.h"
#include "base/path.h"
#include "base/unique_fd.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "leash/leash.h"
#include "support/private_tmpdir.h"

namespace leash {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;

bool Exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }
// A zombie has ended: an orphan's is reaped by init, which may take its time.
bool Alive(pid_t pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  std::getline(stat, line);
  const std::size_t state = line.rfind(") ");
  return state != std::string::npos && line[state + 2] != 'Z' && line[state + 2] != 'X';
}

// With namespaces and without: an application sees no difference, but for what a command can see.
class SandboxTest : public ::testing::TestWithParam<Namespaces> {
 protected:
  void SetUp() override {
    if (WithNamespaces() && !Create().ok()) GTEST_SKIP() << "namespaces: refused to this user here";
  }
  static absl::StatusOr<Sandbox<>> Create(ConfigFor<DenyAll> config = {}) {
    config.namespaces = GetParam();
    return Sandbox<>::Create(config);
  }
  static bool WithNamespaces() { return GetParam() == Namespaces::kRequire; }
  static Sandbox<> Make(const ConfigFor<DenyAll>& config = {}) {
    auto sandbox = Create(config);
    EXPECT_TRUE(sandbox.ok()) << sandbox.status();
    return *std::move(sandbox);
  }
  static Output Run(Sandbox<>& sandbox, const std::string& script) {
    auto output = sandbox.Command("sh").Arg("-c").Arg(script).Output();
    EXPECT_TRUE(output.ok()) << output.status();
    return output.ok() ? *std::move(output) : Output();
  }
};

TEST_P(SandboxTest, RunsAProgramAndCollectsItsOutput) {
  Sandbox<> sandbox = Make();
  const auto output = sandbox.Command("echo").Arg("hello").Output();
  ASSERT_TRUE(output.ok()) << output.status();
  EXPECT_EQ(output->stdout_bytes, "hello\n");
  EXPECT_EQ(output->stderr_bytes, "");
  EXPECT_TRUE(output->status.Success());
}

TEST_P(SandboxTest, ReportsHowAProgramEnded) {
  Sandbox<> sandbox = Make();
  EXPECT_EQ(Run(sandbox, "exit 7").status.Code(), 7);
  const ExitStatus killed = Run(sandbox, "kill -9 $$").status;
  EXPECT_EQ(killed.Signal(), SIGKILL);
  EXPECT_EQ(killed.Code(), std::nullopt);
  EXPECT_EQ(killed.ShellCode(), 137);
}

TEST_P(SandboxTest, ArgumentsAndPathsAreBytes) {
  Sandbox<> sandbox = Make();
  const std::string odd = "\xff\xfe \n'\"$";
  const auto output = sandbox.Command("printf").Args({"%s|%s", odd, ""}).Output();
  ASSERT_TRUE(output.ok());
  EXPECT_EQ(output->stdout_bytes, odd + "|");
  EXPECT_EQ(GetErrorCode(sandbox.Command("echo").Arg(std::string_view("a\0b", 3)).Output().status()),
            ErrorCode::kInvalidArgument);
}

TEST_P(SandboxTest, StartsInItsScratchDirectoryWhichItMayWrite) {
  Sandbox<> sandbox = Make();
  EXPECT_EQ(Run(sandbox, "pwd").stdout_bytes, sandbox.WorkingDir() + "\n");
  EXPECT_EQ(Run(sandbox, "echo x > f && cat f && echo $HOME $TMPDIR").stdout_bytes,
            "x\n" + sandbox.ScratchDir() + " " + sandbox.ScratchDir() + "\n");
}

TEST_P(SandboxTest, RemovesItsScratchDirectoryUnlessKept) {
  std::string path;
  {
    Sandbox<> sandbox = Make();
    path = sandbox.ScratchDir();
    Run(sandbox, "mkdir -p a/b && touch a/b/c && chmod 0 a/b");
    EXPECT_TRUE(Exists(path));
  }
  EXPECT_FALSE(Exists(path));
  {
    Sandbox<> sandbox = Make();
    path = sandbox.ScratchDir();
    sandbox.KeepScratch();
  }
  EXPECT_TRUE(Exists(path));
  const std::string outer(base::ParentOf(path));
  EXPECT_EQ(::rmdir(path.c_str()), 0);
  EXPECT_EQ(::unlink((outer + "/kept").c_str()), 0);
  EXPECT_EQ(::rmdir(outer.c_str()), 0);
}

TEST_P(SandboxTest, ACommandCanStandElsewhereIfItMaySeeIt) {
  Sandbox<> sandbox = Make();
  EXPECT_EQ(sandbox.Command("pwd").CurrentDir("/usr/bin").Output()->stdout_bytes, "/usr/bin\n");
  EXPECT_EQ(GetErrorCode(sandbox.Command("pwd").CurrentDir("/no/such").Output().status()), ErrorCode::kPathNotFound);
  EXPECT_EQ(GetErrorCode(sandbox.Command("pwd").CurrentDir("/root").Output().status()), ErrorCode::kInvalidArgument);
}

TEST_P(SandboxTest, EnvironmentsLayer) {
  ::setenv("LEASH_TEST_SECRET", "hunter2", 1);
  Sandbox<> sandbox = Make(SandboxConfig::Builder().Env("A", "config").Env("B", "config").Build());
  const auto output = sandbox.Command("sh")
                          .Args({"-c", "echo $A $B $C ${LEASH_TEST_SECRET-none}; env"})
                          .Env("B", "command")
                          .Env("C", "x")
                          .EnvRemove("TERM")
                          .Output();
  ASSERT_TRUE(output.ok());
  EXPECT_THAT(output->stdout_bytes, HasSubstr("config command x none\n"));
  EXPECT_THAT(output->stdout_bytes, Not(HasSubstr("TERM=")));
  ::unsetenv("LEASH_TEST_SECRET");
}

TEST_P(SandboxTest, TellsAMissingProgramFromAForbiddenOne) {
  Sandbox<> sandbox = Make();
  EXPECT_EQ(GetErrorCode(sandbox.Command("no-such-program").Output().status()), ErrorCode::kProgramNotFound);
  EXPECT_EQ(GetErrorCode(sandbox.Command("/no/such").Output().status()), ErrorCode::kProgramNotFound);
  EXPECT_EQ(GetErrorCode(sandbox.Command("").Output().status()), ErrorCode::kProgramNotFound);
  EXPECT_EQ(GetErrorCode(sandbox.Command("/etc/passwd").Output().status()), ErrorCode::kProgramNotExecutable);
  EXPECT_EQ(GetErrorCode(sandbox.Command("/usr").Output().status()), ErrorCode::kProgramNotExecutable);
  Run(sandbox, "cp /bin/true mine && chmod 755 mine");
  const auto own = sandbox.Command("./mine").Output();
  EXPECT_EQ(GetErrorCode(own.status()), ErrorCode::kProgramNotExecutable);
  EXPECT_THAT(std::string(own.status().message()), HasSubstr("--executable"));
  EXPECT_EQ(Run(sandbox, "./mine").status.Code(), 126) << "the kernel refuses it too, not only the look-up";
}

TEST_P(SandboxTest, ADeadlineKillsTheWholeTree) {
  Sandbox<> sandbox = Make();
  const absl::Time start = absl::Now();
  const auto output =
      sandbox.Command("sh").Args({"-c", "setsid sleep 300 & sleep 300"}).Timeout(absl::Milliseconds(200)).Output();
  EXPECT_EQ(GetErrorCode(output.status()), ErrorCode::kTimeout);
  EXPECT_LT(absl::Now() - start, absl::Seconds(10));
}

TEST_P(SandboxTest, ADeadlineHoldsForAsynchronousCalls) {
  Sandbox<> sandbox = Make();
  std::promise<ErrorCode> output;
  sandbox.Command("sleep").Arg("300").Timeout(absl::Milliseconds(200)).Output([&](absl::StatusOr<Output> result) {
    output.set_value(GetErrorCode(result.status()));
  });
  EXPECT_EQ(output.get_future().get(), ErrorCode::kTimeout);
  auto child = sandbox.Command("sleep").Arg("300").Timeout(absl::Milliseconds(200)).Spawn();
  ASSERT_TRUE(child.ok());
  std::promise<ErrorCode> waited;
  child->Wait([&](absl::StatusOr<ExitStatus> status) { waited.set_value(GetErrorCode(status.status())); });
  EXPECT_EQ(waited.get_future().get(), ErrorCode::kTimeout);
}

TEST_P(SandboxTest, ADeadlineHoldsWhenNobodyWaits) {
  Sandbox<> sandbox = Make(SandboxConfig::Builder().Limits({.wall_time = absl::Milliseconds(100)}).Build());
  auto child = sandbox.Command("sleep").Arg("300").Spawn();
  ASSERT_TRUE(child.ok());
  absl::SleepFor(absl::Milliseconds(1500));
  const auto status = child->TryWait();
  EXPECT_EQ(GetErrorCode(status.status()), ErrorCode::kTimeout);
}

// Not by a stream, which throws when the process ends between the opening and the reading.
std::string CommandLine(const std::string& pid) {
  const base::UniqueFd file(::open(("/proc/" + pid + "/cmdline").c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 256> bytes;
  const ssize_t length = file ? ::read(file.get(), bytes.data(), bytes.size()) : 0;
  return {bytes.data(), static_cast<std::size_t>(std::max<ssize_t>(length, 0))};
}

// A program that daemonises, and how to find its process from outside, where its number is another.
struct Daemon {
  const std::string nap = "300." + std::to_string(::getpid()) + std::to_string(absl::ToUnixMicros(absl::Now()));
  const std::string script = "setsid sh -c 'sh -c \"exec sleep " + nap + "\" &' & sleep 300";

  pid_t Find() const {
    for (int i = 0; i < 500; ++i, absl::SleepFor(absl::Milliseconds(10))) {
      const auto processes = base::HostFileSystem().List("/proc");  // a range-for keeps no StatusOr alive
      for (const base::DirectoryEntry& entry : *processes) {
        if (CommandLine(entry.name) == std::string("sleep\0", 6) + nap + '\0') {
          return static_cast<pid_t>(std::stol(entry.name));
        }
      }
    }
    return -1;
  }
};

TEST_P(SandboxTest, KillEndsWhatDaemonised) {
  Sandbox<> sandbox = Make();
  const Daemon program;
  auto child = sandbox.Command("sh").Args({"-c", program.script}).Spawn();
  ASSERT_TRUE(child.ok()) << child.status();
  const pid_t daemon = program.Find();
  ASSERT_TRUE(Alive(daemon));
  EXPECT_TRUE(child->Kill().ok());
  EXPECT_FALSE(Alive(daemon));
  EXPECT_EQ(child->Wait()->Signal(), SIGKILL);
}

TEST_P(SandboxTest, OneCommandIsKilledAndAnotherGoesOn) {
  Sandbox<> sandbox = Make();
  auto a = sandbox.Command("sleep").Arg("300").Spawn();
  auto b = sandbox.Command("sleep").Arg("300").Spawn();
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_TRUE(a->Kill().ok());
  EXPECT_EQ(a->Wait()->Signal(), SIGKILL);
  EXPECT_EQ(*b->TryWait(), std::nullopt);
}

TEST_P(SandboxTest, TheDestructorLeavesNothingRunning) {
  pid_t direct = 0;
  pid_t daemon = 0;
  {
    Sandbox<> sandbox = Make();
    const Daemon program;
    auto child = sandbox.Command("sh").Args({"-c", program.script}).Spawn();
    ASSERT_TRUE(child.ok());
    direct = child->Pid();
    ASSERT_TRUE(Alive(direct));
    daemon = program.Find();
    ASSERT_TRUE(Alive(daemon));
  }
  EXPECT_NE(::kill(direct, 0), 0) << "killed and reaped";
  EXPECT_FALSE(Alive(daemon));
}

TEST_P(SandboxTest, OutputDoesNotWaitForABackgroundProcess) {
  Sandbox<> sandbox = Make();
  const absl::Time start = absl::Now();
  EXPECT_EQ(Run(sandbox, "sleep 300 & echo x").stdout_bytes, "x\n");
  EXPECT_LT(absl::Now() - start, absl::Seconds(30));
}

TEST_P(SandboxTest, OutputLargerThanAPipeArrivesWhole) {
  Sandbox<> sandbox = Make();
  const Output output = Run(sandbox, "head -c 3000000 /dev/zero; head -c 2000000 /dev/zero >&2");
  EXPECT_EQ(output.stdout_bytes.size(), 3000000U);
  EXPECT_EQ(output.stderr_bytes.size(), 2000000U);
}

TEST_P(SandboxTest, StreamsBothWays) {
  Sandbox<> sandbox = Make();
  auto child = sandbox.Command("cat").Stdin(Stdio::Pipe()).Stdout(Stdio::Pipe()).Spawn();
  ASSERT_TRUE(child.ok());
  ASSERT_TRUE(child->WriteStdin("to and fro").ok());
  const auto output = child->WaitWithOutput();
  ASSERT_TRUE(output.ok());
  EXPECT_EQ(output->stdout_bytes, "to and fro");
  EXPECT_FALSE(child->WriteStdin("late").ok());
}

TEST_P(SandboxTest, AClosedPipeIsAnErrorAndNoSignal) {
  Sandbox<> sandbox = Make();
  auto child = sandbox.Command("true").Stdin(Stdio::Pipe()).Spawn();
  ASSERT_TRUE(child.ok());
  ASSERT_TRUE(child->Wait().ok());
  EXPECT_FALSE(child->WriteStdin(std::string(1 << 20, 'x')).ok());
}

TEST_P(SandboxTest, WaitsWithCallbacksAndCoroutinesToo) {
  Sandbox<> sandbox = Make();
  std::promise<absl::StatusOr<Output>> promise;
  sandbox.Command("sh").Args({"-c", "head -c 300000 /dev/zero; exit 3"}).Output([&](absl::StatusOr<Output> output) {
    promise.set_value(std::move(output));
  });
  const absl::StatusOr<Output> output = promise.get_future().get();
  ASSERT_TRUE(output.ok()) << output.status();
  EXPECT_EQ(output->status.Code(), 3);
  EXPECT_EQ(output->stdout_bytes.size(), 300000U);

  std::promise<ExitStatus> ended;
  auto child = sandbox.Command("sh").Args({"-c", "exit 4"}).Spawn();
  ASSERT_TRUE(child.ok());
  child->Wait([&](absl::StatusOr<ExitStatus> status) { ended.set_value(*status); });
  EXPECT_EQ(ended.get_future().get().Code(), 4);

  std::promise<ErrorCode> failed;
  sandbox.Command("no-such-program").Output([&](absl::StatusOr<Output> o) {
    failed.set_value(GetErrorCode(o.status()));
  });
  EXPECT_EQ(failed.get_future().get(), ErrorCode::kProgramNotFound);
}

struct Task {
  struct promise_type {
    Task get_return_object() { return {}; }
    std::suspend_never initial_suspend() { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
};

Task Await(Sandbox<>& sandbox, std::promise<std::string>& promise) {
  Command command = sandbox.Command("echo").Arg("awaited");
  absl::StatusOr<Output> output = co_await command.OutputAsync();
  promise.set_value(output.ok() ? output->stdout_bytes : std::string(output.status().message()));
}

TEST_P(SandboxTest, CommandsCanBeAwaited) {
  Sandbox<> sandbox = Make();
  std::promise<std::string> promise;
  Await(sandbox, promise);
  EXPECT_EQ(promise.get_future().get(), "awaited\n");
}

// PR_SET_PDEATHSIG follows threads: the child must not hang on the one that asked for it.
TEST_P(SandboxTest, AChildOutlivesTheThreadThatStartedIt) {
  Sandbox<> sandbox = Make();
  std::optional<Child> child;
  std::thread([&] { child.emplace(*sandbox.Command("sh").Args({"-c", "sleep 0.3; exit 5"}).Spawn()); }).join();
  EXPECT_EQ(child->Wait()->Code(), 5);
}

TEST_P(SandboxTest, DescriptorsOfTheCallerAreClosed) {
  const base::UniqueFd leaked(::fcntl(::open("/dev/null", O_RDONLY), F_DUPFD, 50));  // no O_CLOEXEC
  ASSERT_TRUE(leaked);
  Sandbox<> sandbox = Make();
  EXPECT_EQ(Run(sandbox, "for i in 3 4 5 6 7 8 9; do (: <&$i) 2>/dev/null && echo $i; done").stdout_bytes, "");
  EXPECT_THAT(Run(sandbox, "perl -e 'open(F, \"<&=50\") or print \"closed\"'").stdout_bytes, HasSubstr("closed"));
}

TEST_P(SandboxTest, ASocketThatWouldBeANetworkIsNoStream) {
  Sandbox<> sandbox = Make();
  std::array<int, 2> ends;
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  const base::UniqueFd a(ends[0]);
  const base::UniqueFd b(ends[1]);
  EXPECT_EQ(GetErrorCode(sandbox.Command("true").Stdin(Stdio::Descriptor(a.get())).Output().status()),
            ErrorCode::kInvalidArgument);
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  const base::UniqueFd c(ends[0]);
  const base::UniqueFd d(ends[1]);
  EXPECT_TRUE(sandbox.Command("true").Stdin(Stdio::Descriptor(c.get())).Output().ok()) << "a connected one is";
}

// Between two commands, a granted directory is swapped for a link to a closed one.
TEST_P(SandboxTest, ASwappedDirectoryOpensNothing) {
  auto outside = WorkingDir::Create();
  ASSERT_TRUE(outside.ok());
  const std::string secret = outside->path() + "/secret";
  ASSERT_EQ(::mkdir(secret.c_str(), 0700), 0);
  ASSERT_TRUE(base::UniqueFd(::open((secret + "/key").c_str(), O_CREAT | O_WRONLY, 0600)));
  const std::string shared = outside->path() + "/shared";
  ASSERT_EQ(::mkdir(shared.c_str(), 0700), 0);
  ASSERT_EQ(::mkdir((shared + "/work").c_str(), 0700), 0);
  Sandbox<> sandbox = Make(SandboxConfig::Builder().Writable(shared).WorkingDir(shared + "/work").Build());
  ASSERT_TRUE(Run(sandbox, "echo x > f").status.Success());
  // With namespaces the name is that of a mount, and cannot be moved at all.
  EXPECT_EQ(Run(sandbox, "cd .. && mv work old && ln -s " + secret + " work").status.Success(), !WithNamespaces());
  const Output output = Run(sandbox, "cat " + shared + "/work/key; cat " + secret + "/key; ls; cat f");
  EXPECT_THAT(output.stderr_bytes, AnyOf(HasSubstr("Permission denied"), HasSubstr("No such file")));
  EXPECT_EQ(output.stdout_bytes, "f\nx\n") << "the command still stands in the directory that was granted";
}

TEST_P(SandboxTest, AClosedSandboxRunsNothing) {
  Sandbox<> sandbox = Make();
  Command command = sandbox.Command("true");
  ASSERT_TRUE(sandbox.Close().ok());
  EXPECT_EQ(GetErrorCode(command.Output().status()), ErrorCode::kClosed);
  EXPECT_TRUE(sandbox.Close().ok());
}

TEST_P(SandboxTest, AFailedCreateLeavesNothing) {
  const testing::PrivateTmpdir tmpdir;
  EXPECT_TRUE(base::IsAtOrBelow(Make().ScratchDir(), tmpdir.path()));
  const auto sandbox = Create(SandboxConfig::Builder().Readable("/no/such/path").Build());
  EXPECT_EQ(GetErrorCode(sandbox.status()), ErrorCode::kPathNotFound);
  EXPECT_TRUE(base::HostFileSystem().List(tmpdir.path())->empty());
}

TEST_P(SandboxTest, SaysHowItIsHeld) { EXPECT_EQ(Make().Isolation().namespaces, WithNamespaces()); }

TEST_P(SandboxTest, TellsWhatACommandUsed) {
  Sandbox<> sandbox = Make();
  const Output output = Run(sandbox, "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done");
  EXPECT_GT(output.usage.user_time + output.usage.system_time, absl::Milliseconds(1));
  EXPECT_GT(output.usage.peak_memory_bytes, 100000U);
}

TEST_P(SandboxTest, MovedSandboxesStayWhole) {
  Sandbox<> a = Make();
  const std::string first = a.ScratchDir();
  Sandbox<> b = std::move(a);
  EXPECT_EQ(Run(b, "echo ok").stdout_bytes, "ok\n");
  b = Make();
  EXPECT_FALSE(Exists(first));
  EXPECT_EQ(Run(b, "echo ok").stdout_bytes, "ok\n");
}

INSTANTIATE_TEST_SUITE_P(Held, SandboxTest, ::testing::Values(Namespaces::kRequire, Namespaces::kOff),
                         [](const ::testing::TestParamInfo<Namespaces>& test) {
                           return test.param == Namespaces::kRequire ? "ByNamespaces" : "ByProcess";
                         });

TEST_P(SandboxTest, ReportsWhatIsRefusedOnRequestAlone) {
  auto silent = Make();
  Run(silent, "kill -0 1");
  EXPECT_TRUE(silent.Violations().violations.empty());
  EXPECT_THAT(silent.Violations().not_seen, ::testing::ElementsAre(HasSubstr("not asked")));

  auto sandbox = Make(SandboxConfig::Builder().ReportViolations().Build());
  std::atomic<std::size_t> told = 0;
  sandbox.OnViolation([&](const Violation& violation) {
    EXPECT_NE(violation.operation, "");
    ++told;
  });
  Run(sandbox, "kill -0 1; kill -0 1");
  const ViolationReport report = sandbox.Violations();
  EXPECT_FALSE(report.not_seen.empty());
  const bool sees = std::none_of(report.not_seen.begin(), report.not_seen.end(), [](const std::string& what) {
    return what.starts_with("signals to other processes");
  });
  EXPECT_TRUE(sandbox.Close().ok());
  if (sees) {
    ASSERT_EQ(report.violations.size(), 1U);
    EXPECT_EQ(report.violations[0].kind, ViolationKind::kProcess);
    EXPECT_EQ(report.violations[0].operation, "signal");
    EXPECT_EQ(report.violations[0].count, 2U);
  }
  EXPECT_EQ(told, report.violations.size());
  EXPECT_EQ(sandbox.Violations().violations.size(), report.violations.size()) << "the same when it is closed";
}

}  // namespace
}  // namespace leash
