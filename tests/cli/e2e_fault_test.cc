// System calls of set-up that fail, one at a time: leash then either runs the command in a whole sandbox, perhaps by
// other means, or says what failed and runs nothing. Either way nothing is left behind.
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <set>
#include <string>
#include <vector>

#include "fault_injection.h"
#include "leash_process.h"

namespace leash::testing {
namespace {

namespace fs = std::filesystem;

constexpr char kProbe[] = "fault-probe";

const char* NameOfError(int error) {
  return error == EPERM ? "EPERM" : error == ENOMEM ? "ENOMEM" : error == EMFILE ? "EMFILE" : "ENOSYS";
}

// Every name below a directory, with what it leads to or how large it is.
std::set<std::string> Everything(const std::string& directory) {
  std::set<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    std::string line = entry.path();
    if (entry.is_symlink()) line += " -> " + fs::read_symlink(entry).string();
    if (entry.is_regular_file() && !entry.is_symlink()) line += " " + std::to_string(entry.file_size());
    names.insert(line);
  }
  return names;
}

std::set<std::string> MountsOf(const std::string& word) {
  std::set<std::string> mounts;
  std::ifstream file("/proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.find(word) != std::string::npos) mounts.insert(line);
  }
  return mounts;
}

std::set<std::string> ControlGroups() {
  std::set<std::string> groups;
  std::error_code error;
  auto entry = fs::recursive_directory_iterator("/sys/fs/cgroup", fs::directory_options::skip_permission_denied, error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    if (entry->path().filename().string().rfind("leash-", 0) == 0) groups.insert(entry->path());
  }
  return groups;
}

class FaultTest : public LeashTest {
 protected:
  void SetUp() override {
    LeashTest::SetUp();
    if (!CanInjectFaults()) GTEST_SKIP() << "this kernel has no seccomp_unotify(2)";
    ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    for (const char* name : {"project/out", "project/closed/secret", "project/.git/hooks/hook", "shared/keys/id",
                             "shared/file", "elsewhere/file"}) {
      root().MakeFile(name, "");
    }
    root().MakeDirectory("tmp");
    fs::create_symlink(root().Path("shared/keys"), root().Path("home/.ssh"));
    root().CopyFile(LEASH_FAULT_PROBE, std::string("bin/") + kProbe);
    HandOver();
    tree_ = Everything(root().path());
    groups_before_ = ControlGroups();
  }

  // Other tests make control groups of this name too: none of those that came meanwhile may stay.
  void TearDown() override {
    std::set<std::string> groups = ControlGroups();
    for (const std::string& group : groups_before_) groups.erase(group);
    for (int tries = 0; tries < 200 && !groups.empty(); ++tries) {
      std::erase_if(groups, [](const std::string& group) { return !Exists(group); });
      ::usleep(100000);
    }
    for (const std::string& group : groups) ADD_FAILURE() << "left the control group " << group;
  }

  bool HasNamespaces() const { return Leash({"run", "--no-config", "--namespaces", "require", "true"}).code == 0; }

  // The probe's arguments. Each act succeeds without a sandbox, and is refused in a whole one.
  std::vector<std::string> Acts(const std::string& namespaces) const {
    std::vector<std::string> acts = {"read",    Project("closed/secret"),
                                     "read",    root().Path("shared/keys/id"),
                                     "read",    root().Path("home/.ssh/id"),
                                     "read",    root().Path("elsewhere/file"),
                                     "make",    root().Path("elsewhere/made"),
                                     "make",    root().Path("shared/made"),
                                     "signal",  "parent",
                                     "socket",  "any",
                                     "trace",   "me",
                                     "files",   "60",
                                     "core",    "0",
                                     "session", "other",
                                     "inherit", "descriptors",
                                     "gain",    "privileges"};
    const auto add = [&](const std::string& act, const std::string& argument) {
      acts.push_back(act);
      acts.push_back(argument);
    };
    if (uid() == 0) add("hold", "capabilities");
    // Without namespaces what is guarded is put back afterwards, and the command is to end with leash.
    if (namespaces == "require") add("make", Project(".git/hooks/made"));
    if (namespaces == "off") add("survive", "leash");
    return acts;
  }

