// Nothing outlives its sandbox: no process, however it hides, and no directory.
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cctype>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>

#include "guarantees.h"
#include "tree.h"

namespace leash::guarantees {
namespace {

namespace fs = std::filesystem;

// A duration that no other process sleeps for, so that what is left can be told by its arguments.
std::string UniqueNap() {
  static int counter = 0;
  return "300." + std::to_string(getpid()) + std::to_string(++counter);
}

bool BearsMark(int pid, const std::string& mark) {
  const std::string arguments = ReadWholeFile("/proc/" + std::to_string(pid) + "/cmdline");
  return arguments.ends_with(std::string(1, '\0') + mark + std::string(1, '\0')) && arguments.rfind("/bin/sh", 0) != 0;
}

// The processes whose last argument is `mark`.
std::vector<int> Sleepers(const std::string& mark) {
  std::vector<int> found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/proc", ignored)) {
    const std::string name = entry.path().filename().string();
    if (std::isdigit(static_cast<unsigned char>(name[0])) == 0) continue;
    if (BearsMark(std::stoi(name), mark)) found.push_back(std::stoi(name));
  }
  return found;
}

// What a failed test left behind. By descriptor, and looked at again through it: a number may have passed to somebody
// else's process.
void EndSleepers(const std::string& mark) {
  for (const int pid : Sleepers(mark)) {
    const int process = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
    if (process == -1) continue;
    if (BearsMark(pid, mark)) syscall(SYS_pidfd_send_signal, process, SIGKILL, nullptr, 0);
    close(process);
  }
}

// Five ways to be out of the way: in the background, in a session of its own, orphaned twice, without streams, deaf.
std::string Hide(const std::string& nap) {
  const std::string sleep = "sleep " + nap;
  return sleep + " & setsid " + sleep + " & (setsid sh -c '" + sleep + " & exit 0' &) ; (" + sleep +
         " </dev/null >/dev/null 2>&1 &) ; (trap '' TERM HUP INT; exec " + sleep + ") & ";
}
constexpr std::size_t kHidden = 5;

void WaitUntilHidden(const Background& background, const std::string& nap) {
  ASSERT_EQ(ReadLine(background.output()), "ready");
  for (int i = 0; i < 500 && Sleepers(nap).size() < kHidden + 1; ++i) usleep(10000);
  ASSERT_GE(Sleepers(nap).size(), kHidden + 1) << "control: there must be sleepers to be ended";
}

class Lifetime : public Guarantees {
 protected:
  void TearDown() override {
    EndSleepers(nap_);  // none, unless the test failed
    for (const std::string& name : world().Leftovers()) RemoveTree(world().temporary() + "/" + name);
  }

  void ExpectNothingLeft() {
    EXPECT_EQ(Sleepers(nap_).size(), 0U) << "processes survived";
    EXPECT_TRUE(world().Leftovers().empty()) << world().Leftovers().front() << " was left behind";
  }

  Start Shell(const std::string& script, const std::vector<std::string>& options = {}) {
    std::vector<std::string> flags = TierFlags();
    flags.insert(flags.end(), options.begin(), options.end());
    return world().InsideStart(flags, {"/bin/sh", "-c", script});
  }

  const std::string nap_ = UniqueNap();
};

TEST_P(Lifetime, OfDescendantsEndsWithTheProgram) {
  const std::string scripts[] = {
      Hide(nap_) + "echo x",
      // Each copy starts two more and ends, so that most have no parent. Bounded, for the machine's sake.
      "f() { [ $1 -gt 5 ] && exec sleep " + nap_ + "; f $(($1+1)) & f $(($1+1)) & }; f 0; sleep 0.3; echo x",
      // Whatever a program does to its limits, it is still found.
      "(ulimit -c 0; ulimit -n 64; ulimit -R 1 2>/dev/null; setsid sleep " + nap_ +
          " </dev/null >/dev/null 2>&1 &); sleep 0.1; echo x",
  };
  for (const std::string& script : scripts) {
    SCOPED_TRACE(script);
    const Result result = RunProgram(Shell(script));
    EXPECT_EQ(result.code, 0) << result.Describe();
    EXPECT_EQ(result.output, "x\n");
    ExpectNothingLeft();
  }
}

// Outside, they last for a second and end by themselves: nothing here has to hunt them.
TEST_P(Lifetime, OfProgramsThatHideEnds) {
  World& w = world();
  for (const char* probe : {"hide-as-sibling", "hide-without-signal", "hide-undumpable", "hide-by-moving"}) {
    SCOPED_TRACE(probe);
    bool seen = false;
    for (int attempt = 0; attempt < 10 && !seen; ++attempt) {  // one that moves is hard to see on a busy machine
      EXPECT_EQ(w.Outside({w.probe(), probe, nap_ + "1"}).code, 0) << "control";
      for (int i = 0; i < 50 && !seen; ++i) seen = !Sleepers(nap_ + "1").empty();
    }
    EXPECT_TRUE(seen) << "control: nothing was left behind";
    std::vector<std::string> flags = TierFlags();
    flags.insert(flags.end(), {"--executable", w.root() + "/bin"});
    const Result result = w.Inside(flags, {w.probe(), probe, nap_});
    EXPECT_EQ(result.code, 0) << result.Describe();
    for (int i = 0; i < 20; ++i) EXPECT_EQ(Sleepers(nap_).size(), 0U) << "processes survived";
    EXPECT_TRUE(w.Leftovers().empty()) << w.Leftovers().front() << " was left behind";
  }
}

TEST_P(Lifetime, OfDescendantsEndsWhenLeashIsAskedToEnd) {
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
    SCOPED_TRACE(strsignal(signal));
    Background background(Shell(Hide(nap_) + "echo ready; exec sleep " + nap_));
    WaitUntilHidden(background, nap_);
    kill(background.pid(), signal);
    EXPECT_EQ(background.Wait(std::chrono::seconds(10)).code, 128 + signal);
    ExpectNothingLeft();
  }
}

