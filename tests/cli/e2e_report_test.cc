// leash run --report. What is refused is seen by the observer; what Landlock refuses otherwise than by name only as
// root, where the kernel's auditing is on. leash does not turn it on, and neither do these tests.
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
  RunResult Read(const std::string& kind, std::vector<std::string> options,
                 const std::string& script = "cat open closed/secret") const {
    std::vector<std::string> words = {"run", "--namespaces", kind, "--deny", "closed"};
    words.insert(words.end(), options.begin(), options.end());
    words.insert(words.end(), {"sh", "-c", script});
    return Leash(words);
  }
  // Which of the two kinds of sandbox this machine has.
  std::vector<std::string> Kinds() const {
    if (Leash({"run", "--namespaces", "require", "true"}).code != 0) return {"off"};
    return {"require", "off"};
  }
  static bool Sees(const RunResult& result) { return result.err.find("not seen: system calls") == std::string::npos; }
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
  const RunResult killed = Read("off", {"--report"}, "kill -9 $$");
  EXPECT_EQ(killed.code, 137);
  EXPECT_THAT(killed.err, HasSubstr("leash: nothing was seen"));
  const RunResult late = Read("off", {"--report", "--timeout", "1"}, "sleep 100");
  EXPECT_EQ(late.code, 124);
  EXPECT_THAT(late.err, HasSubstr("leash: nothing was seen"));
}

TEST_P(ReportTest, SaysWhatIsNotSeenAndWhy) {
  const RunResult result = Read("off", {"--report"});
  EXPECT_EQ(result.out, "open\n") << "the control";
  if (uid() != 0) {
    EXPECT_THAT(result.err, HasSubstr("leash: not seen: signals to other processes, "));
  }
}

TEST_P(ReportTest, TheHintHelps) {
  for (const std::string& kind : Kinds()) {
    SCOPED_TRACE(kind);
    const RunResult refused = Read(kind, {"--report"});
    if (!Sees(refused)) GTEST_SKIP() << "no supervisor here: " << refused.err;
    const std::string secret = Project("closed/secret");
    EXPECT_THAT(refused.err, AllOf(HasSubstr("     1  read  " + secret), HasSubstr("--readable " + secret)));
    EXPECT_THAT(refused.err, Not(HasSubstr(Project("open"))));
    const RunResult allowed = Read(kind, {"--report", "--readable", secret});
    EXPECT_EQ(allowed.out, "open\nsecret\n");
    EXPECT_THAT(allowed.err, Not(HasSubstr(secret)));
  }
}

TEST_P(ReportTest, SeesCallsAndWritesToo) {
  root().MakeDirectory("project/work");
  HandOver();
  const std::string script =
      "echo x > out; echo x > work/fine; mkdir made; unshare -n true; chmod 600 open; cat missing; "
      "python3 -c 'import socket; socket.socket(socket.AF_INET)'";
  for (const std::string& kind : Kinds()) {
    SCOPED_TRACE(kind);
    const RunResult result = Read(kind, {"--report", "--writable", "work"}, script);
    if (!Sees(result)) GTEST_SKIP() << "no supervisor here: " << result.err;
    const std::string here = Project("").substr(0, Project("").size() - 1);
    EXPECT_THAT(result.err, HasSubstr("     2  make     " + here + " ")) << "out and made";
    EXPECT_THAT(result.err, HasSubstr("     1  unshare  "));
    EXPECT_THAT(result.err, HasSubstr("     1  socket   AF_INET"));
    EXPECT_THAT(result.err, AllOf(Not(HasSubstr(here + "/work")), Not(HasSubstr(here + "/missing"))));
    if (kind == "off") {
      EXPECT_THAT(result.err, HasSubstr("     1  write    " + Project("open")));
    }
    EXPECT_FALSE(Exists(Project("made"))) << "seen, and refused all the same";
    EXPECT_EQ(ReadFile(Project("work/fine")), "x\n");
  }
}

TEST_P(ReportTest, CountsAndNamesTheProgram) {
  const std::string file = root().Path("report.json");
  for (const std::string& kind : Kinds()) {
    const RunResult result = Read(kind, {"--report-file", file}, "cat closed/secret; cat closed/secret; cat open");
    EXPECT_THAT(result.err, Not(HasSubstr("leash:"))) << "the file is instead of the table";
    const auto json = nlohmann::json::parse(ReadFile(file));
    if (json.at("violations").empty()) {
      ASSERT_FALSE(json.at("not_seen").empty());
      GTEST_SKIP() << "no supervisor here";
    }
    const auto& row = json.at("violations").at(0);
    EXPECT_EQ(row.at("operation"), "read");
    EXPECT_EQ(row.at("object"), Project("closed/secret"));
    EXPECT_EQ(row.at("count"), 2);
    EXPECT_THAT(std::string(row.at("program")), ::testing::EndsWith("/cat"));
  }
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
