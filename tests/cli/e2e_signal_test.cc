// Signals to leash reach the program, and leash tidies up after it.
#include <csignal>

#include "leash_process.h"

namespace leash::testing {
namespace {

class SignalTest : public LeashTest {
 protected:
  Start Script(const std::string& script) const { return StartOf({"run", "sh", "-c", script}); }
};
INSTANTIATE_TEST_SUITE_P(Users, SignalTest, ::testing::ValuesIn(Users()), UserName);

// A shell runs its traps between commands; sleeping in short turns lets it.
constexpr char kLoop[] = "; echo ready; while :; do sleep 0.05; done";

TEST_P(SignalTest, TheProgramDecidesAboutTheFirst) {
  for (const auto& [number, name] : {std::pair{SIGTERM, "TERM"},
                                     {SIGINT, "INT"},
                                     {SIGHUP, "HUP"},
                                     {SIGQUIT, "QUIT"},
                                     {SIGUSR1, "USR1"},
                                     {SIGUSR2, "USR2"},
                                     {SIGWINCH, "WINCH"}}) {
    HandOver();
    LeashProcess leash(binary(), Script(std::string("trap 'echo got; exit 3' ") + name + kLoop));
    ASSERT_TRUE(leash.WaitForOutput("ready\n")) << name;
    leash.Signal(number);
    const RunResult result = leash.Finish();
    EXPECT_EQ(result.code, 3) << name << ::testing::PrintToString(result);
    EXPECT_EQ(result.out, "ready\ngot\n") << name;
    EXPECT_EQ(result.err.find("leash"), std::string::npos) << name << result.err;  // the shell may say what it saw
  }
}

TEST_P(SignalTest, AProgramThatDoesNothingAboutItEndsByIt) {
  HandOver();
  LeashProcess leash(binary(), Script(std::string("echo $HOME") + kLoop));
  ASSERT_TRUE(leash.WaitForOutput("ready\n"));
  leash.Signal(SIGTERM);
  const RunResult result = leash.Finish();
  EXPECT_EQ(result.code, 143) << ::testing::PrintToString(result);
  EXPECT_FALSE(Exists(result.out.substr(0, result.out.find('\n')))) << "the scratch directory was left behind";
}

TEST_P(SignalTest, TheSecondRequestToEndKillsTheTree) {
  HandOver();
  LeashProcess leash(binary(),
                     Script(std::string("echo $HOME; trap 'echo no' INT TERM HUP; sleep 60 &") + (kLoop + 1)));
  ASSERT_TRUE(leash.WaitForOutput("ready\n"));
  leash.Signal(SIGINT);
  ASSERT_TRUE(leash.WaitForOutput("no\n"));
  leash.Signal(SIGTERM);
  const RunResult result = leash.Finish();
  EXPECT_EQ(result.code, 137) << ::testing::PrintToString(result);
  EXPECT_FALSE(Exists(result.out.substr(0, result.out.find('\n'))));
}

TEST_P(SignalTest, OtherSignalsAreHandedOnAsOftenAsTheyCome) {
  HandOver();
  LeashProcess leash(binary(), Script(std::string("trap 'echo one' USR1; trap 'exit 4' USR2") + kLoop));
  ASSERT_TRUE(leash.WaitForOutput("ready\n"));
  leash.Signal(SIGUSR1);
  ASSERT_TRUE(leash.WaitForOutput("one\n"));
  leash.Signal(SIGUSR1);
  ASSERT_TRUE(leash.WaitForOutput("one\none\n"));
  leash.Signal(SIGUSR2);
  EXPECT_EQ(leash.Finish().code, 4);
}

TEST_P(SignalTest, WhatTheCallerIgnoresIsNotHandedOn) {
  HandOver();
  Start start = Script(std::string("trap 'exit 5' TERM") + kLoop);
  start.ignored = {SIGHUP, SIGINT};
  LeashProcess leash(binary(), start);
  ASSERT_TRUE(leash.WaitForOutput("ready\n"));
  leash.Signal(SIGHUP);
  leash.Signal(SIGINT);
  leash.Signal(SIGHUP);
  leash.Signal(SIGTERM);
  EXPECT_EQ(leash.Finish().code, 5);
}

}  // namespace
}  // namespace leash::testing