  Start FaultyStart(const std::string& namespaces) const {
    std::vector<std::string> arguments = {"run",
                                          "--no-config",
                                          "--namespaces",
                                          namespaces,
                                          "--workdir",
                                          ".",
                                          "--deny",
                                          "closed",
                                          "--readable",
                                          Root("shared"),
                                          "--executable",
                                          Root("bin"),
                                          "--max-open-files",
                                          "60",
                                          "--max-memory",
                                          "256M",
                                          Root("bin/fault-probe"),
                                          "fail-to-write",
                                          Project("out")};
    const std::vector<std::string> acts = Acts(namespaces);
    arguments.insert(arguments.end(), acts.begin(), acts.end());
    Start start = StartOf(arguments);
    start.environment.emplace_back("TMPDIR", Root("tmp"));
    return start;
  }

  // Each call of set-up fails once.
  void FailEachCall(const std::string& namespaces, int error) const {
    const Start start = FaultyStart(namespaces);
    const FaultyRun whole = RunWithFault(binary(), start, kProbe, {}, 0);
    ASSERT_TRUE(Held(whole, 0) && whole.result.code == 0) << ::testing::PrintToString(whole.result);
    std::vector<SystemCall> calls = whole.calls;
    if (error == EMFILE) std::erase_if(calls, [](const SystemCall& call) { return !MakesDescriptor(call.number); });
    Tally tally;
    for (const SystemCall& call : calls) {
      FaultyRun run = RunWithFault(binary(), start, kProbe, call, error);
      for (int tries = 0; tries < 3 && run.ended && !run.failed; ++tries) {
        run = RunWithFault(binary(), start, kProbe, call, error);
      }
      tally.Count(run);
      EXPECT_TRUE(Held(run, error)) << Describe(call) << ": " << std::strerror(error) << "\n"
                                    << ::testing::PrintToString(run.result);
      if (!run.ended && ++tally.hung > 3) FAIL() << "too many do not end";
    }
    std::cout << namespaces << ", " << NameOfError(error) << ": " << calls.size()
              << " calls, each made to fail: " << tally.Text() << "\n";
    // Which thread makes how many calls differs a little from run to run, with who has to wait for whom.
    EXPECT_GE(tally.failed * 10, tally.runs * 9) << "calls that were to fail did not come";
    EXPECT_GT(tally.refused, 0U) << "no failure had an effect";
  }

  // Each kind of call that set-up makes fails whenever it is made.
  void RefuseEachKind(const std::string& namespaces, int error) const {
    const Start start = FaultyStart(namespaces);
    const FaultyRun whole = RunWithFault(binary(), start, kProbe, {}, 0);
    std::set<int> numbers;
    for (const SystemCall& call : whole.calls) numbers.insert(call.number);
    numbers.erase(SYS_execve);  // or there is no leash
    Tally tally;
    for (const int number : numbers) {
      const FaultyRun run = RunWithout(binary(), start, number, error);
      tally.Count(run);
      EXPECT_TRUE(Held(run, error)) << "no " << NameOfCall(number) << ": " << std::strerror(error) << "\n"
                                    << ::testing::PrintToString(run.result);
      if (!run.ended && ++tally.hung > 3) FAIL() << "too many do not end";
    }
    std::cout << namespaces << ", " << NameOfError(error) << ": " << numbers.size()
              << " kinds of calls made to fail: " << tally.Text() << "\n";
    EXPECT_GT(tally.refused, 0U) << "no failure had an effect";
  }

 private:
  struct Tally {
    void Count(const FaultyRun& run) {
      ++runs;
      failed += run.failed ? 1 : 0;
      ++(run.result.code == 0 ? whole : refused);
    }
    std::string Text() const {
      return std::to_string(whole) + " whole sandboxes, " + std::to_string(refused) + " refusals";
    }
    std::size_t runs = 0, failed = 0, whole = 0, refused = 0, hung = 0;
  };

  std::string Root(const std::string& name) const { return root().Path(name); }

  ::testing::AssertionResult Held(const FaultyRun& run, int error) const {
    if (!run.ended) return ::testing::AssertionFailure() << "it did not end in time";
    if (run.left_process) return ::testing::AssertionFailure() << "a process was left";
    const std::set<std::string> now = Everything(root().path());
    if (now != tree_) {
      for (const std::string& line : now) {  // so that the next run is judged by itself
        if (tree_.count(line) == 0) fs::remove_all(line.substr(0, line.find(' ')));
      }
      for (const std::string& line : tree_) {
        if (now.count(line) == 0)
          root().MakeFile(line.substr(root().path().size() + 1, line.find(' ') - root().path().size() - 1), "");
      }
      HandOver();
      return ::testing::AssertionFailure() << "left or changed:" << Difference(now, tree_);
    }
    const std::set<std::string> mounts = MountsOf(root().path());
    if (!mounts.empty()) return ::testing::AssertionFailure() << "a mount was left: " << *mounts.begin();
    return IsClean(run.result, error);
  }

