#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "leash/error.h"
#include "leash/ipc.h"

namespace leash {
namespace {

using ::testing::HasSubstr;

void Nothing(const IpcCall&) {}

absl::Status Add(IpcRouter& router, std::string name, IpcDescription description = {}) {
  return router.RegisterRaw(std::move(name), std::move(description), IpcRun::kLoop, Nothing);
}

struct Everything {
  struct Args {
    std::string text;
    std::string with_default = "x";
    int number = 0;
    double fraction = 0.5;
    bool flag = false;
    std::optional<std::string> maybe;
    std::vector<char> bytes;
    std::map<std::string, int> table;
    std::vector<std::string> words;
    MSGPACK_DEFINE_MAP(text, with_default, number, fraction, flag, maybe, bytes, table, words)
  };
  using Response = msgpack::type::nil_t;
  static constexpr std::string_view kName = "everything";
  static IpcDescription Describe() { return {"Takes all.", {{.name = "maybe", .kind = IpcKind::kString}}}; }
  absl::StatusOr<Response> Handle(const Args&, const IpcContext&) { return Response(); }
};

TEST(RouterTest, RefusesNamesThatWouldMeanMoreOnACommandLine) {
  for (const std::string name : {"a", "web_search", "Web-Search2"}) {
    IpcRouter router;
    EXPECT_TRUE(Add(router, name).ok()) << name;
  }
  for (const std::string& name :
       {std::string(), std::string("2x"), std::string("-x"), std::string("_x"), std::string("a/b"), std::string("a b"),
        std::string("a\0b", 3), std::string("\xc3\xa4"), std::string("../x"), std::string(65, 'a')}) {
    IpcRouter router;
    const absl::Status status = Add(router, name);
    EXPECT_EQ(GetErrorCode(status), ErrorCode::kInvalidArgument) << name;
    EXPECT_TRUE(router.commands().empty());
    EXPECT_FALSE(Add(router, "command", {.parameters = {{.name = name}}}).ok());
  }
}

TEST(RouterTest, RefusesTheNameOfTheProgramThatCalls) {
  IpcRouter router;
  EXPECT_EQ(GetErrorCode(Add(router, "leash-ipc")), ErrorCode::kInvalidArgument);
}

TEST(RouterTest, RefusesANameTwiceAndKeepsTheFirst) {
  IpcRouter router;
  ASSERT_TRUE(Add(router, "one", {.summary = "first"}).ok());
  const absl::Status again = Add(router, "one", {.summary = "second"});
  EXPECT_EQ(GetErrorCode(again), ErrorCode::kInvalidArgument);
  EXPECT_THAT(std::string(again.message()), HasSubstr("\"one\""));
  EXPECT_EQ(router.commands().at("one").description.summary, "first");
}

TEST(RouterTest, RefusesParametersThatContradictThemselves) {
  IpcRouter router;
  EXPECT_FALSE(Add(router, "twice", {.parameters = {{.name = "a"}, {.name = "a"}}}).ok());
  EXPECT_FALSE(Add(router, "flag", {.parameters = {{.name = "a", .kind = IpcKind::kBool, .positional = true}}}).ok());
  EXPECT_FALSE(
      Add(router, "in", {.parameters = {{.name = "a", .from_stdin = true}, {.name = "b", .from_stdin = true}}}).ok());
  EXPECT_FALSE(router.RegisterRaw("none", {}, IpcRun::kLoop, nullptr).ok());
  EXPECT_TRUE(router.commands().empty());
}

TEST(RouterTest, ACopyIsItsOwn) {
  IpcRouter router;
  ASSERT_TRUE(Add(router, "one").ok());
  IpcRouter copy = router;
  ASSERT_TRUE(Add(copy, "two").ok());
  EXPECT_EQ(router.commands().size(), 1U);
}

TEST(DescriptionTest, FollowsFromTheArgumentsType) {
  IpcRouter router;
  ASSERT_TRUE(router.Register(Everything()).ok());
  const IpcDescription& description = router.commands().at("everything").description;
  EXPECT_EQ(description.summary, "Takes all.");
  struct Row {
    const char* name;
    IpcKind kind;
    bool required;
    bool positional;
  };
  constexpr Row kRows[] = {
      {"maybe", IpcKind::kString, false, false},       {"text", IpcKind::kString, true, true},
      {"with_default", IpcKind::kString, false, true}, {"number", IpcKind::kInteger, true, true},
      {"fraction", IpcKind::kNumber, false, true},     {"flag", IpcKind::kBool, false, false},
      {"bytes", IpcKind::kBinary, false, false},       {"table", IpcKind::kMap, false, false},
      {"words", IpcKind::kArray, false, true},
  };
  ASSERT_EQ(description.parameters.size(), std::size(kRows));
  for (std::size_t i = 0; i < std::size(kRows); ++i) {
    const IpcParameter& parameter = description.parameters[i];
    EXPECT_EQ(parameter.name, kRows[i].name);
    EXPECT_EQ(parameter.kind, kRows[i].kind) << parameter.name;
    EXPECT_EQ(parameter.required, kRows[i].required) << parameter.name;
    EXPECT_EQ(parameter.positional, kRows[i].positional) << parameter.name;
  }
}

}  // namespace
}  // namespace leash
