// leash run --report. What Landlock refuses is seen as root, where the kernel's auditing is on; leash does not turn it
// on, and neither do these tests.
#include <sys/stat.h>
#include <unistd.h>

#include "gmock/gmock.h"
#include "leash_process.h"
#include "nlohmann/json.hpp"

namespace leash::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class ReportTest : public LeashTest {
 protected:
  void SetUp() override {
    LeashTest::SetUp();
    root().MakeFile("project/open", "open\n");
    root().MakeFile("project/closed/secret", "secret\n");
  }
  // Reads both files, the second of which is closed.
  RunResult Read(std::vector<std::string> options, const std::string& script = "cat open closed/secret") const {
    std::vector<std::string> words = {"run", "--namespaces", "off", "--deny", "closed"};
    words.insert(words.end(), options.begin(), options.end());
    words.insert(words.end(), {"sh", "-c", script});
    return Leash(words);
  }
  static bool Sees(const RunResult& result) { return result.err.find("not seen: files and proc") == std::string::npos; }
};
INSTANTIATE_TEST_SUITE_P(Users, ReportTest, ::testing::ValuesIn(Users()), UserName);

TEST_P(ReportTest, ChangesNeitherOutputNorStatus) {
  const RunResult result = Leash({"run", "--report", "sh", "-c", "echo out; exit 7"});
  EXPECT_EQ(result.out, "out\n");
  EXPECT_EQ(result.code, 7);
  EXPECT_THAT(result.err, StartsWith("leash: nothing was seen to be refused\n"));
  EXPECT_EQ(Leash({"run", "sh", "-c", "exit 7"}).err, "") << "unless it is asked for";
}

TEST_P(ReportTest, ComesHoweverTheProgramEnds) {
  const RunResult killed = Read({"--report"}, "kill -9 $$");
  EXPECT_EQ(killed.code, 137);
  EXPECT_THAT(killed.err, HasSubstr("leash: nothing was seen"));
  const RunResult late = Read({"--report", "--timeout", "1"}, "sleep 100");
  EXPECT_EQ(late.code, 124);
  EXPECT_THAT(late.err, HasSubstr("leash: nothing was seen"));
}

TEST_P(ReportTest, SaysWhatIsNotSeenAndWhy) {
  const RunResult result = Read({"--report"});
  EXPECT_EQ(result.out, "open\n") << "the control";
  EXPECT_THAT(result.err, HasSubstr("leash: not seen: system calls that are refused\n"));
  if (uid() != 0) {
    EXPECT_THAT(result.err, HasSubstr("leash: not seen: files and processes that Landlock refuses: "));
  }
}

TEST_P(ReportTest, TheHintHelps) {
  const RunResult refused = Read({"--report"});
  if (!Sees(refused)) GTEST_SKIP() << "seeing what Landlock refuses takes root, ABI 7 and auditing that is on";
  const std::string secret = Project("closed/secret");
  EXPECT_THAT(refused.err, AllOf(HasSubstr("     1  read  " + secret), HasSubstr("--readable " + secret)));
  const RunResult allowed = Read({"--report", "--readable", secret});
  EXPECT_EQ(allowed.out, "open\nsecret\n");
  EXPECT_THAT(allowed.err, Not(HasSubstr(secret)));
}

TEST_P(ReportTest, CountsAndNamesTheProgram) {
  const std::string file = root().Path("report.json");
  const RunResult result = Read({"--report-file", file}, "cat closed/secret; cat closed/secret; cat open");
  EXPECT_THAT(result.err, Not(HasSubstr("leash:"))) << "the file is instead of the table";
  const auto json = nlohmann::json::parse(ReadFile(file));
  if (json.at("violations").empty()) {
    ASSERT_FALSE(json.at("not_seen").empty());
    GTEST_SKIP() << "seeing what Landlock refuses takes root, ABI 7 and auditing that is on";
  }
  const auto& row = json.at("violations").at(0);
  EXPECT_EQ(row.at("operation"), "read");
  EXPECT_EQ(row.at("object"), Project("closed/secret"));
  EXPECT_EQ(row.at("count"), 2);
}

TEST_P(ReportTest, TheFileIsCheckedBeforeTheProgramRuns) {
  const RunResult result = Leash({"run", "--report-file", root().Path("missing/report"), "echo", "ran"});
  EXPECT_TRUE(FailsWith(result, 125, "--report-file: cannot open"));
}

TEST_P(ReportTest, WhatTheProgramWritesIntoTheFileIsGone) {
  HandOver();
  const RunResult result = Leash({"run", "--workdir", ".", "--report-file", "report.json", "sh", "-c",
                                  "echo 'forged, and longer than what comes' > report.json; exit 4"});
  EXPECT_EQ(result.code, 4);
  EXPECT_TRUE(nlohmann::json::parse(ReadFile(Project("report.json")), nullptr, false).is_object());
}

TEST_P(ReportTest, TheConfigurationFileMayAskForIt) {
  root().MakeFile("project/leash.toml", "report = true\n");
  EXPECT_THAT(Leash({"run", "true"}).err, StartsWith("leash: nothing was seen to be refused\n"));
}

}  // namespace
}  // namespace leash::testing