  // Not when it is the init process that fails and cannot say so any more, or when something else is tried in vain.
  static bool KnowsTheReason(const std::string& message) {
    for (const char* without : {"init process has ended", "closed while the command ran", "init process: Broken pipe",
                                "the current directory cannot be told", "no safe temporary directory"}) {
      if (message.find(without) != std::string::npos) return false;
    }
    return true;
  }

  // A whole sandbox, or one line about why there is none.
  static ::testing::AssertionResult IsClean(const RunResult& result, int error) {
    if (result.code == 0 && result.out == "done\n" && result.err.empty()) return ::testing::AssertionSuccess();
    const bool not_loaded = result.err.find("error while loading shared libraries") != std::string::npos;
    if (result.code == 127 && not_loaded) return ::testing::AssertionSuccess();  // a build that is not static
    if (result.code < 125 || result.code > 127) return ::testing::AssertionFailure() << "neither whole nor refused";
    // The command may have run: some calls come after its start.
    if (result.out == "done\n") return FailsWith({result.code, "", result.err}, result.code, "");
    return FailsWith(result, result.code, KnowsTheReason(result.err) ? std::strerror(error) : "");
  }

  static std::string Difference(const std::set<std::string>& now, const std::set<std::string>& before) {
    std::string text;
    for (const std::string& line : now) text += before.count(line) == 0 ? " +" + line : "";
    for (const std::string& line : before) text += now.count(line) == 0 ? " -" + line : "";
    return text;
  }

  std::set<std::string> tree_;
  std::set<std::string> groups_before_;
};
INSTANTIATE_TEST_SUITE_P(Users, FaultTest, ::testing::ValuesIn(Users()), UserName);

// The control: outside, each act of the probe's succeeds, and so it would show.
TEST_P(FaultTest, TheProbeSeesWhatIsOpen) {
  for (const char* namespaces : {"require", "off"}) {
    const std::vector<std::string> acts = Acts(namespaces);
    std::string script = "exec 9</dev/null; ulimit -c 1; \"$0\" \"$@\"; exit $?";
    Start start = StartOf({"-c", script, root().Path("bin/fault-probe")});
    start.arguments.insert(start.arguments.end(), acts.begin(), acts.end());
    std::string expected;
    for (std::size_t i = 0; i < acts.size(); i += 2) expected += acts[i] + " " + acts[i + 1] + "\n";
    EXPECT_EQ(LeashProcess("/bin/sh", start).Finish().out, expected + "done\n");
  }
}

TEST_P(FaultTest, WithNamespacesEachCallRefused) {
  if (!HasNamespaces()) GTEST_SKIP() << "this machine refuses namespaces";
  FailEachCall("require", EPERM);
}
TEST_P(FaultTest, WithNamespacesEachCallOutOfMemory) {
  if (!HasNamespaces()) GTEST_SKIP() << "this machine refuses namespaces";
  FailEachCall("require", ENOMEM);
}
TEST_P(FaultTest, WithNamespacesEachCallOutOfDescriptors) {
  if (!HasNamespaces()) GTEST_SKIP() << "this machine refuses namespaces";
  FailEachCall("require", EMFILE);
}

TEST_P(FaultTest, WithoutNamespacesEachCallRefused) { FailEachCall("off", EPERM); }
TEST_P(FaultTest, WithoutNamespacesEachCallOutOfMemory) { FailEachCall("off", ENOMEM); }
TEST_P(FaultTest, WithoutNamespacesEachCallOutOfDescriptors) { FailEachCall("off", EMFILE); }

TEST_P(FaultTest, WithEitherEachCallRefused) { FailEachCall("auto", EPERM); }

TEST_P(FaultTest, WithNamespacesEachKindOfCall) {
  if (!HasNamespaces()) GTEST_SKIP() << "this machine refuses namespaces";
  for (const int error : {EPERM, ENOSYS}) RefuseEachKind("require", error);
}

TEST_P(FaultTest, WithoutNamespacesEachKindOfCall) {
  for (const int error : {EPERM, ENOSYS}) RefuseEachKind("off", error);
}

TEST_P(FaultTest, WithEitherEachKindOfCall) {
  for (const int error : {EPERM, ENOSYS}) RefuseEachKind("auto", error);
}

}  // namespace
}  // namespace leash::testing
