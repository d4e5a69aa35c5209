// leash selftest: what it finds here, that it can find something, and that nothing of it stays.
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "leash_process.h"
#include "nlohmann/json.hpp"

namespace leash::testing {
namespace {

using Json = nlohmann::json;

class SelftestTest : public LeashTest {
 protected:
  void SetUp() override {
    LeashTest::SetUp();
    place_ = root().MakeDirectory("place");
    HandOver();
    // A build with sanitizers has the probes in its build directory, where an ordinary user may not come.
    const RunResult result = Selftest({"--only", "no-new-privs"});
    if (result.err.find("built without its probes inside") != std::string::npos) GTEST_SKIP() << result.err;
  }

  Start StartOfSelftest(const std::vector<std::string>& arguments) const {
    std::vector<std::string> all = {"selftest", "--directory", place_};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return StartOf(all);
  }
  RunResult Selftest(const std::vector<std::string>& arguments) const { return Run(StartOfSelftest(arguments)); }
  bool HasSupervisor() const {
    const nlohmann::json document = nlohmann::json::parse(Leash({"doctor", "--json"}).out, nullptr, false);
    for (const nlohmann::json& mechanism : document.at("mechanisms")) {
      if (mechanism.at("name") == "supervisor") return mechanism.at("available");
    }
    return false;
  }
  bool PlaceIsEmpty() const { return std::filesystem::is_empty(place_); }
  const std::string& place() const { return place_; }

