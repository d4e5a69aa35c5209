// Commands on a terminal of their own, as an application uses them, against the real kernel.
#include "leash/pty.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>
#include <thread>

#include "absl/time/clock.h"
#include "base/unique_fd.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "leash/leash.h"
#include "support/private_tmpdir.h"

namespace leash {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class PtyTest : public ::testing::TestWithParam<Namespaces> {
 protected:
  void SetUp() override {
    auto sandbox = Sandbox<>::Create(Config());
    if (!sandbox.ok() && GetParam() == Namespaces::kRequire &&
        GetErrorCode(sandbox.status()) == ErrorCode::kNotEnforced) {
      GTEST_SKIP() << "namespaces: " << sandbox.status().message();
    }
    ASSERT_TRUE(sandbox.ok()) << sandbox.status();
    sandbox_.emplace(*std::move(sandbox));
  }

  static ConfigFor<DenyAll> Config() { return SandboxConfig::Builder().Namespaces(GetParam()).Build(); }
  Command Shell(const std::string& script) const { return sandbox_->Command("sh").Arg("-c").Arg(script); }

  // Reads until `text` has come or the end; the output so far.
  static std::string ReadUntil(Pty& pty, std::string_view text) {
    std::string output;
    std::array<char, 4096> buffer;
    const absl::Time deadline = absl::Now() + absl::Seconds(30);
    while (output.find(text) == std::string::npos && absl::Now() < deadline) {
      pollfd entry = {pty.master(), POLLIN, 0};
      if (::poll(&entry, 1, 1000) <= 0) continue;
      const auto size = pty.Read(buffer);
      if (!size.ok() || *size == 0) break;
      output.append(buffer.data(), *size);
    }
    return output;
  }
  static std::string ReadAll(Pty& pty) { return ReadUntil(pty, "no program says this"); }
  std::string OutputOf(const std::string& script) const {
    auto pty = Shell(script).SpawnPty();
    EXPECT_TRUE(pty.ok()) << pty.status();
    return pty.ok() ? ReadAll(*pty) : "";
  }

