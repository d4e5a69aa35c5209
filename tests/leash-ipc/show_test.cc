#include "leash-ipc/show.h"

#include "gtest/gtest.h"

namespace leash_ipc {
namespace {

TEST(Show, TextAsItIsAndTheRestAsJson) {
  EXPECT_EQ(ShowResponse("plain \"text\""), "plain \"text\"\n");
  EXPECT_EQ(ShowResponse("line\n"), "line\n");
  EXPECT_EQ(ShowResponse(""), "\n");
  EXPECT_EQ(ShowResponse(nullptr), "");
  EXPECT_EQ(ShowResponse(true), "true\n");
  EXPECT_EQ(ShowResponse(Json{{"b", 1}, {"a", Json::array({2})}}), "{\n  \"b\": 1,\n  \"a\": [\n    2\n  ]\n}\n");
  EXPECT_EQ(ShowResponse(Json::binary({0, 1, 255})), std::string("\0\1\xff", 3));
  EXPECT_EQ(ShowItem(Json{{"a", 1}}), "{\"a\":1}\n");
}

TEST(Show, WhatIsNoUtf8IsReplacedInJson) { EXPECT_EQ(ShowItem(Json{{"a", "\xff"}}), "{\"a\":\"\xef\xbf\xbd\"}\n"); }

TEST(Show, ExitCodes) {
  EXPECT_EQ(ExitCodeOf({"not_found", ""}), 1);
  EXPECT_EQ(ExitCodeOf({"invalid_argument", ""}), 2);
  EXPECT_EQ(ExitCodeOf({"deadline_exceeded", ""}), 124);
  EXPECT_EQ(ExitCodeOf({"unreachable", ""}), 125);
  EXPECT_EQ(ExitCodeOf({"unknown_command", ""}), 127);
}

}  // namespace
}  // namespace leash_ipc
