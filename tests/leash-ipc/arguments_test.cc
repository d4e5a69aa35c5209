#include "leash-ipc/arguments.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace leash_ipc {
namespace {

using ::testing::HasSubstr;

Json Parameter(const char* name, const char* kind, bool required = false, bool positional = false,
               bool from_stdin = false) {
  return {
      {"name", name}, {"kind", kind}, {"required", required}, {"positional", positional}, {"from_stdin", from_stdin},
      {"help", ""}};
}

Json Search() {
  return {
      {"summary", "Searches"},
      {"takes_others", false},
      {"parameters", Json::array({Parameter("query", "string", true, true), Parameter("limit", "integer", false, true),
                                  Parameter("exact", "bool"), Parameter("weight", "number"), Parameter("filter", "map"),
                                  Parameter("more", "array", false, true)})}};
}

class ArgumentsTest : public ::testing::Test {
 protected:
  // The arguments as JSON, or the error.
  std::string Parse(const Json& description, const std::vector<std::string>& words) {
    const Parsed parsed = ParseArguments(description, words, [this](std::string& text) {
      ++asked_;
      text = stdin_;
      return !terminal_;
    });
    if (parsed.help) return "help";
    return parsed.error.empty() ? parsed.arguments.dump() : "error: " + parsed.error;
  }
  std::string stdin_;
  bool terminal_ = false;
  int asked_ = 0;
};

TEST_F(ArgumentsTest, AreGivenByPlaceOrByName) {
  EXPECT_EQ(Parse(Search(), {"two words"}), R"({"query":"two words"})");
  EXPECT_EQ(Parse(Search(), {"q", "5"}), R"({"query":"q","limit":5})");
  EXPECT_EQ(Parse(Search(), {"--query", "q"}), R"({"query":"q"})");
  EXPECT_EQ(Parse(Search(), {"--query=q=1", "--limit=7"}), R"({"query":"q=1","limit":7})");
  EXPECT_EQ(Parse(Search(), {"--query", "q", "8"}), R"({"query":"q","limit":8})") << "the next place";
  EXPECT_EQ(Parse(Search(), {"q", "1", "a", "b"}), R"({"query":"q","limit":1,"more":["a","b"]})");
  EXPECT_EQ(Parse(Search(), {"--query", "--exact"}), R"({"query":"--exact"})") << "what follows is the value";
}

TEST_F(ArgumentsTest, FlagsAreTrueOrFalse) {
  EXPECT_EQ(Parse(Search(), {"--exact", "q"}), R"({"exact":true,"query":"q"})");
  EXPECT_EQ(Parse(Search(), {"--exact=false", "q"}), R"({"exact":false,"query":"q"})");
  EXPECT_EQ(Parse(Search(), {"--no-exact", "q"}), R"({"exact":false,"query":"q"})");
  EXPECT_THAT(Parse(Search(), {"--exact=maybe", "q"}), HasSubstr("error"));
}

TEST_F(ArgumentsTest, ValuesAreOfTheirKind) {
  EXPECT_EQ(Parse(Search(), {"--weight", "-1.5", "q"}), R"({"weight":-1.5,"query":"q"})");
  EXPECT_EQ(Parse(Search(), {"q", "-5"}), R"({"query":"q","limit":-5})") << "no option";
  EXPECT_EQ(Parse(Search(), {"123"}), R"({"query":"123"})") << "text stays text";
  EXPECT_EQ(Parse(Search(), {"q", "--filter", R"({"a": [1]})"}), R"({"filter":{"a":[1]},"query":"q"})");
  EXPECT_THAT(Parse(Search(), {"q", "many"}), HasSubstr("--limit takes a value of kind integer"));
  EXPECT_THAT(Parse(Search(), {"q", "--filter", "[1]"}), HasSubstr("kind map"));
}

TEST_F(ArgumentsTest, BehindTwoDashesThereAreOnlyWords) {
  EXPECT_EQ(Parse(Search(), {"--", "--help"}), R"({"query":"--help"})");
  EXPECT_EQ(Parse(Search(), {"-"}), R"({"query":"-"})");
}

TEST_F(ArgumentsTest, WhatDoesNotFitIsAnError) {
  EXPECT_THAT(Parse(Search(), {}), HasSubstr("--query is missing"));
  EXPECT_THAT(Parse(Search(), {"q", "--colour", "red"}), HasSubstr("there is no option --colour"));
  EXPECT_THAT(Parse(Search(), {"q", "-x"}), HasSubstr("there is no option -x"));
  EXPECT_THAT(Parse(Search(), {"--query"}), HasSubstr("--query takes a value"));
  EXPECT_THAT(Parse(Search(), {"--query", "a", "--query", "b"}), HasSubstr("twice"));
  const Json one = {{"parameters", Json::array({Parameter("a", "string", false, true)})}};
  EXPECT_THAT(Parse(one, {"1", "2"}), HasSubstr("no place for \"2\""));
}

TEST_F(ArgumentsTest, JsonGivesTheRest) {
  EXPECT_EQ(Parse(Search(), {"--json", R"({"query": "j", "limit": 2})", "--limit", "3"}), R"({"limit":3,"query":"j"})");
  EXPECT_THAT(Parse(Search(), {"--json", "[]"}), HasSubstr("--json takes a JSON object"));
  EXPECT_THAT(Parse(Search(), {"--json", "{"}), HasSubstr("--json takes a JSON object"));
}

TEST_F(ArgumentsTest, StandardInputIsReadWhenItIsNeeded) {
  const Json note = {{"parameters", Json::array({Parameter("title", "string", true, true),
                                                 Parameter("text", "string", true, false, true)})}};
  stdin_ = std::string("line\n\0x\n", 8);
  EXPECT_EQ(Parse(note, {"t"}), R"({"title":"t","text":"line\n\u0000x\n"})") << "whole, with its NUL and last newline";
  EXPECT_EQ(asked_, 1);
  EXPECT_EQ(Parse(note, {"t", "--text", "given"}), R"({"text":"given","title":"t"})");
  EXPECT_EQ(Parse(note, {"--help"}), "help");
  EXPECT_EQ(Parse(note, {"t", "--nonsense"}), "error: there is no option --nonsense");
  EXPECT_EQ(asked_, 1) << "an open pipe would hold up the call";
  terminal_ = true;
  EXPECT_THAT(Parse(note, {"t"}), HasSubstr("--text is missing"));
}

TEST_F(ArgumentsTest, OthersGoToACommandThatTakesThem) {
  const Json open = {{"takes_others", true}, {"parameters", Json::array()}};
  EXPECT_EQ(Parse(open, {"--a", "1", "--b", "--c=x", "--d"}), R"({"a":"1","b":true,"c":"x","d":true})");
}

TEST_F(ArgumentsTest, AParameterMayHaveANameOfOurs) {
  const Json own = {{"parameters", Json::array({Parameter("json", "string"), Parameter("help", "bool")})}};
  EXPECT_EQ(Parse(own, {"--json", "x", "--help"}), R"({"json":"x","help":true})");
  EXPECT_EQ(Parse(own, {"-h"}), "help");
}

TEST_F(ArgumentsTest, HelpTellsWhatThereIs) {
  const std::string help = HelpFor("web_search", Search());
  EXPECT_THAT(help, HasSubstr("Usage: web_search [OPTIONS] QUERY [LIMIT] [MORE...]\n\nSearches\n"));
  EXPECT_THAT(help, HasSubstr("--query string"));
  EXPECT_THAT(help, HasSubstr("required"));
  EXPECT_THAT(help, HasSubstr("--exact\n"));
}

// What a host says is not believed to have any form.
TEST_F(ArgumentsTest, ABrokenDescriptionIsAnEmptyOne) {
  for (const Json& odd : {Json(nullptr), Json(1), Json("x"), Json::array({1}), Json{{"parameters", 5}},
                          Json{{"parameters", Json::array({1, nullptr, Json::object()})}}}) {
    EXPECT_THAT(Parse(odd, {"--a", "b"}), HasSubstr("error")) << odd;
    EXPECT_FALSE(HelpFor("x", odd).empty());
  }
}

}  // namespace
}  // namespace leash_ipc