  std::optional<Sandbox<>> sandbox_;
};
INSTANTIATE_TEST_SUITE_P(Mechanisms, PtyTest, ::testing::Values(Namespaces::kRequire, Namespaces::kOff),
                         [](const auto& mechanism) {
                           return mechanism.param == Namespaces::kRequire ? "Namespaces" : "Landlock";
                         });

TEST_P(PtyTest, EveryStreamIsTheTerminal) {
  EXPECT_EQ(OutputOf("test -t 0 && test -t 1 && test -t 2 && echo yes"), "yes\r\n");
}

TEST_P(PtyTest, ReadsToTheEndAndTellsTheStatus) {
  auto pty = Shell("echo one; exit 3").SpawnPty();
  ASSERT_TRUE(pty.ok()) << pty.status();
  EXPECT_EQ(ReadAll(*pty), "one\r\n");
  std::array<char, 16> buffer;
  EXPECT_EQ(*pty->Read(buffer), 0U) << "the end stays the end";
  EXPECT_EQ(pty->child().Wait()->Code(), 3);
}

TEST_P(PtyTest, HasASizeAndGetsAnother) {
  auto pty =
      Shell("trap 'stty size; exit' WINCH; stty size; while :; do sleep 0.05; done").SpawnPty({.size = {33, 111}});
  ASSERT_TRUE(pty.ok()) << pty.status();
  EXPECT_THAT(ReadUntil(*pty, "\n"), StartsWith("33 111\r\n"));
  EXPECT_TRUE(pty->Resize({44, 55}).ok());
  EXPECT_THAT(ReadAll(*pty), HasSubstr("44 55\r\n"));
}

TEST_P(PtyTest, IsTheControllingTerminal) {
  EXPECT_EQ(OutputOf("exec 3<>/dev/tty && test -t 3 && echo to the terminal >&3"), "to the terminal\r\n");
  EXPECT_THAT(OutputOf("stty -F /dev/tty size"), "24 80\r\n");
}

TEST_P(PtyTest, HasANameThatOpens) {
  const std::string name = OutputOf("tty");
  EXPECT_THAT(name, StartsWith("/dev/pts/"));
  EXPECT_EQ(OutputOf("echo x > $(tty)"), "x\r\n");
  EXPECT_EQ(OutputOf("echo x > /dev/stderr"), "x\r\n");
}

TEST_P(PtyTest, NoOtherTerminalOpens) {
  // The control: this terminal opens for its owner.
  const base::UniqueFd outside(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_TRUE(outside) << "no terminals here";
  ASSERT_EQ(::unlockpt(outside.get()), 0);
  std::array<char, 64> name;
  ASSERT_EQ(::ptsname_r(outside.get(), name.data(), name.size()), 0);
  const base::UniqueFd slave(::open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_TRUE(slave);

  auto pty =
      sandbox_->Command("sh")
          .Arg("-c")
          .Arg("test \"$1\" = $(tty) && echo same name || { true <> \"$1\"; } 2>/dev/null && echo opened; echo done")
          .Arg("sh")
          .Arg(name.data())
          .SpawnPty();
  ASSERT_TRUE(pty.ok()) << pty.status();
  const std::string output = ReadAll(*pty);
  EXPECT_THAT(output, HasSubstr("done"));
  if (GetParam() == Namespaces::kOff) {
    EXPECT_EQ(output, "done\r\n");
  } else {
    // Its own devpts numbers from 0: the name, if it is there at all, is this very terminal.
    EXPECT_TRUE(output == "done\r\n" || output == "same name\r\nopened\r\ndone\r\n") << output;
  }
}

TEST_P(PtyTest, JobControlWorks) {
  auto pty = sandbox_->Command("bash").Args({"--norc", "-i"}).Env("PS1", "$ ").SpawnPty();
  ASSERT_TRUE(pty.ok()) << pty.status();
  // It ticks when, and only when, it runs; the words are put together so that the echo of this line has none. Not sh:
  // one that starts programs by vfork(2) is not stopped while its child is.
  ASSERT_TRUE(pty->Write("bash -c 'trap \"echo cau\"ght INT; while :; do echo ti\"\"ck; sleep 0.1; done'\n").ok());
  EXPECT_THAT(ReadUntil(*pty, "tick"), Not(HasSubstr("no job control")));
  ASSERT_TRUE(pty->Write("\x1a").ok());  // Ctrl-Z
  EXPECT_THAT(ReadUntil(*pty, "Stopped"), HasSubstr("Stopped"));
  ASSERT_TRUE(pty->Write("fg\n").ok());
  EXPECT_THAT(ReadUntil(*pty, "tick"), HasSubstr("tick"));
  ASSERT_TRUE(pty->Write("\x03").ok());  // Ctrl-C
  EXPECT_THAT(ReadUntil(*pty, "caught"), HasSubstr("caught"));
  ASSERT_TRUE(pty->Write("\x1a").ok());
  EXPECT_THAT(ReadUntil(*pty, "Stopped"), HasSubstr("Stopped"));
  ASSERT_TRUE(pty->Write("disown; exit 6\n").ok());
  EXPECT_EQ(pty->child().Wait()->Code(), 6);
}

TEST_P(PtyTest, NothingIsTypedFromInside) {
  const std::string output = OutputOf(
      "python3 -c 'import fcntl, termios\n"
      "try: fcntl.ioctl(0, termios.TIOCSTI, b\"x\"); print(\"typed\")\n"
      "except OSError as error: print(error.strerror)' || echo no python");
  if (output.find("no python") != std::string::npos) GTEST_SKIP() << "no python3 to make the call with";
  EXPECT_EQ(output, "Operation not permitted\r\n");
}

TEST_P(PtyTest, EchoesUnlessToldNotTo) {
  for (const bool echo : {true, false}) {
    auto pty = Shell("read line; echo got $line").SpawnPty({{}, -1, echo});
    ASSERT_TRUE(pty.ok()) << pty.status();
    ASSERT_TRUE(pty->Write("word\n").ok());
    EXPECT_EQ(ReadAll(*pty), echo ? "word\r\ngot word\r\n" : "got word\r\n");
  }
}

TEST_P(PtyTest, TakesTheModesOfAnother) {
  const base::UniqueFd other(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  termios modes = {};
  ASSERT_EQ(::tcgetattr(other.get(), &modes), 0);
  modes.c_oflag &= ~static_cast<tcflag_t>(ONLCR);
  modes.c_cc[VINTR] = 'x';
  ASSERT_EQ(::tcsetattr(other.get(), TCSANOW, &modes), 0);
  auto pty = Shell("stty -a; sleep 60").SpawnPty({{}, other.get()});
  ASSERT_TRUE(pty.ok()) << pty.status();
  const std::string output = ReadUntil(*pty, "echoke");
  EXPECT_THAT(output, HasSubstr("intr = x;"));
  EXPECT_THAT(output, HasSubstr("-onlcr"));
  // Again and again: the shell holds a signal that comes while it starts a program back until that has ended.
  std::optional<ExitStatus> end;
  while (!end.has_value() && pty->Write("x").ok()) end = *pty->child().WaitFor(absl::Milliseconds(100));
  EXPECT_EQ(end->Signal(), SIGINT);
}

TEST_P(PtyTest, StreamsThatWereSetAreNotTheTerminal) {
  auto pty = Shell("test -t 1 && echo terminal; test -t 2 || exit 9; echo side >&2; echo main")
                 .Stdout(Stdio::Pipe())
                 .SpawnPty();
  ASSERT_TRUE(pty.ok()) << pty.status();
  EXPECT_EQ(ReadAll(*pty), "side\r\n");
  EXPECT_EQ(pty->child().WaitWithOutput()->stdout_bytes, "main\n");
}

TEST_P(PtyTest, HangingUpEndsTheSession) {
  auto pty = Shell("echo ready; sleep 1000").SpawnPty();
  ASSERT_TRUE(pty.ok()) << pty.status();
  ReadUntil(*pty, "ready");
  pty->HangUp();
  EXPECT_EQ(pty->master(), -1);
  EXPECT_EQ(pty->child().Wait()->Signal(), SIGHUP);
  std::array<char, 16> buffer;
  EXPECT_EQ(GetErrorCode(pty->Read(buffer).status()), ErrorCode::kClosed);
  EXPECT_EQ(GetErrorCode(pty->Write("x")), ErrorCode::kClosed);
  EXPECT_EQ(GetErrorCode(pty->Resize({})), ErrorCode::kClosed);
}

TEST_P(PtyTest, DroppingHangsUpAndReleasingDoesNot) {
  int master = -1;
  {
    auto pty = Shell("read line; echo got $line").SpawnPty({{}, -1, false});
    ASSERT_TRUE(pty.ok()) << pty.status();
    Pty moved = *std::move(pty);
    EXPECT_EQ(pty->master(), -1);
    master = moved.ReleaseMaster();
    EXPECT_EQ(moved.master(), -1);
  }
  const base::UniqueFd owned(master);
  ASSERT_EQ(::write(master, "word\n", 5), 5);
  std::array<char, 64> buffer;
  const ssize_t size = ::read(master, buffer.data(), buffer.size());
  EXPECT_EQ(std::string(buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))), "got word\r\n");
}

TEST_P(PtyTest, MuchGoesBothWaysAtOnce) {
  auto pty = Shell("stty raw -echo; echo ready; head -c 1048576 | tr a b").SpawnPty();
  ASSERT_TRUE(pty.ok()) << pty.status();
  ASSERT_THAT(ReadUntil(*pty, "ready"), HasSubstr("ready"));
  std::thread writer([&] { EXPECT_TRUE(pty->Write(std::string(1 << 20, 'a')).ok()); });
  const std::string output = ReadAll(*pty);
  writer.join();
  EXPECT_EQ(std::count(output.begin(), output.end(), 'b'), 1 << 20);
  EXPECT_TRUE(pty->child().Wait()->Success());
}

TEST_P(PtyTest, FailuresAreThoseOfSpawn) {
  EXPECT_EQ(GetErrorCode(sandbox_->Command("no-such-program").SpawnPty().status()), ErrorCode::kProgramNotFound);
  const base::UniqueFd file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(GetErrorCode(Shell("true").SpawnPty({.settings_of = file.get()}).status()), ErrorCode::kInvalidArgument);
  auto pty = Shell("sleep 1000").Timeout(absl::Milliseconds(300)).SpawnPty();
  ASSERT_TRUE(pty.ok()) << pty.status();
  EXPECT_EQ(GetErrorCode(pty->child().Wait().status()), ErrorCode::kTimeout);
}

TEST(PtyWithoutNamespaces, ADeniedTerminalDoesNotOpenByName) {
  auto sandbox = Sandbox<>::Create(
      SandboxConfig::Builder().Namespaces(Namespaces::kOff).Deny("/dev/tty").Deny("/dev/pts").Build());
  ASSERT_TRUE(sandbox.ok()) << sandbox.status();
  auto pty = sandbox->Command("sh")
                 .Args({"-c", "test -t 0 && (: < /dev/tty || : < $(tty)) 2>/dev/null && echo opened; echo done"})
                 .SpawnPty();
  ASSERT_TRUE(pty.ok()) << pty.status();
  std::array<char, 64> buffer;
  const auto size = pty->Read(buffer);
  ASSERT_TRUE(size.ok());
  EXPECT_EQ(std::string_view(buffer.data(), *size), "done\r\n");
}

}  // namespace
}  // namespace leash