TEST_P(Lifetime, OfDescendantsEndsAtTheDeadline) {
  Start start = Shell(Hide(nap_) + "echo x; sleep " + nap_, {"--timeout", "0.5"});
  start.deadline = std::chrono::seconds(5);
  const Result result = RunProgram(start);
  EXPECT_EQ(result.code, 124) << result.Describe();
  EXPECT_EQ(result.output, "x\n");
  ExpectNothingLeft();
}

TEST_P(Lifetime, EndsWithTheProgramsOwnStatus) {
  const std::pair<const char*, int> endings[] = {
      {"exit 0", 0}, {"exit 42", 42}, {"kill -9 $$", 128 + SIGKILL}, {"kill -TERM $$", 128 + SIGTERM}};
  for (const auto& [script, code] : endings) EXPECT_EQ(RunProgram(Shell(script)).code, code) << script;
  EXPECT_EQ(world().Inside(TierFlags(), {"/no-such-program"}).code, 127);
  EXPECT_EQ(world().Inside(TierFlags(), {"/etc/passwd"}).code, 126);
  EXPECT_EQ(world().Inside({"--no-such-option"}, {"/bin/true"}).code, 125);
  ExpectNothingLeft();
}

LEASH_EVERY_SETTING(Lifetime);

void KillLeash(World& w, Isolation tier, const std::string& namespaces, const std::string& nap) {
  Background background(w.InsideStart({"--isolation", std::string(IsolationName(tier)), "--namespaces", namespaces},
                                      {"/bin/sh", "-c", Hide(nap) + "echo ready; exec sleep " + nap}));
  WaitUntilHidden(background, nap);
  kill(background.pid(), SIGKILL);
  EXPECT_EQ(background.Wait(std::chrono::seconds(10)).code, 128 + SIGKILL);
}

class KilledLeash : public testing::TestWithParam<Mechanism> {
 protected:
  static std::vector<World*> Worlds() {
    std::vector<World*> worlds;
    for (const Who who : {Who::kRoot, Who::kOrdinary}) {
      if (WhyNot(who).empty()) worlds.push_back(&World::Of(who));
    }
    return worlds;
  }
};

// Nobody can clean up after SIGKILL at once. With namespaces, everything inside ends with leash; without, what hid ends
// with the next sandbox that is made. The directory goes then too: by the same user with the same TMPDIR, at least ten
// seconds after it was made.
TEST_P(KilledLeash, LeavesNothingThatTheNextOneDoesNotEnd) {
  const bool with_namespaces = GetParam() == Mechanism::kNamespaces;
  const std::string nap = UniqueNap();
  for (const World* w : Worlds()) {
    if (with_namespaces && !HasNamespaces(*w)) GTEST_SKIP() << "namespaces: refused to this user here";
  }
  for (World* w : Worlds()) {
    for (const Isolation tier : {Isolation::kStrict, Isolation::kDefault, Isolation::kPermissive}) {
      KillLeash(*w, tier, with_namespaces ? "require" : "off", nap);
      if (!with_namespaces) continue;
      for (int i = 0; i < 100 && !Sleepers(nap).empty(); ++i) usleep(50000);
      EXPECT_EQ(Sleepers(nap).size(), 0U) << "processes survived leash";
    }
    EXPECT_EQ(w->Leftovers().size(), 3U) << "control: there must be something to clean up";
  }
  sleep(11);
  for (World* w : Worlds()) {
    EXPECT_EQ(w->Inside({}, {"/bin/true"}).code, 0);
    EXPECT_TRUE(w->Leftovers().empty()) << w->Leftovers().front() << " was left behind";
  }
  EXPECT_EQ(Sleepers(nap).size(), 0U) << "processes survived";
  EndSleepers(nap);
}

INSTANTIATE_TEST_SUITE_P(Promise, KilledLeash, testing::Values(Mechanism::kNamespaces, Mechanism::kProcess),
                         [](const testing::TestParamInfo<Mechanism>& test) {
                           return test.param == Mechanism::kNamespaces ? "namespaces" : "process";
                         });

}  // namespace
}  // namespace leash::guarantees
