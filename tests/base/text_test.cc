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
  EXPECT_EQ(Printable("\xc2\x9b"
                      "31m"),
            "\\xc2\\x9b"
            "31m")
      << "a terminal takes it for ESC [";
}

TEST(Printable, ShowsWhatIsNoUtf8) {
  EXPECT_EQ(Printable("a\xff"
                      "b\xc3"),
            "a\\xffb\\xc3");
  EXPECT_EQ(Printable("\xc0\xaf"), "\\xc0\\xaf") << "overlong";
  EXPECT_EQ(Printable("\xed\xa0\x80"), "\\xed\\xa0\\x80") << "half a surrogate pair";
  EXPECT_EQ(Printable("\xe2\x82\xac \xf0\x9f\x90\x95"), "\xe2\x82\xac \xf0\x9f\x90\x95");
}

TEST(Printable, ShowsWhatTurnsTheTextAround) {
  EXPECT_EQ(Printable("txt.\xe2\x80\xae"
                      "exe"),
            "txt.\\xe2\\x80\\xaeexe");
}

TEST(Trimmed, TakesBlanksOffBothEnds) {
  EXPECT_EQ(Trimmed(" \t a b\r"), "a b");
  EXPECT_EQ(Trimmed(" \t"), "");
  EXPECT_EQ(Trimmed(""), "");
  EXPECT_EQ(Trimmed("\ra ", " "), "\ra") << "no others than those named";
}

TEST(TakePiece, TakesOneAfterTheOther) {
  std::string_view text = "a::b c";
  EXPECT_EQ(TakePiece(text, ": "), "a");
  EXPECT_EQ(TakePiece(text, ": "), "");
  EXPECT_EQ(TakePiece(text, ": "), "b");
  EXPECT_EQ(text, "c");
  EXPECT_EQ(TakePiece(text, ": "), "c");
  EXPECT_EQ(text, "");
  EXPECT_EQ(TakePiece(text, ": "), "");
}

TEST(CharacterNumber, CountsCharactersNotBytes) {
  EXPECT_EQ(CharacterNumber("abc", 0), 1U);
  EXPECT_EQ(CharacterNumber("abc", 2), 3U);
  EXPECT_EQ(CharacterNumber("\xc3\xbc.c", 2), 2U);
  EXPECT_EQ(CharacterNumber("", 0), 1U);
}

}  // namespace
}  // namespace leash::base
