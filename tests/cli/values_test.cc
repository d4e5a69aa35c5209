#include "values.h"

#include <string>

#include "gtest/gtest.h"

namespace leash::cli {
namespace {

TEST(ParseSize, CountsInPowersOf1024) {
  EXPECT_EQ(*ParseSize("0"), 0U);
  EXPECT_EQ(*ParseSize("4096"), 4096U);
  EXPECT_EQ(*ParseSize("1K"), 1024U);
  EXPECT_EQ(*ParseSize("512M"), 512ULL << 20);
  EXPECT_EQ(*ParseSize("2g"), 2ULL << 30);
  EXPECT_EQ(*ParseSize("1T"), 1ULL << 40);
  EXPECT_EQ(*ParseSize("18446744073709551615"), ~0ULL);
}

TEST(ParseSize, RefusesWhatIsNoSize) {
  for (const char* text : {"", "K", "-1", "+1", " 1", "1 ", "1.5G", "512MB", "1Ki", "0x10", "18446744073709551616",
                           "18446744073709551615K", "16777216T"}) {
    EXPECT_FALSE(ParseSize(text).ok()) << text;
  }
}

TEST(FormatSize, TakesTheLargestUnitThatFits) {
  EXPECT_EQ(FormatSize(0), "0 bytes");
  EXPECT_EQ(FormatSize(1000), "1000 bytes");
  EXPECT_EQ(FormatSize(1536), "1536 bytes");
  EXPECT_EQ(FormatSize(64 << 20), "64 MiB");
  EXPECT_EQ(FormatSize(3ULL << 50), "3072 TiB");
}

TEST(ParseCount, TakesDigitsAlone) {
  EXPECT_EQ(*ParseCount("64"), 64U);
  for (const char* text : {"", "1K", "-1", "1.0", "99999999999999999999"}) EXPECT_FALSE(ParseCount(text).ok()) << text;
}

TEST(ParseTime, ReadsSecondsAndUnits) {
  EXPECT_EQ(*ParseTime("90"), absl::Seconds(90));
  EXPECT_EQ(*ParseTime("0.5"), absl::Milliseconds(500));
  EXPECT_EQ(*ParseTime("1m30s"), absl::Seconds(90));
  EXPECT_EQ(*ParseTime("250ms"), absl::Milliseconds(250));
  EXPECT_EQ(*ParseTime("1h"), absl::Hours(1));
}

TEST(ParseTime, RefusesWhatCannotPass) {
  for (const char* text : {"", "0", "0s", "-1", "-1s", "inf", "nan", "1m30", "1 m", "1d", ".", "5.", ".5", "1e3",
                           "99999999999999999999999999"}) {
    EXPECT_FALSE(ParseTime(text).ok()) << text;
  }
}

TEST(ParseBool, KnowsTwoWords) {
  EXPECT_TRUE(*ParseBool("true"));
  EXPECT_FALSE(*ParseBool("false"));
  for (const char* text : {"", "yes", "1", "TRUE"}) EXPECT_FALSE(ParseBool(text).ok()) << text;
}

TEST(ParseGrant, SplitsAtTheFirstColon) {
  EXPECT_EQ(*ParseGrant("rw:out"), (Grant{"out", Access::kReadWrite}));
  EXPECT_EQ(*ParseGrant("rx:/opt/a:b"), (Grant{"/opt/a:b", Access::kReadExecute}));
  EXPECT_EQ(*ParseGrant("rwx:."), (Grant{".", Access::kReadWriteExecute}));
  for (const char* text : {"", "out", "rw", "rw:", ":out", "w:out", "rr:out", "q:out"}) {
    EXPECT_FALSE(ParseGrant(text).ok()) << text;
  }
}

TEST(ParseAssignment, SplitsAtTheFirstEqualsSign) {
  EXPECT_EQ(*ParseAssignment("A=b"), (std::pair<std::string, std::string>("A", "b")));
  EXPECT_EQ(*ParseAssignment("A=b=c"), (std::pair<std::string, std::string>("A", "b=c")));
  EXPECT_EQ(*ParseAssignment("A="), (std::pair<std::string, std::string>("A", "")));
  for (const char* text : {"", "A", "=b"}) EXPECT_FALSE(ParseAssignment(text).ok()) << text;
}

TEST(Values, ErrorsShowWhatWasGivenWithoutControlCharacters) {
  const std::string message(ParseSize("1\x1b[31mQ").status().message());
  EXPECT_NE(message.find("\\x1b[31mQ"), std::string::npos) << message;
}

}  // namespace
}  // namespace leash::cli
