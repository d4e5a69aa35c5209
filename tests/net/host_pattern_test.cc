#include "net/host_pattern.h"

#include <random>
#include <string>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "leash/error.h"

namespace leash::net {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Hosts = HostPattern::Hosts;

HostPattern Parsed(std::string_view text) {
  auto pattern = HostPattern::Parse(text);
  EXPECT_TRUE(pattern.ok()) << pattern.status();
  return pattern.ok() ? *std::move(pattern) : HostPattern();
}

std::string Refusal(std::string_view text) {
  const auto pattern = HostPattern::Parse(text);
  EXPECT_EQ(GetErrorCode(pattern.status()), ErrorCode::kInvalidArgument) << text;
  return std::string(pattern.status().message());
}

TEST(HostPattern, ReadsNames) {
  EXPECT_EQ(Parsed("API.Example.com.").host, "api.example.com");
  EXPECT_EQ(Parsed("API.Example.com.").text, "API.Example.com.");
  EXPECT_EQ(Parsed("api.example.com").hosts, Hosts::kExact);
  EXPECT_EQ(Parsed("localhost").host, "localhost");
  EXPECT_EQ(Parsed("*.example.com").hosts, Hosts::kBelow);
  EXPECT_EQ(Parsed("*.example.com").host, "example.com");
  EXPECT_EQ(Parsed("**.example.com").hosts, Hosts::kAtAndBelow);
  EXPECT_EQ(Parsed("*.b\u00fccher.example").host, "xn--bcher-kva.example");
  EXPECT_EQ(Parsed("**").hosts, Hosts::kAll);
  EXPECT_EQ(Parsed("github.io").host, "github.io") << "a public suffix is a fine host, only no wildcard's";
}

TEST(HostPattern, ReadsPorts) {
  EXPECT_EQ(Parsed("a.b").ports, (PortRange{1, 65535}));
  EXPECT_EQ(Parsed("a.b:443").ports, (PortRange{443, 443}));
  EXPECT_EQ(Parsed("a.b:8000-8999").ports, (PortRange{8000, 8999}));
  EXPECT_EQ(Parsed("a.b:*").ports, (PortRange{1, 65535}));
  EXPECT_EQ(Parsed("http://a.b").ports, (PortRange{80, 80}));
  EXPECT_EQ(Parsed("https://a.b").ports, (PortRange{443, 443}));
  EXPECT_EQ(Parsed("https://a.b:*").ports, (PortRange{1, 65535}));
  EXPECT_EQ(Parsed("tls://a.b").ports, (PortRange{1, 65535}));
  EXPECT_EQ(Parsed("tcp://**:22").ports, (PortRange{22, 22}));
}

TEST(HostPattern, ReadsAddresses) {
  const auto prefix = [](std::string_view text) { return Parsed(text).prefix.ToString(); };
  EXPECT_EQ(Parsed("192.0.2.1").hosts, Hosts::kAddresses);
  EXPECT_EQ(prefix("192.0.2.1"), "192.0.2.1/32");
  EXPECT_EQ(prefix("192.0.2.1:80"), "192.0.2.1/32");
  EXPECT_EQ(prefix("http://192.0.2.1/8"), "192.0.2.1/32");
  EXPECT_EQ(prefix("192.0.2.1/v1/*"), "192.0.2.1/32");
  EXPECT_EQ(prefix("::ffff:192.0.2.1"), "192.0.2.1/32");
  EXPECT_EQ(prefix("10.0.0.0/8"), "10.0.0.0/8");
  EXPECT_EQ(prefix("10.0.0.0/8:443"), "10.0.0.0/8");
  EXPECT_EQ(Parsed("10.0.0.0/8:443").ports, (PortRange{443, 443}));
  EXPECT_EQ(prefix("[10.0.0.0/8]/v1"), "10.0.0.0/8");
  EXPECT_EQ(prefix("2001:db8::1"), "2001:db8::1/128");
  EXPECT_EQ(prefix("2001:db8::/32"), "2001:db8::/32");
  EXPECT_EQ(prefix("[2001:db8::1]:443"), "2001:db8::1/128");
  EXPECT_EQ(prefix("[2001:db8::/32]:443"), "2001:db8::/32");
  EXPECT_EQ(prefix("GET https://[2001:db8::1]/v1"), "2001:db8::1/128");
}

TEST(HostPattern, ReadsRequests) {
  const HostPattern pattern = Parsed("POST,GET,POST https://api.example.com:8443/v1/%7eme/*");
  EXPECT_EQ(pattern.scheme, Scheme::kHttps);
  EXPECT_THAT(pattern.methods, ElementsAre("GET", "POST"));
  EXPECT_EQ(pattern.host, "api.example.com");
  EXPECT_EQ(pattern.ports, (PortRange{8443, 8443}));
  EXPECT_EQ(pattern.path, (PathPattern{"/v1/~me/", true}));
  EXPECT_EQ(Parsed("a.b/v1").path, (PathPattern{"/v1", false}));
  EXPECT_EQ(Parsed("a.b/*").path, (PathPattern{"/", true}));
  EXPECT_EQ(Parsed("a.b:80/").path, (PathPattern{"/", false}));
  EXPECT_EQ(Parsed("a.b/x/../v1/./\u00fc").path, (PathPattern{"/v1/%C3%BC", false}));
  EXPECT_TRUE(Parsed("GET a.b").NeedsRequest());
  EXPECT_FALSE(Parsed("GET a.b").path.has_value());
  EXPECT_FALSE(Parsed("https://a.b").NeedsRequest());
}

TEST(HostPattern, RefusesWildcardsAboveStrangers) {
  for (const char* text :
       {"*.com", "**.co.uk", "*.github.io:443", "GET https://*.github.io/x", "*.internal", "*.GITHUB.IO."}) {
    EXPECT_THAT(Refusal(text), HasSubstr("anyone may register")) << text;
    EXPECT_THAT(Refusal(text), HasSubstr(fmt::format("write public-suffix:{}", text))) << text;
    EXPECT_TRUE(HostPattern::Parse(fmt::format("public-suffix:{}", text)).ok()) << text;
  }
  EXPECT_EQ(Parsed("public-suffix:*.github.io").host, "github.io");
  EXPECT_EQ(Parsed("public-suffix:*.example.com").host, "example.com");
  EXPECT_THAT(Refusal("public-suffix:github.io"), HasSubstr("at character 1"));
}

TEST(HostPattern, SaysWhatIsWrongWhere) {
  const auto refused = [](std::string_view text, int character, std::string_view why) {
    const std::string refusal = Refusal(text);
    EXPECT_THAT(refusal, HasSubstr(fmt::format("at character {}: ", character))) << text;
    EXPECT_THAT(refusal, HasSubstr(std::string(why))) << text;
  };
  refused("", 1, "the host name is missing");
  refused("*", 1, "every host is written **");
  refused("*.", 3, "the host name is missing");
  refused("*.*.com", 3, "a star stands only in front");
  refused("a*b.com", 2, "a star stands only in front");
  refused("*example.com", 1, "a star stands only in front");
  refused("***.example.com", 1, "a star stands only in front");
  refused("*.192.0.2.1", 1, "nothing stands below an address");
  refused("a..b", 3, "an empty label");
  refused("*.a..b", 5, "an empty label");
  refused("a.b:", 5, "a port is");
  refused("a.b:0", 5, "a port is");
  refused("a.b:65536", 5, "a port is");
  refused("a.b:+80", 5, "a port is");
  refused("a.b:80-", 8, "a port is");
  refused("a.b:-80", 5, "a port is");
  refused("a.b:90-80", 5, "ends before it begins");
  refused("https://a.b:x/", 13, "a port is");
  refused("ftp://a.b", 1, "known are");
  refused("HTTPS://a.b", 1, "known are");
  refused("https://", 9, "the host name is missing");
  refused("https://user@a.b", 13, "a user name");
  refused("get a.b", 1, "methods of HTTP in capitals");
  refused("GET,,PUT a.b", 5, "methods of HTTP in capitals");
  refused("GET  a.b", 5, "does not belong");
  refused(" a.b", 1, "methods of HTTP in capitals");
  refused("CONNECT a.b", 1, "write the host alone");
  refused("GET tcp://a.b", 1, "methods and paths belong to HTTP");
  refused("tls://a.b/x", 10, "methods and paths belong to HTTP");
  refused("a.b/v*", 6, "a star stands only at the end");
  refused("a.b/*/c", 5, "a star stands only at the end");
  refused("a.b/v1?x=y", 7, "about the path alone");
  refused("a.b/v1#x", 7, "about the path alone");
  refused("a.b/v1//x", 4, "in different ways");
  refused("a.b/%2f", 4, "in different ways");
  refused("a.b/../x", 4, "in different ways");
  refused("10.0.0.1/8", 1, "no bit set behind");
  refused("10.0.0.0/33", 1, "no bit set behind");
  refused("10.0.0.0/8/x", 10, "Brackets say so");
  refused("2001:db8::1:443x", 1, "in brackets");
  refused("http://2001:db8::1", 8, "in brackets");
  refused("[2001:db8::1", 1, "not closed");
  refused("[2001:db8::1]x", 14, "a port or a path");
  refused("[a.b]:80", 2, "neither an address nor a prefix");
  refused("fe80::1%eth0", 1, "no IPv6 address");
  refused("a.1.2", 5, "ends in a number");
}

TEST(HostPattern, ReadsNoNulAndShowsNoControls) {
  EXPECT_FALSE(HostPattern::Parse(std::string_view("a.com\0.b.com", 12)).ok());
  EXPECT_FALSE(HostPattern::Parse(std::string_view("a.com/x\0y", 9)).ok());
  EXPECT_THAT(Refusal("a\x1b[31m.com"), HasSubstr("\\x1b"));
  EXPECT_EQ(Refusal("*.com\n").find('\n'), std::string::npos);
}

// Whatever is put together from pieces of patterns is read or refused with a position inside it.
TEST(HostPattern, SurvivesWhatIsPutTogetherAtRandom) {
  std::mt19937 random(1034);
  const std::string_view pieces[] = {"GET", ",",   " ",  "tcp://",    "https://", "http://",  "public-suffix:",
                                     "*",   "**",  ".",  "a.example", "com",      "10.0.0.0", "::1",
                                     "[",   "]",   ":",  "443",       "-",        "/",        "/8",
                                     "/v1", "%2f", "..", "\u00fc",    "?",        "*.",       "\xff"};
  int accepted = 0;
  for (int i = 0; i < 50000; ++i) {
    std::string text;
    for (auto count = random() % 7; count > 0; --count) text += pieces[random() % std::size(pieces)];
    const auto pattern = HostPattern::Parse(text);
    if (pattern.ok()) {
      ++accepted;
      EXPECT_LE(pattern->ports.from, pattern->ports.to) << text;
      EXPECT_EQ(pattern->text, text);
    } else {
      EXPECT_THAT(std::string(pattern.status().message()), HasSubstr("at character ")) << text;
    }
  }
  EXPECT_GT(accepted, 500);
}

}  // namespace
}  // namespace leash::net
