#include "ipc/payload.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "leash/ipc.h"

namespace leash::ipc {
namespace {

using ::testing::HasSubstr;

IpcDescription Query() {
  return {"", {{.name = "query", .kind = IpcKind::kString, .required = true}, {.name = "limit"}}};
}
IpcDescription Anything() { return {.takes_others = true}; }

std::string Why(std::string_view bytes, const IpcDescription& description, const IpcLimits& limits = {}) {
  return std::string(CheckArguments(bytes, limits, description).message());
}

std::string Nested(int arrays) { return "\x81\xa1q" + std::string(static_cast<std::size_t>(arrays), '\x91') + "\xc0"; }

TEST(CheckArgumentsTest, TakesWhatTheDescriptionNames) {
  EXPECT_TRUE(
      CheckArguments(leash::internal::PackIpc(std::map<std::string, std::string>{{"query", "x"}}), {}, Query()).ok());
  EXPECT_TRUE(CheckArguments("\x80", {}, Anything()).ok());
}

TEST(CheckArgumentsTest, NamesWhatIsMissingUnknownOrGivenTwice) {
  EXPECT_EQ(Why("\x80", Query()), "argument \"query\" is missing");
  EXPECT_EQ(Why("\x82\xa5query\xc0\xa5qurey\xc0", Query()), "there is no argument \"qurey\"");
  EXPECT_EQ(Why("\x82\xa5query\xc0\xa5query\xc0", Query()), "argument \"query\" is given twice");
}

TEST(CheckArgumentsTest, DoesNotRepeatWhatCouldBeATerminalsCommand) {
  EXPECT_EQ(Why("\x81\xa2\x1b[\xc0", Query()), "there is no argument of a name that cannot be shown");
}

TEST(CheckArgumentsTest, RefusesWhatIsNotOneMapOfNames) {
  for (const std::string& bytes : {std::string(), std::string("\xc0"), std::string("\x90"), std::string("\x80\xc0"),
                                   std::string("\x81\xa1"), std::string("\xc1"), std::string("\xdf\xff\xff\xff\xff")}) {
    EXPECT_FALSE(CheckArguments(bytes, {}, Anything()).ok());
  }
  EXPECT_THAT(Why("\x81\x01\xc0", Anything()), HasSubstr("a key is an integer"));
  EXPECT_THAT(Why("\x81\x90\xc0", Anything()), HasSubstr("a key is an array"));
}

TEST(CheckArgumentsTest, KeepsToItsLimitsWhereTheyAreAnnounced) {
  IpcLimits limits;
  limits.depth = 8;
  EXPECT_TRUE(CheckArguments(Nested(7), limits, Anything()).ok());
  EXPECT_THAT(Why(Nested(8), Anything(), limits), HasSubstr("too deeply"));
  limits.values = 100;
  EXPECT_THAT(Why("\x81\xa1q\xdd\x7f\xff\xff\xff", Anything(), limits), HasSubstr("too many values"));
  EXPECT_THAT(Why("\xdf\xff\xff\xff\xff", Anything(), limits), HasSubstr("too many values"));
}

TEST(IsOneValueTest, SaysWhatAHandlerMayAnswer) {
  EXPECT_TRUE(IsOneValue("\xc0"));
  EXPECT_TRUE(IsOneValue("\x81\x01\x02"));
  EXPECT_FALSE(IsOneValue(""));
  EXPECT_FALSE(IsOneValue("\xc0\xc0"));
  EXPECT_FALSE(IsOneValue("\x92\xc0"));
  EXPECT_FALSE(IsOneValue(std::string(100'000, '\x91') + "\xc0"));
}

TEST(DescribeTest, TellsEveryParameter) {
  IpcRouter router;
  ASSERT_TRUE(router.RegisterRaw("search", Query(), IpcRun::kLoop, [](const IpcCall&) {}).ok());
  const std::string bytes = DescribeCommands(router);
  const msgpack::object_handle handle = msgpack::unpack(bytes.data(), bytes.size());
  std::ostringstream json;
  json << handle.get();
  EXPECT_EQ(json.str(),
            R"({"search":{"summary":"","streams":false,"takes_others":false,"parameters":[)"
            R"({"name":"query","kind":"string","required":true,"positional":false,"from_stdin":false,"help":""},)"
            R"({"name":"limit","kind":"any","required":false,"positional":false,"from_stdin":false,"help":""}]}})");
}

}  // namespace
}  // namespace leash::ipc
