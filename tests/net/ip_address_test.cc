#include "net/ip_address.h"

#include <gtest/gtest.h>
#include <netinet/in.h>

namespace leash::net {
namespace {

std::string Canonical(std::string_view text) {
  const auto address = IpAddress::Parse(text);
  return address.has_value() ? address->ToString() : "none";
}

TEST(IpAddress, HasOneFormAnAddress) {
  EXPECT_EQ(Canonical("192.0.2.1"), "192.0.2.1");
  EXPECT_EQ(Canonical("::ffff:192.0.2.1"), "192.0.2.1");
  EXPECT_EQ(Canonical("::ffff:c000:201"), "192.0.2.1");
  EXPECT_EQ(Canonical("2001:DB8:0:0::0001"), "2001:db8::1");
  EXPECT_EQ(IpAddress::Parse("::ffff:10.0.0.1"), IpAddress::V4({10, 0, 0, 1}));
}

TEST(IpAddress, ReadsNoFormThatProgramsDisagreeAbout) {
  for (const char* text : {"", "127.1", "0x7f000001", "2130706433", "010.0.0.1", "1.2.3.4.5", "1.2.3.256", " 1.2.3.4",
                           "1.2.3.4 ", "[::1]", "fe80::1%eth0", ":::", "::1::", "12345::", "1.2.3.4:80"}) {
    EXPECT_EQ(Canonical(text), "none") << text;
  }
  EXPECT_EQ(Canonical(std::string_view("1.2.3.4\0.evil", 13)), "none");
}

TEST(IpPrefix, ContainsWhatSharesItsBits) {
  const auto prefix = IpPrefix::Parse("172.16.0.0/12");
  ASSERT_TRUE(prefix.has_value());
  EXPECT_TRUE(prefix->Contains(*IpAddress::Parse("172.31.255.255")));
  EXPECT_FALSE(prefix->Contains(*IpAddress::Parse("172.32.0.0")));
  EXPECT_FALSE(prefix->Contains(*IpAddress::Parse("::ac10:1")));
  EXPECT_TRUE(IpPrefix::Parse("0.0.0.0/0")->Contains(*IpAddress::Parse("255.255.255.255")));
  EXPECT_TRUE(IpPrefix::Parse("fe80::/10")->Contains(*IpAddress::Parse("febf::1")));
  EXPECT_FALSE(IpPrefix::Parse("fe80::/10")->Contains(*IpAddress::Parse("fec0::1")));
  EXPECT_EQ(IpPrefix::Parse("192.0.2.7")->ToString(), "192.0.2.7/32");
}

TEST(IpPrefix, RefusesWhatIsProbablyAMistake) {
  for (const char* text : {"10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8x", "::1/127", "/8"}) {
    EXPECT_FALSE(IpPrefix::Parse(text).has_value()) << text;
  }
}

TEST(Endpoint, SurvivesASocketAddress) {
  for (const char* text : {"192.0.2.1", "2001:db8::1"}) {
    const Endpoint endpoint{*IpAddress::Parse(text), 8080};
    sockaddr_storage storage;
    endpoint.ToSockaddr(storage);
    EXPECT_EQ(Endpoint::FromSockaddr(reinterpret_cast<const sockaddr&>(storage)), endpoint);
  }
  EXPECT_EQ((Endpoint{*IpAddress::Parse("2001:db8::1"), 443}).ToString(), "[2001:db8::1]:443");
}

}  // namespace
}  // namespace leash::net
