#include "base/path.h"

#include "gtest/gtest.h"

namespace leash::base {
namespace {

TEST(NormalizePath, ResolvesDotsAndSlashesAsText) {
  EXPECT_EQ(NormalizePath("/a//b/./c/", "/"), "/a/b/c");
  EXPECT_EQ(NormalizePath("/a/../../b", "/"), "/b");
  EXPECT_EQ(NormalizePath("x/../y", "/base"), "/base/y");
  EXPECT_EQ(NormalizePath("", "/base"), "/base");
  EXPECT_EQ(NormalizePath("/", "/base"), "/");
  EXPECT_EQ(NormalizePath("..", "/"), "/");
}

TEST(IsAtOrBelow, ComparesWholeComponents) {
  EXPECT_TRUE(IsAtOrBelow("/a/b", "/a"));
  EXPECT_TRUE(IsAtOrBelow("/a", "/a"));
  EXPECT_TRUE(IsAtOrBelow("/anything", "/"));
  EXPECT_FALSE(IsAtOrBelow("/ab", "/a"));
  EXPECT_FALSE(IsAtOrBelow("/", "/a"));
}

TEST(ParentOf, StopsAtTheRoot) {
  EXPECT_EQ(ParentOf("/a/b"), "/a");
  EXPECT_EQ(ParentOf("/a"), "/");
  EXPECT_EQ(ParentOf("/"), "/");
}

TEST(JoinPath, PutsOneSlash) {
  EXPECT_EQ(JoinPath("/", "a"), "/a");
  EXPECT_EQ(JoinPath("/a", "b"), "/a/b");
  EXPECT_EQ(JoinPath("/a/", "b"), "/a/b");
}

}  // namespace
}  // namespace leash::base
