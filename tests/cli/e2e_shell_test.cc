// leash shell and leash run --tty, on a terminal and without one.
#include <algorithm>
#include <csignal>
#include <fstream>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "leash_terminal.h"

namespace leash::testing {
namespace {

constexpr char kLine[] = "\r";  // the key that ends a line
constexpr char kCtrlC[] = "\x03";
constexpr char kCtrlD[] = "\x04";
constexpr char kCtrlZ[] = "\x1a";

// Each test is done with and without namespaces.
class ShellTest : public LeashTest {
 protected:
  using Test = std::function<void(const std::string& mechanism)>;

  void ForEachMechanism(const Test& test) const {
    {
      SCOPED_TRACE("--namespaces off");
      test("off");
    }
    const RunResult possible = Leash({"run", "--namespaces", "require", "true"});
    if (possible.code == 125) GTEST_SKIP() << "with namespaces only: " << possible.err;
    SCOPED_TRACE("--namespaces require");
    test("require");
  }

  // A bash without anybody's settings, whose prompt is "ready$ ".
  Start Shell(const std::string& mechanism, std::vector<std::string> options = {}) const {
    std::vector<std::string> arguments = {"shell", "--namespaces", mechanism, "-e", "PS1=ready$ "};
    arguments.insert(arguments.end(), options.begin(), options.end());
    arguments.insert(arguments.end(), {"--", "--norc", "--noprofile"});
    HandOver();
    return StartOf(std::move(arguments));
  }
  Start OnTerminal(const std::string& mechanism, const std::string& script) const {
    HandOver();
    return StartOf({"run", "--tty", "--namespaces", mechanism, "sh", "-c", script});
  }
  RunResult Typed(const std::string& mechanism, const std::string& input) const {
    Start start = Shell(mechanism);
    start.input = input;
    return Run(start);
  }
};
INSTANTIATE_TEST_SUITE_P(Users, ShellTest, ::testing::ValuesIn(Users()), UserName);

TEST_P(ShellTest, HasTheSizeOfTheUsersTerminal) {
  ForEachMechanism([&](const std::string& mechanism) {
    LeashTerminal terminal(binary(), Shell(mechanism));
    ASSERT_TRUE(terminal.Shows("ready$ ")) << terminal.screen();
    terminal.Type(std::string("stty size") + kLine);
    EXPECT_TRUE(terminal.Shows("33 111\r\n")) << terminal.screen();
    terminal.Resize(44, 55);
    EXPECT_TRUE(terminal.TypeUntilShows(std::string("stty size") + kLine, "44 55\r\n")) << terminal.screen();
    terminal.Type(std::string("exit") + kLine);
    EXPECT_EQ(terminal.Finish(), 0);
  });
}

TEST_P(ShellTest, KeysArriveAsBytesAndJobsCanBeControlled) {
  ForEachMechanism([&](const std::string& mechanism) {
    LeashTerminal terminal(binary(), Shell(mechanism));
    ASSERT_TRUE(terminal.Shows("ready$ ")) << terminal.screen();
    terminal.Type(std::string("sleep 1000 & jobs") + kLine);
    EXPECT_TRUE(terminal.Shows("Running")) << terminal.screen();
    // It ticks when, and only when, it runs; the words are put together so that their echo is something else.
    terminal.Type(std::string("bash -c 'trap \"echo cau\"ght INT; while :; do echo ti\"\"ck; sleep 0.1; done'") +
                  kLine);
    EXPECT_TRUE(terminal.Shows("tick\r\n")) << terminal.screen();
    terminal.Type(kCtrlZ);
    EXPECT_TRUE(terminal.Shows("Stopped")) << terminal.screen();
    terminal.Type(std::string("fg") + kLine);
    EXPECT_TRUE(terminal.Shows("tick\r\n")) << terminal.screen();
    terminal.Type(kCtrlC);
    EXPECT_TRUE(terminal.Shows("caught\r\n")) << terminal.screen();
    terminal.Type(kCtrlZ);
    EXPECT_TRUE(terminal.Shows("Stopped")) << terminal.screen();
    ASSERT_TRUE(terminal.Shows("ready$ ")) << terminal.screen();
    terminal.Type(std::string("disown -a; echo go\"\"ing; cat") + kLine);
    ASSERT_TRUE(terminal.Shows("going\r\n")) << terminal.screen();
    terminal.Type(std::string("line") + kLine);
    EXPECT_TRUE(terminal.Shows("line\r\nline\r\n")) << terminal.screen();
    terminal.Type(kCtrlD);
    ASSERT_TRUE(terminal.Shows("ready$ ")) << terminal.screen();
    terminal.Type(std::string("(exit 9)") + kLine);
    ASSERT_TRUE(terminal.Shows("ready$ ")) << terminal.screen();
    terminal.Type(kCtrlD);
    EXPECT_EQ(terminal.Finish(), 9);
  });
}

TEST_P(ShellTest, TheTerminalIsGivenBackOnEveryWayOut) {
  struct Way {
    const char* name;
    std::vector<std::string> options;
    std::function<void(LeashTerminal&)> take;
    int code;
  };
  const auto type = [](const char* keys) {
    return [keys](LeashTerminal& terminal) { terminal.Type(std::string(keys) + kLine); };
  };
  const auto signal = [](int number) { return [number](LeashTerminal& terminal) { terminal.Signal(number); }; };
  const std::vector<Way> ways = {
      {"exit", {}, type("exit 7"), 7},
      {"a shell that is killed", {}, type("kill -KILL $$"), 137},
      {"end of file", {}, [](LeashTerminal& terminal) { terminal.Type(kCtrlD); }, 0},
      {"a time limit", {"--timeout", "4"}, [](LeashTerminal&) {}, 124},
      {"SIGTERM", {}, signal(SIGTERM), 129},
      {"SIGINT", {}, signal(SIGINT), 129},
      {"SIGHUP", {}, signal(SIGHUP), 129},
      {"SIGTERM to a shell that does not care",
       {},
       [&](LeashTerminal& terminal) {
         const char* deaf = "exec sh -c 'trap \"\" HUP TERM; echo set\"\"up; while :; do sleep 0.1; done'";
         terminal.Type(std::string(deaf) + kLine);
         EXPECT_TRUE(terminal.Shows("setup\r\n")) << terminal.screen();
         terminal.Signal(SIGTERM);
         ::usleep(300000);
         terminal.Signal(SIGTERM);
       },
       137},
  };
  ForEachMechanism([&](const std::string& mechanism) {
    for (const Way& way : ways) {
      SCOPED_TRACE(way.name);
      LeashTerminal terminal(binary(), Shell(mechanism, way.options));
      ASSERT_TRUE(terminal.Shows("ready$ ")) << terminal.screen();
      EXPECT_TRUE(terminal.IsRaw());
      way.take(terminal);
      EXPECT_EQ(terminal.Finish(), way.code) << terminal.screen();
      EXPECT_FALSE(terminal.IsRaw());
    }
  });
}

// The control for the test above: what State() compares does change meanwhile.
TEST_P(ShellTest, NothingOfTheTerminalIsDifferentAfterwards) {
  ForEachMechanism([&](const std::string& mechanism) {
    LeashTerminal never(binary(), StartOf({"run", "--tty", "no-such-program"}));
    const std::string before = never.State();
    EXPECT_EQ(never.Finish(), 127);
    EXPECT_EQ(never.State(), before);
    for (const int signal : {0, SIGTERM, SIGHUP, SIGINT}) {
      LeashTerminal terminal(binary(), Shell(mechanism));
      ASSERT_TRUE(terminal.Shows("ready$ ")) << terminal.screen();
      EXPECT_NE(terminal.State(), before);
      if (signal == 0) {
        terminal.Type(std::string("stty rows 7 columns 8; exit") + kLine);
      } else {
        terminal.Signal(signal);
      }
      EXPECT_NE(terminal.Finish(), -1);
      EXPECT_EQ(terminal.State(), before) << signal;
      EXPECT_EQ(terminal.Size(), 33111) << signal;
    }
  });
}

TEST_P(ShellTest, AStopFromOutsideGivesTheTerminalBackUntilItGoesOn) {
  ForEachMechanism([&](const std::string& mechanism) {
    LeashTerminal terminal(binary(), Shell(mechanism));
    ASSERT_TRUE(terminal.Shows("ready$ ")) << terminal.screen();
    ASSERT_TRUE(terminal.IsRaw());
    terminal.Signal(SIGTSTP);
    ASSERT_TRUE(terminal.Stops());
    EXPECT_FALSE(terminal.IsRaw());
    terminal.Resize(22, 77);
    terminal.Signal(SIGCONT);
    EXPECT_TRUE(terminal.BecomesRaw());
    EXPECT_TRUE(terminal.TypeUntilShows(std::string("stty size") + kLine, "22 77\r\n")) << terminal.screen();
    terminal.Type(std::string("exit 5") + kLine);
    EXPECT_EQ(terminal.Finish(), 5);
    EXPECT_FALSE(terminal.IsRaw());
  });
}

TEST_P(ShellTest, AHangUpEndsTheSandbox) {
  ForEachMechanism([&](const std::string& mechanism) {
    LeashTerminal terminal(binary(), Shell(mechanism));
    ASSERT_TRUE(terminal.Shows("ready$ ")) << terminal.screen();
    terminal.Type(std::string("echo dir=$HOME=; sleep 1000 &") + kLine);
    ASSERT_TRUE(terminal.Shows("dir=/")) << terminal.screen();
    ASSERT_TRUE(terminal.Shows("=\r\n")) << terminal.screen();
    const std::size_t begin = terminal.screen().find("dir=/") + 4;
    const std::string scratch = terminal.screen().substr(begin, terminal.screen().find('=', begin) - begin);
    EXPECT_TRUE(Exists(scratch)) << scratch;
    terminal.HangUp();
    EXPECT_EQ(terminal.Finish(), 129);
    EXPECT_FALSE(Exists(scratch)) << scratch;
  });
}

TEST_P(ShellTest, ItsTerminalIsNotTheUsers) {
  ForEachMechanism([&](const std::string& mechanism) {
    LeashTerminal terminal(binary(), Shell(mechanism));
    ASSERT_TRUE(terminal.Shows("ready$ ")) << terminal.screen();
    terminal.Type(std::string("stty rows 7 columns 70; stty -F /dev/tty size; stty size < /dev/tty") + kLine);
    EXPECT_TRUE(terminal.Shows("7 70\r\n7 70\r\n")) << terminal.screen();
    EXPECT_EQ(terminal.Size(), 33111);
    terminal.Type(
        std::string("python3 -c 'import fcntl, termios; fcntl.ioctl(0, termios.TIOCSTI, b\"#\")'; echo end\"\"ed") +
        kLine);
    EXPECT_TRUE(terminal.Shows("ended\r\n")) << terminal.screen();
    if (terminal.screen().find("not found") == std::string::npos) {
      EXPECT_NE(terminal.screen().find("PermissionError"), std::string::npos) << terminal.screen();
    }
    terminal.Type(std::string("exit") + kLine);
    EXPECT_EQ(terminal.Finish(), 0);
  });
}

TEST_P(ShellTest, RunGivesAProgramATerminalWhenAsked) {
  ForEachMechanism([&](const std::string& mechanism) {
    const std::string script = "test -t 0 && test -t 1 && test -t 2 && : < /dev/tty && echo yes";
    const RunResult without = Leash({"run", "--namespaces", mechanism, "sh", "-c", script});
    EXPECT_EQ(without.out, "");
    const RunResult with = Run(OnTerminal(mechanism, script));
    EXPECT_EQ(with.out, "yes\r\n") << ::testing::PrintToString(with);
    EXPECT_EQ(with.code, 0);
  });
}

TEST_P(ShellTest, AProgramOnATerminalMayTakeItsTimeOverTheFirstSignal) {
  ForEachMechanism([&](const std::string& mechanism) {
    LeashTerminal terminal(
        binary(), OnTerminal(mechanism, "trap 'echo got; exit 3' TERM; echo ready; while :; do sleep 0.05; done"));
    ASSERT_TRUE(terminal.Shows("ready\r\n")) << terminal.screen();
    terminal.Signal(SIGTERM);
    EXPECT_EQ(terminal.Finish(), 3);
    EXPECT_TRUE(terminal.Shows("got\r\n")) << terminal.screen();
  });
}

TEST_P(ShellTest, AnInputThatIsNoTerminalIsTyped) {
  ForEachMechanism([&](const std::string& mechanism) {
    EXPECT_EQ(Typed(mechanism, "exit 3\n").code, 3);
    EXPECT_EQ(Typed(mechanism, "exit 4").code, 4) << "without a line's end";
    EXPECT_EQ(Typed(mechanism, "").code, 0);
    EXPECT_EQ(Typed(mechanism, "(exit 6)\n").code, 6) << "the end of the input ends the shell";
    const RunResult result = Typed(mechanism, "echo $((20 + 3))\n");
    EXPECT_EQ(result.code, 0);
    EXPECT_NE(result.out.find("23\r\n"), std::string::npos) << result.out;
    EXPECT_EQ(result.out.find("20 + 3"), std::string::npos) << "echoed: " << result.out;
    EXPECT_EQ(result.err, "");
  });
}

TEST_P(ShellTest, TheEndOfTheInputIsSeenWhateverReadsIt) {
  ForEachMechanism([&](const std::string& mechanism) {
    for (const std::string input : {"", "no line's end", "one\n", "one\ntwo"}) {
      Start start = OnTerminal(mechanism, "cat; echo end");
      start.input = input;
      const RunResult result = Run(start);
      std::string wanted = input;
      if (const std::size_t at = wanted.find('\n'); at != std::string::npos) wanted.insert(at, "\r");
      EXPECT_EQ(result.out, wanted + "end\r\n");
      EXPECT_EQ(result.code, 0);
    }
    // A program runs while the input ends, and the shell reads on after it.
    EXPECT_EQ(Typed(mechanism, "sleep 1; false\n").code, 1);
  });
}

TEST_P(ShellTest, OutputToAFileIsAllThere) {
  ForEachMechanism([&](const std::string& mechanism) {
    const std::string path = Project("out-" + mechanism);
    { std::ofstream file(path); }
    Start start = Shell(mechanism);
    start.input = "seq 20000; exit 2\n";
    start.out_path = path;
    EXPECT_EQ(Run(start).code, 2);
    const std::string out = ReadFile(path);
    EXPECT_NE(out.find("\r\n19999\r\n20000\r\n"), std::string::npos) << out.size();
  });
}

// A mebibyte, in lines that a terminal takes as they are.
std::string ManyLines() {
  std::string text;
  for (int i = 0; i < (1 << 20) / 64; ++i) text += std::string(63, 'a') + '\n';
  return text;
}

TEST_P(ShellTest, MuchGoesBothWaysAtOnce) {
  ForEachMechanism([&](const std::string& mechanism) {
    Start start = OnTerminal(mechanism, "tr a b");
    start.input = ManyLines();
    const RunResult result = Run(start);
    EXPECT_EQ(result.code, 0);
    EXPECT_EQ(std::count(result.out.begin(), result.out.end(), 'b'),
              std::count(start.input.begin(), start.input.end(), 'a'));

    // Pasted: it is echoed, and comes back changed.
    LeashTerminal terminal(binary(), OnTerminal(mechanism, "echo ready; exec tr a b"));
    ASSERT_TRUE(terminal.Shows("ready\r\n")) << terminal.screen();
    terminal.Type(start.input + kCtrlD);
    EXPECT_EQ(terminal.Finish(), 0);
    EXPECT_EQ(std::count(terminal.screen().begin(), terminal.screen().end(), 'b'),
              std::count(start.input.begin(), start.input.end(), 'a'));
  });
}

TEST_P(ShellTest, TheShellIsTheUsersOwnIfTheSandboxCanRunIt) {
  ForEachMechanism([&](const std::string& mechanism) {
    const auto shell = [&](const std::string& own) {
      Start start = StartOf({"shell", "--namespaces", mechanism, "--", "-c", "echo $0 $SHELL"});
      start.environment.emplace_back("SHELL", own);
      return Run(start).out;
    };
    EXPECT_EQ(shell("/bin/sh"), "/bin/sh /bin/sh\r\n");
    EXPECT_EQ(shell("/no/such/shell"), "/bin/bash /bin/bash\r\n");
    // Executable outside, closed inside.
    EXPECT_EQ(shell(root().CopyFile("/bin/sh", "home/shell-" + mechanism)), "/bin/bash /bin/bash\r\n");
  });
}

TEST_P(ShellTest, FailsAsRunDoes) {
  EXPECT_TRUE(FailsWith(Leash({"run", "--tty", "no-such-program"}), 127, "no such program"));
  EXPECT_TRUE(FailsWith(Leash({"shell", "--readable", "missing"}), 125, "missing"));
  EXPECT_TRUE(FailsWith(Leash({"shell", "--tty"}), 125, "unknown option '--tty'"));
  Start start = StartOf({"shell", "--timeout", "0.5"});
  start.input = "sleep 1000\n";
  EXPECT_EQ(Run(start).code, 124);
}

}  // namespace
}  // namespace leash::testing
