#include "net/host_name.h"

#include <random>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "leash/error.h"
#include "net/ip_address.h"

namespace leash::net {
namespace {

using ::testing::HasSubstr;

std::string Normal(std::string_view text) {
  const auto host = NormalizeHost(text);
  return host.ok() ? *host : "refused";
}

std::string Refusal(std::string_view text) {
  const auto host = NormalizeHost(text);
  EXPECT_EQ(GetErrorCode(host.status()), ErrorCode::kInvalidArgument) << text;
  return std::string(host.status().message());
}

TEST(NormalizeHost, GivesNamesOneForm) {
  EXPECT_EQ(Normal("example.com"), "example.com");
  EXPECT_EQ(Normal("EXAMPLE.Com."), "example.com");
  EXPECT_EQ(Normal("localhost"), "localhost");
  EXPECT_EQ(Normal("_dmarc.a-b--c.example"), "_dmarc.a-b--c.example");
  EXPECT_EQ(Normal("1.2.3.4.example"), "1.2.3.4.example");
  EXPECT_EQ(Normal("a.0b"), "a.0b");
  EXPECT_EQ(Normal("XN--BCHER-KVA.example"), "xn--bcher-kva.example");
}

TEST(NormalizeHost, WritesInternationalNamesAsALabels) {
  EXPECT_EQ(Normal("b\u00fccher.example"), "xn--bcher-kva.example");
  EXPECT_EQ(Normal("B\u00dcCHER.Example."), "xn--bcher-kva.example");
  EXPECT_EQ(Normal("bu\u0308cher.example"), "xn--bcher-kva.example") << "decomposed";
  EXPECT_EQ(Normal("stra\u00dfe.example"), "xn--strae-oqa.example") << "non-transitional: not strasse";
  EXPECT_EQ(Normal("\uff45\uff58ample.com"), "example.com") << "full width";
  EXPECT_EQ(Normal("example\u3002com"), "example.com") << "ideographic full stop";
  EXPECT_EQ(Normal("b\u00fccher_x.example"), "xn--bcher_x-n2a.example");
}

TEST(NormalizeHost, GivesAddressesOneForm) {
  EXPECT_EQ(Normal("192.0.2.1"), "192.0.2.1");
  EXPECT_EQ(Normal("192.0.2.1."), "192.0.2.1");
  EXPECT_EQ(Normal("2001:DB8:0::1"), "2001:db8::1");
  EXPECT_EQ(Normal("[2001:DB8:0::1]"), "2001:db8::1");
  EXPECT_EQ(Normal("::ffff:192.0.2.1"), "192.0.2.1");
  EXPECT_EQ(Normal("[::ffff:c000:201]"), "192.0.2.1");
}

TEST(NormalizeHost, RefusesWhatProgramsReadInDifferentWays) {
  for (const char* text :
       {"1.2.3", "127.1", "2130706433", "0x7f.1", "0x7f000001", "0X7F.0.0.1", "1.2.3.0x", "010.0.0.1", "1.2.3.256",
        "1.2.3.4.5", "example.42", "example.0x1f", "\uff11\uff12\uff17.0.0.1", "127.0.0.\u2460"}) {
    EXPECT_EQ(Normal(text), "refused") << text;
  }
}

TEST(NormalizeHost, RefusesWhatIsNoHost) {
  for (const char* text : {"",
                           ".",
                           "..",
                           "a..b",
                           ".a",
                           "a b",
                           " a",
                           "a ",
                           "a\t",
                           "a\n",
                           "a\x7f",
                           "a@b",
                           "user@example.com",
                           "a/b",
                           "a\\b",
                           "a%2eb",
                           "fe80::1%eth0",
                           "[fe80::1%25eth0]",
                           "a:80",
                           "[::1",
                           "::1]",
                           "[::1].",
                           "[::1]:80",
                           "[127.0.0.1]",
                           "[]",
                           "[a]",
                           "*.a",
                           "a*",
                           "a,b",
                           "a?b",
                           "a#b",
                           "a\u2024..b",
                           "a\uff0fb",
                           "a\uff05b",
                           "\xff.example",
                           "\xc3",
                           "a.\u200d.b"}) {
    EXPECT_EQ(Normal(text), "refused") << text;
  }
  EXPECT_EQ(Normal(std::string_view("a.com\0.b.com", 12)), "refused");
  EXPECT_EQ(Normal(std::string_view("\u00fc.com\0.b.com", 13)), "refused");
}

TEST(NormalizeHost, HoldsNamesToTheirLength) {
  const std::string label(63, 'a');
  const std::string longest = label + '.' + label + '.' + label + '.' + std::string(61, 'b');
  ASSERT_EQ(longest.size(), 253U);
  EXPECT_EQ(Normal(longest), longest);
  EXPECT_EQ(Normal(longest + '.'), longest);
  EXPECT_EQ(Normal(longest + 'c'), "refused");
  EXPECT_EQ(Normal(label + "a.example"), "refused");
  EXPECT_EQ(Normal(std::string(2000, 'a')), "refused");
  std::string international;
  for (int i = 0; i < 64; ++i) international += "\u00fc";
  EXPECT_EQ(Normal(international + ".example"), "refused");
}

TEST(NormalizeHost, SaysWhatIsWrongWhere) {
  EXPECT_THAT(Refusal("a..b"), HasSubstr("host 'a..b', at character 3: an empty label"));
  EXPECT_THAT(Refusal("user@host"), HasSubstr("at character 5: a user name"));
  EXPECT_THAT(Refusal("\u00fc\u00fc b"), HasSubstr("at character 3:"));
  EXPECT_THAT(Refusal("a.1.2"), HasSubstr("at character 5: this ends in a number"));
  EXPECT_THAT(Refusal("a\x1b[31m"), HasSubstr("\\x1b"));
}

// What comes out goes in again unchanged, and only such texts are called normal.
TEST(NormalizeHost, IsItsOwnNormalForm) {
  std::mt19937 random(20230601);
  const std::string_view pieces[] = {"a",      "B",       "xn--", "-",   "_", ".",       ".",  "..",     "0",
                                     "0x",     "1.2.3.4", ":",    "::1", "[", "]",       "%",  "\u00fc", "\u3002",
                                     "\uff10", "\u00df",  "\xff", " ",   "/", "example", "com"};
  int accepted = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string text;
    for (auto count = random() % 6 + 1; count > 0; --count) text += pieces[random() % std::size(pieces)];
    const auto host = NormalizeHost(text);
    EXPECT_EQ(IsNormalHost(text), host.ok() && *host == text) << text;
    if (!host.ok()) continue;
    ++accepted;
    EXPECT_EQ(Normal(*host), *host) << text;
    EXPECT_TRUE(IsNormalHost(*host)) << text;
    const bool address = IpAddress::Parse(*host).has_value();
    EXPECT_EQ(address,
              host->find_first_not_of("0123456789.") == std::string::npos || host->find(':') != std::string::npos)
        << *host;
  }
  EXPECT_GT(accepted, 1000);
}

TEST(IsPublicSuffix, KnowsWhereStrangersRegister) {
  for (const char* name : {"com", "co.uk", "github.io", "xn--p1ai", "xn--55qx5d.cn", "ck", "anything.ck", "no-such-tld",
                           "s3.amazonaws.com"}) {
    EXPECT_TRUE(IsPublicSuffix(name)) << name;
  }
  for (const char* name : {"example.com", "github.com", "me.github.io", "www.ck", "a.no-such-tld", "bbc.co.uk"}) {
    EXPECT_FALSE(IsPublicSuffix(name)) << name;
  }
}

}  // namespace
}  // namespace leash::net
