#include "net/url_path.h"

#include <random>
#include <string>

#include "gtest/gtest.h"

namespace leash::net {
namespace {

std::string Normal(std::string_view path) { return NormalizePath(path).value_or("ambiguous"); }

TEST(NormalizePath, GivesOneForm) {
  EXPECT_EQ(Normal(""), "/");
  EXPECT_EQ(Normal("/"), "/");
  EXPECT_EQ(Normal("/v1/Models"), "/v1/Models");
  EXPECT_EQ(Normal("/v1/"), "/v1/");
  EXPECT_EQ(Normal("/%76%31/%7Eme"), "/v1/~me");
  EXPECT_EQ(Normal("/a%3ab%2c%c3%bc"), "/a%3Ab%2C%C3%BC");
  EXPECT_EQ(Normal("/\u00fc\"<>"), "/%C3%BC%22%3C%3E");
  EXPECT_EQ(Normal("/100%25"), "/100%25");
  EXPECT_EQ(Normal("/a;b=c/@d:e"), "/a;b=c/@d:e");
  EXPECT_EQ(Normal("/.../..a/a../.a"), "/.../..a/a../.a");
}

TEST(NormalizePath, ResolvesDots) {
  EXPECT_EQ(Normal("/a/./b"), "/a/b");
  EXPECT_EQ(Normal("/a/../b"), "/b");
  EXPECT_EQ(Normal("/a/b/.."), "/a/");
  EXPECT_EQ(Normal("/a/."), "/a/");
  EXPECT_EQ(Normal("/a/.."), "/");
  EXPECT_EQ(Normal("/a/../"), "/");
  EXPECT_EQ(Normal("/a/%2e%2E/b"), "/b");
  EXPECT_EQ(Normal("/a/.%2e/b/%2e/c"), "/b/c");
}

TEST(NormalizePath, GivesNoneWhereServersDisagree) {
  for (const char* path :
       {"v1",         "*",          "http://a/b", "//",          "//a",         "/a//b",    "/a//",
        "/a%2fb",     "/a%2Fb",     "/a%5cb",     "/a\\b",       "/%00",        "/a%0ab",   "/a%7f",
        "/a b",       "/a\tb",      "/a%",        "/a%2",        "/a%zz",       "/a%u002e", "/%252e",
        "/%25%32%65", "/a%252fb",   "/..",        "/../a",       "/a/../../b",  "/..;/a",   "/a/..;x=y/b",
        "/a/.;/b",    "/a/..%3b/b", "/;/a",       "/a/%c0%ae/b", "/a/\xc0\xae", "/a?b",     "/a#b"}) {
    EXPECT_EQ(Normal(path), "ambiguous") << path;
  }
  EXPECT_EQ(Normal(std::string_view("/a\0b", 4)), "ambiguous");
}

TEST(NormalizePath, IsItsOwnNormalForm) {
  std::mt19937 random(3986);
  const std::string_view pieces[] = {"/",   "/",      "/",  "a",   "B",      ".", "..", ";",  "%2e", "%2E", "%25",
                                     "%41", "%c3%bc", "%2", "%2f", "\u00fc", "~", "+",  "\"", "%3b", "\\"};
  int accepted = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string text = "/";
    for (auto count = random() % 8; count > 0; --count) text += pieces[random() % std::size(pieces)];
    const auto path = NormalizePath(text);
    if (!path.has_value()) continue;
    ++accepted;
    EXPECT_EQ(Normal(*path), *path) << text;
    for (const char* never : {"//", "/./", "/../", "\\", "%2e", "%2E", "%2F"}) {
      EXPECT_EQ(path->find(never), std::string::npos) << text;
    }
    EXPECT_FALSE(path->ends_with("/..") || path->ends_with("/.")) << text;
  }
  EXPECT_GT(accepted, 1000);
}

}  // namespace
}  // namespace leash::net