 private:
  std::string place_;
};
INSTANTIATE_TEST_SUITE_P(Users, SelftestTest, ::testing::ValuesIn(Users()), UserName);

// Under a sanitizer leash takes long to start, and what is tested is the driver: a few themes will do.
struct Selection {
  std::vector<std::string> arguments;
  int at_least;
};
Selection Everything() {
#ifdef LEASH_SLOW_BUILD
  return {{"--json", "--only", "Writing", "--only", "Terminal"}, 15};
#else
  return {{"--json"}, 80};
#endif
}

Json Parse(const RunResult& result) { return Json::parse(result.out, nullptr, false); }

std::set<std::string> RowsWith(const Json& document, const std::string& column, const std::string& verdict) {
  std::set<std::string> ids;
  for (const Json& row : document.at("rows")) {
    if (!row.at("applicable") || row.at("harmless")) continue;
    if (row.at("outcomes").at(column).at("verdict") == verdict) ids.insert(row.at("id"));
  }
  return ids;
}

// Which processes have `text` among their arguments.
std::vector<std::string> ProcessesWith(const std::string& text) {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::ifstream file(entry.path() / "cmdline", std::ios::binary);
    std::ostringstream arguments;
    arguments << file.rdbuf();
    if (arguments.str().find(text) != std::string::npos) found.push_back(entry.path().filename());
  }
  return found;
}

TEST_P(SelftestTest, FindsThatWhatIsPromisedIsStopped) {
  const RunResult result = Selftest(Everything().arguments);
  const Json document = Parse(result);
  ASSERT_TRUE(document.is_object()) << ::testing::PrintToString(result);
  // Without namespaces, and where the supervisor does not work either: docs/escape.md tells why.
  const std::set<std::string> known =
      HasSupervisor() ? std::set<std::string>() : std::set<std::string>{"chmod", "utimes"};
  bool all_stopped = true;
  for (const Json& column : document.at("columns")) {
    if (!column.at("available")) continue;
    const std::string name = column.at("name");
    EXPECT_GT(column.at("applicable").get<int>(), Everything().at_least) << name;
    EXPECT_EQ(RowsWith(document, name, "unclear"), std::set<std::string>()) << name;
    const std::set<std::string> allowed = RowsWith(document, name, "ALLOWED");
    const bool expected = std::includes(known.begin(), known.end(), allowed.begin(), allowed.end());
    EXPECT_TRUE(allowed.empty() || (name == "process" && expected)) << name << ::testing::PrintToString(allowed);
    EXPECT_EQ(column.at("allowed").get<std::size_t>(), allowed.size());
    all_stopped = all_stopped && allowed.empty();
  }
  EXPECT_EQ(result.code, all_stopped ? 0 : 1);
  EXPECT_EQ(result.err, "");
  EXPECT_TRUE(PlaceIsEmpty());
}

// No sandbox at all: every act that works must be seen to work, or "stopped" would mean nothing.
TEST_P(SelftestTest, FindsThatNoSandboxStopsNothing) {
  std::vector<std::string> arguments = Everything().arguments;
  arguments.insert(arguments.end(), {"--", "env"});
  const RunResult result = Selftest(arguments);
  EXPECT_EQ(result.code, 1);
  const Json document = Parse(result);
  ASSERT_TRUE(document.is_object()) << ::testing::PrintToString(result);
  int tried = 0;
  for (const Json& row : document.at("rows")) {
    if (!row.at("applicable")) continue;
    EXPECT_EQ(row.at("outcomes").at("env").at("verdict"), "ALLOWED") << row;
    ++tried;
  }
  EXPECT_GT(tried, Everything().at_least);
  EXPECT_EQ(document.at("columns").at(0).at("stopped"), 0);
  EXPECT_TRUE(PlaceIsEmpty());
}

TEST_P(SelftestTest, LeavesOutWhatDoesNotWorkWithoutASandboxEither) {
  if (uid() == 0) return;  // who may set the time
  const RunResult result = Selftest({"--json", "--only", "settimeofday"});
  EXPECT_EQ(result.code, 0);
  const Json document = Parse(result);
  ASSERT_TRUE(document.is_object()) << ::testing::PrintToString(result);
  EXPECT_FALSE(document.at("rows").at(0).at("applicable").get<bool>());
  EXPECT_NE(document.at("rows").at(0).at("reason").get<std::string>().find("not permitted"), std::string::npos);
  EXPECT_NE(Selftest({"--only", "settimeofday"}).out.find("n/a"), std::string::npos);
}

TEST_P(SelftestTest, ShowsWhatWasSaid) {
  const RunResult result = Selftest({"-v", "--only", "read-secret", "--only", "stat-*"});
  EXPECT_EQ(result.code, 0) << ::testing::PrintToString(result);
  EXPECT_NE(result.out.find("refused: open: "), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("see that the key exists *"), std::string::npos) << result.out;
}

// What the launcher gets instead of {workdir} and {home} leads to the world that is tried in.
TEST_P(SelftestTest, FillsInTheLaunchersPlaceholders) {
  const std::string script = "test -d \"$1/.git\" && test -f \"$2/.ssh/id_x\" && shift 2 && exec \"$@\"";
  const RunResult result = Selftest({"--only", "read-secret", "--", "sh", "-c", script, "sh", "{workdir}", "{home}"});
  EXPECT_EQ(result.code, 1) << ::testing::PrintToString(result);
  EXPECT_NE(result.out.find("ALLOWED"), std::string::npos) << result.out;
}

TEST_P(SelftestTest, RefusesALauncherThatProvesNothing) {
  EXPECT_TRUE(FailsWith(Selftest({"--", "true"}), 125, "it does not run the probes"));
  EXPECT_TRUE(FailsWith(Selftest({"--", "no-such-launcher"}), 125, "No such file or directory"));
  EXPECT_TRUE(FailsWith(Selftest({"--strict-typo"}), 125, "unknown option"));
  EXPECT_TRUE(FailsWith(Selftest({"--only", "no such probe"}), 125, "--only matches no probe"));
  EXPECT_TRUE(FailsWith(Selftest({"--isolation", "strict", "--", "env"}), 125, "leash's own sandboxes"));
  EXPECT_TRUE(FailsWith(Leash({"selftest", "--directory", "/no/such/place"}), 125, "/no/such/place"));
  EXPECT_TRUE(PlaceIsEmpty());
}

TEST_P(SelftestTest, LeavesNothingBehindWhenItIsInterrupted) {
  for (const int signal : {SIGINT, SIGTERM}) {
    LeashProcess leash(binary(), StartOfSelftest({}));
    // Until a victim and probes are there: their arguments name the place.
    for (int i = 0; i < 400 && ProcessesWith(place() + "/selftest-of-leash").empty(); ++i) ::usleep(50000);
    ASSERT_FALSE(PlaceIsEmpty());
    leash.Signal(signal);
    const RunResult result = leash.Finish();
    EXPECT_EQ(result.code, 128 + signal) << ::testing::PrintToString(result);
    EXPECT_EQ(result.out, "");
    EXPECT_TRUE(PlaceIsEmpty());
    EXPECT_EQ(ProcessesWith(place() + "/selftest-of-leash"), std::vector<std::string>());
  }
}

TEST_P(SelftestTest, ListsWithoutTrying) {
  const RunResult result = Selftest({"--list", "--only", "Network"});
  EXPECT_EQ(result.code, 0);
  EXPECT_NE(result.out.find("tcp6 "), std::string::npos) << result.out;
  EXPECT_EQ(result.out.find("read-secret"), std::string::npos) << result.out;
}

}  // namespace
}  // namespace leash::testing
