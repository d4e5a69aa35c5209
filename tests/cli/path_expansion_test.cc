#include "path_expansion.h"

#include <string>

#include "gtest/gtest.h"

namespace leash::cli {
namespace {

base::Environment Environment() {
  base::Environment environment;
  environment.Set("HOME", "/home/ann");
  environment.Set("DATA", "/srv/data");
  environment.Set("NAME", "x");
  environment.Set("ODD", "$HOME~");
  environment.Set("EMPTY", "");
  return environment;
}

std::string Expand(std::string_view text) {
  const auto path = ExpandPath(text, "/project", Environment());
  return path.ok() ? *path : "error: " + std::string(path.status().message());
}

TEST(ExpandPath, RelativePathsStartAtTheFilesDirectory) {
  EXPECT_EQ(Expand("out"), "/project/out");
  EXPECT_EQ(Expand("../up"), "/project/../up");
  EXPECT_EQ(Expand("/etc"), "/etc");
}

TEST(ExpandPath, TildeIsHome) {
  EXPECT_EQ(Expand("~"), "/home/ann");
  EXPECT_EQ(Expand("~/.cache"), "/home/ann/.cache");
  EXPECT_EQ(Expand("a~b"), "/project/a~b");
  EXPECT_EQ(Expand("./~bob"), "/project/./~bob");
}

TEST(ExpandPath, VariablesAreReplacedOnce) {
  EXPECT_EQ(Expand("$DATA/in"), "/srv/data/in");
  EXPECT_EQ(Expand("${DATA}set"), "/srv/dataset");
  EXPECT_EQ(Expand("a$NAME-$NAME"), "/project/ax-x");
  EXPECT_EQ(Expand("$ODD"), "/project/$HOME~");
  EXPECT_EQ(Expand("price$$5"), "/project/price$5");
}

TEST(ExpandPath, RefusesWhatItCannotExpand) {
  EXPECT_EQ(Expand("$MISSING/x"), "error: the variable MISSING is not set");
  EXPECT_EQ(Expand("${MISSING}"), "error: the variable MISSING is not set");
  for (const char* text : {"", "$", "$/x", "$1", "${DATA", "${}", "${DA TA}", "a$-b", "~bob/x", "$EMPTY"}) {
    EXPECT_EQ(Expand(text).rfind("error: ", 0), 0U) << text;
  }
  EXPECT_FALSE(ExpandPath(std::string("a\0b", 3), "/project", Environment()).ok());
  EXPECT_FALSE(ExpandPath("~", "/project", base::Environment()).ok());
}

}  // namespace
}  // namespace leash::cli
