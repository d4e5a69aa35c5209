// Limits as the command gives them: what holds, what is said, what is refused, what is left behind.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <string>

#include "leash_process.h"
#include "nlohmann/json.hpp"

namespace leash::testing {
namespace {

using Json = nlohmann::json;

class LimitsTest : public LeashTest {
 protected:
  // A shell script in a sandbox of one kind.
  RunResult Shell(const std::string& kind, std::vector<std::string> options, const std::string& script) const {
    options.insert(options.begin(), {"run", "--namespaces", kind});
    options.insert(options.end(), {"sh", "-c", script});
    return Leash(options);
  }
  // Which of the two kinds this machine has.
  std::vector<std::string> Kinds() const {
    if (Shell("require", {}, "true").code != 0) return {"off"};
    return {"require", "off"};
  }
  // Whether a control group of one of these versions holds the limit on memory or on processes, for this user.
  bool ByControlGroup(const std::string& controller) const {
    const RunResult result = Leash({"doctor", "--json"});
    const Json document = Json::parse(result.out, nullptr, false);
    for (const Json& mechanism : document.at("mechanisms")) {
      const std::string name = mechanism.at("name");
      if ((name == "cgroup.v2" || name == "cgroup.v1." + controller) && mechanism.at("available").get<bool>())
        return true;
    }
    return false;
  }
};
INSTANTIATE_TEST_SUITE_P(Users, LimitsTest, ::testing::ValuesIn(Users()), UserName);

constexpr char kGrow[] = "exec perl -e '$x = \"x\" x (200 << 20)'";

TEST_P(LimitsTest, SayWhatEndedTheProgram) {
  for (const std::string& kind : Kinds()) {
    SCOPED_TRACE(kind);
    const RunResult time = Shell(kind, {"--max-cpu-time", "1"}, "while :; do :; done");
    EXPECT_EQ(time.code, 137);
    EXPECT_EQ(time.err, "leash: ended by the limit on processor time (1s)\n");
    const RunResult size = Shell(kind, {"--max-file-size", "4K"}, "exec head -c 8192 /dev/zero > $HOME/f");
    EXPECT_EQ(size.code, 128 + SIGXFSZ);
    EXPECT_EQ(size.err, "leash: ended by the limit on file size (4 KiB)\n");
    EXPECT_EQ(Shell(kind, {"--max-file-size", "16K"}, "head -c 8192 /dev/zero > $HOME/f").err, "") << "control";
    EXPECT_EQ(Shell(kind, {"--max-cpu-time", "30", "--max-memory", "64M"}, "kill -9 $$").err, "") << "another reason";
    EXPECT_EQ(Shell(kind, {"--max-open-files", "50"}, "ulimit -n").out, "50\n");
    EXPECT_EQ(Shell(kind, {"--max-cpu-time", "1500ms"}, "ulimit -t").out, "2\n");
  }
}

TEST_P(LimitsTest, OnMemoryHold) {
  const bool by_group = ByControlGroup("memory");
  for (const std::string& kind : Kinds()) {
    SCOPED_TRACE(kind);
    EXPECT_EQ(Shell(kind, {}, kGrow).code, 0) << "control";
    const RunResult result = Shell(kind, {"--max-memory", "64M"}, kGrow);
    if (!by_group) {
      EXPECT_NE(result.code, 0);
      EXPECT_EQ(Shell(kind, {"--max-memory", "64M"}, "ulimit -d").out, "65536\n");
      continue;
    }
    EXPECT_EQ(result.code, 137);
    EXPECT_EQ(result.err, "leash: ended by the limit on memory (64 MiB)\n");
    EXPECT_EQ(Shell(kind, {"--max-memory", "64M"}, "ulimit -d").out, "unlimited\n") << "one mechanism, not two";
    // Together they pass it, none by itself.
    const RunResult together =
        Shell(kind, {"--max-memory", "64M"},
              "for i in 1 2 3 4; do perl -e '$x = \"x\" x (15 << 20); sleep 2' & p=\"$p $!\"; done; "
              "for i in $p; do wait $i || bad=9; done 2>/dev/null; exit $bad");
    EXPECT_EQ(together.code, 9);
    EXPECT_NE(together.err.find("leash: a process of the program was ended by the limit on memory (64 MiB)\n"),
              std::string::npos)
        << together.err;
  }
}

TEST_P(LimitsTest, OnProcessesHoldOrAreRefused) {
  const std::string eight = "for i in 1 2 3 4 5 6 7 8; do sleep 0.5 & done; wait; echo done";
  const bool held = uid() != 0 || ByControlGroup("pids");
  for (const std::string& kind : Kinds()) {
    SCOPED_TRACE(kind);
    const RunResult narrow = Shell(kind, {"--max-processes", "4"}, eight);
    if (!held) {
      EXPECT_TRUE(FailsWith(narrow, 125, "the limit on processes cannot be enforced"));
      const RunResult best_effort = Shell(kind, {"--max-processes", "4", "--best-effort-limits"}, eight);
      EXPECT_EQ(best_effort.out, "done\n");
      continue;
    }
    EXPECT_EQ(Shell(kind, {"--max-processes", "100"}, eight).out, "done\n") << "control";
    EXPECT_NE(narrow.code, 0);
    EXPECT_EQ(narrow.out, "");
    EXPECT_EQ(narrow.err.find("leash"), std::string::npos) << "the limit did not end it: " << narrow.err;
    EXPECT_EQ(Shell(kind, {"--max-processes", "3"}, "sleep 0.1 & sleep 0.1 & wait; echo done").out, "done\n");
    EXPECT_NE(Shell(kind, {"--max-processes", "2"}, "sleep 0.1 & sleep 0.1 & wait; echo done").out, "done\n");
  }
}

TEST_P(LimitsTest, ThatCannotBeHeldAreLeftOutOnlyWhenAsked) {
  HandOver();
  Start start = StartOf({"-c", "ulimit -f 8; exec \"$0\" \"$@\"", binary(), "run", "--max-file-size", "1M", "true"});
  EXPECT_TRUE(FailsWith(LeashProcess("/bin/sh", start).Finish(), 125, "the limit on file size cannot be enforced"));
  start.arguments.insert(start.arguments.end() - 1, "--best-effort-limits");
  EXPECT_EQ(LeashProcess("/bin/sh", start).Finish().code, 0);
  start.arguments[3] = "explain";
  start.arguments.back() = "--json";
  const RunResult explained = LeashProcess("/bin/sh", start).Finish();
  const Json document = Json::parse(explained.out, nullptr, false);
  ASSERT_TRUE(document.is_object()) << ::testing::PrintToString(explained);
  EXPECT_EQ(document.at("best_effort_limits"), true);
  EXPECT_EQ(document.at("limit_mechanisms").at("file_size").at("held"), false);
  EXPECT_NE(document.at("notes").dump().find("the limit on file size is left out"), std::string::npos);
}

TEST_P(LimitsTest, AreExplainedWithTheirMechanism) {
  const RunResult text = Leash({"explain", "--max-open-files", "50", "--timeout", "5"});
  EXPECT_NE(text.out.find("  open_files 50  (RLIMIT_NOFILE: each process)\n"), std::string::npos) << text.out;
  const Json document = Json::parse(Leash({"explain", "--json", "--max-memory", "64M"}).out, nullptr, false);
  const std::string by = document.at("limit_mechanisms").at("memory").at("by");
  EXPECT_EQ(by.rfind(ByControlGroup("memory") ? "cgroup v" : "RLIMIT_DATA", 0), 0U) << by;
}

// Control groups of the sandbox whose scratch directory this is.
std::vector<std::string> CgroupsOf(const std::string& scratch) {
  const std::string digits = scratch.substr(scratch.find("/leash-") + 7, 16);
  std::array<char, 32> name = {};
  std::snprintf(name.data(), name.size(), "leash-%016llx", std::stoull(digits, nullptr, 16) | 1);
  std::vector<std::string> found;
  std::error_code ignored;
  for (std::filesystem::recursive_directory_iterator entry("/sys/fs/cgroup", ignored), end; entry != end;
       entry.increment(ignored)) {
    if (entry->path().filename() == name.data()) found.push_back(entry->path());
  }
  return found;
}

TEST_P(LimitsTest, LeaveNoControlGroupBehind) {
  if (!ByControlGroup("memory")) GTEST_SKIP() << "no control groups for this user here";
  const std::string temporary = root().MakeDirectory("tmp", 0700);
  HandOver();
  const std::vector<std::string> kinds = Kinds();
  const auto start = [&](const std::string& kind, const std::string& program) {
    Start result = StartOf({"run", "--namespaces", kind, "--max-memory", "128M", "sh", "-c", program});
    result.environment.emplace_back("TMPDIR", temporary);
    return result;
  };
  std::vector<std::string> left;
  for (const std::string& kind : kinds) {
    const RunResult ended = Run(start(kind, "echo $HOME; setsid sleep 60 >/dev/null 2>&1 & exit 3"));
    EXPECT_EQ(ended.code, 3) << ::testing::PrintToString(ended);
    EXPECT_TRUE(CgroupsOf(ended.out).empty()) << kind;
    LeashProcess leash(binary(), start(kind, "setsid sleep 60 >/dev/null 2>&1 & echo $HOME; echo up; exec sleep 60"));
    ASSERT_TRUE(leash.WaitForOutput("up\n"));
    leash.Signal(SIGKILL);
    left.push_back(leash.Finish().out);
    EXPECT_FALSE(CgroupsOf(left.back()).empty()) << "control: nothing could take it away";
  }
  ::sleep(11);  // younger directories are left alone: they may be about to be locked
  EXPECT_EQ(Run(start("off", "true")).code, 0);
  for (const std::string& scratch : left) EXPECT_TRUE(CgroupsOf(scratch).empty());
  EXPECT_TRUE(std::filesystem::is_empty(temporary));
}

TEST_P(LimitsTest, LeaveNoControlGroupBehindAnError) {
  if (!ByControlGroup("memory")) GTEST_SKIP() << "no control groups for this user here";
  const std::vector<std::vector<std::string>> failing = {
      {"no-such-program"}, {"--deny", "/nonexistent/x", "--timeout", "100ms", "sleep", "60"}};
  for (const std::string& kind : Kinds()) {
    for (const std::vector<std::string>& rest : failing) {
      std::vector<std::string> arguments = {"run", "-v", "--namespaces", kind, "--max-memory", "128M"};
      arguments.insert(arguments.end(), rest.begin(), rest.end());
      const RunResult result = Leash(arguments);
      EXPECT_TRUE(result.code == 127 || result.code == 124) << ::testing::PrintToString(result);
      const std::string said = "made control group ";
      const std::size_t at = result.err.find(said);
      ASSERT_NE(at, std::string::npos) << "control" << result.err;
      const std::size_t begin = at + said.size();
      EXPECT_FALSE(Exists(result.err.substr(begin, result.err.find('\n', begin) - begin)));
    }
  }
}

}  // namespace
}  // namespace leash::testing
