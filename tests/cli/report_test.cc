#include "report.h"

#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace leash::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Violation Refused(std::string operation, std::string object, Hint hint) {
  Violation violation;
  violation.kind = ViolationKind::kFile;
  violation.operation = std::move(operation);
  violation.object = std::move(object);
  violation.hint = std::move(hint);
  return violation;
}

Hint Granting(std::string path, Access access) { return {Grant{std::move(path), access}, nullptr, ""}; }

TEST(FlagsOf, SpellsEachGrant) {
  EXPECT_THAT(FlagsOf(Granting("/a", Access::kRead)), ElementsAre("--readable /a"));
  EXPECT_THAT(FlagsOf(Granting("/a", Access::kReadWrite)), ElementsAre("--writable /a"));
  EXPECT_THAT(FlagsOf(Granting("/a", Access::kReadExecute)), ElementsAre("--executable /a"));
  EXPECT_THAT(FlagsOf(Granting("/a", Access::kReadWriteExecute)), ElementsAre("--grant rwx:/a"));
  EXPECT_THAT(FlagsOf({}), IsEmpty());
}

TEST(FlagsOf, TurnsSwitchesOver) {
  EXPECT_THAT(FlagsOf({std::nullopt, &SecurityConfig::protect_user_home, ""}), ElementsAre("--no-protect-home"));
  EXPECT_THAT(FlagsOf({std::nullopt, &SecurityConfig::allow_gpu, ""}), ElementsAre("--allow-gpu"));
}

TEST(FlagsOf, GivesAShellOneWord) {
  EXPECT_THAT(FlagsOf(Granting("/a b;$(c)", Access::kRead)), ElementsAre("--readable '/a b;$(c)'"));
  EXPECT_THAT(FlagsOf(Granting("/a'b", Access::kRead)), ElementsAre(R"(--readable '/a'\''b')"));
  EXPECT_THAT(FlagsOf(Granting("/a\x1b[31m'\\\n", Access::kRead)), ElementsAre(R"(--readable $'/a\x1b[31m\'\\\x0a')"));
}

TEST(ReportLines, SayHowOftenWhatAndWhatWouldAllowIt) {
  ViolationReport report;
  report.violations.push_back(Refused("read", "/srv/key", Granting("/srv/key", Access::kRead)));
  report.violations.back().count = 12;
  report.violations.push_back(Refused("make socket", "/srv", {std::nullopt, nullptr, "nothing allows it"}));
  report.not_seen.emplace_back("the moon");
  EXPECT_THAT(ReportLines(report),
              ElementsAre("refused (how often, what, what would allow it):",
                          "    12  read         /srv/key  --readable /srv/key",
                          "     1  make socket  /srv      nothing allows it", "not seen: the moon"));
}

TEST(ReportLines, SayThatThereIsNothing) {
  EXPECT_THAT(ReportLines({}), ElementsAre("nothing was seen to be refused"));
}

TEST(ReportLines, AreFewAndHoldNoControlCharacters) {
  ViolationReport report;
  for (int i = 0; i < 1000; ++i) {
    const std::string path = "/\x1b]0;title\x07\n" + std::to_string(i);
    report.violations.push_back(Refused("read", path, Granting(path, Access::kRead)));
  }
  report.others = 5;
  const std::vector<std::string> lines = ReportLines(report);
  EXPECT_THAT(lines, SizeIs(27));
  EXPECT_EQ(lines.back(), "and 980 refusals of other things: see --report-file");
  for (const std::string& line : lines) EXPECT_EQ(line.find_first_of("\x1b\x07\n"), std::string::npos) << line;
}

TEST(ReportJson, HoldsEverything) {
  ViolationReport report;
  report.violations.push_back(Refused("read", "/a\xff", Granting("/a", Access::kRead)));
  report.violations.back().program = "cat";
  report.violations.back().pid = 7;
  report.others = 3;
  report.not_seen.emplace_back("the moon");
  const auto json = nlohmann::json::parse(ReportJson(report));
  const auto& row = json.at("violations").at(0);
  EXPECT_EQ(row.at("kind"), "file");
  EXPECT_EQ(row.at("operation"), "read");
  EXPECT_EQ(row.at("program"), "cat");
  EXPECT_EQ(row.at("pid"), 7);
  EXPECT_EQ(row.at("count"), 1);
  EXPECT_EQ(row.at("hint").at("options").at(0), "--readable /a");
  EXPECT_EQ(json.at("others"), 3);
  EXPECT_EQ(json.at("not_seen").at(0), "the moon");
}

}  // namespace
}  // namespace leash::cli
