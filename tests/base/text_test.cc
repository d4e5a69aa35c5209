#include "base/text.h"

#include <array>

#include "gtest/gtest.h"

namespace leash::base {
namespace {

TEST(Nearest, FindsTheLikelyWordOrNone) {
  constexpr std::array<std::string_view, 3> kWords = {"network", "isolation", "limits"};
  EXPECT_EQ(Nearest("netwrok", kWords), "network");
  EXPECT_EQ(Nearest("limit", kWords), "limits");
  EXPECT_EQ(Nearest("something-else", kWords), "");
}

TEST(Printable, ShowsControlCharacters) {
  EXPECT_EQ(Printable("a\nb\x1b[31m"), "a\\x0ab\\x1b[31m");
  EXPECT_EQ(Printable("grün"), "grün");
  EXPECT_EQ(Printable(std::string_view("\0", 1)), "\\x00");
}

}  // namespace
}  // namespace leash::base
