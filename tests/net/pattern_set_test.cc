#include "net/pattern_set.h"

#include <algorithm>
#include <random>
#include <string>

#include "fmt/format.h"
#include "gtest/gtest.h"
#include "net/port_table.h"

namespace leash::net {
namespace {

PatternSet Set(const std::vector<std::string>& texts) {
  std::vector<HostPattern> patterns;
  for (const std::string& text : texts) {
    auto pattern = HostPattern::Parse(text);
    EXPECT_TRUE(pattern.ok()) << pattern.status();
    if (pattern.ok()) patterns.push_back(*std::move(pattern));
  }
  return PatternSet(std::move(patterns));
}

Verdict Ask(const PatternSet& set, std::string host, std::uint16_t port = 443, Protocol protocol = Protocol::kTcp) {
  return set.Match({std::move(host), port, protocol}).verdict;
}

Verdict AskFor(const PatternSet& set, std::string method, std::string path, Protocol protocol = Protocol::kHttps,
               std::uint16_t port = 443) {
  NetworkRequest request{"api.example.com", port, protocol};
  request.method = std::move(method);
  request.path = std::move(path);
  return set.Match(request).verdict;
}

TEST(PatternSet, MatchesNames) {
  const PatternSet set = Set({"api.example.com", "*.below.example", "**.both.example", "*.deep.below.example:22"});
  EXPECT_EQ(Ask(set, "api.example.com"), Verdict::kAllow);
  EXPECT_EQ(Ask(set, "API.example.COM."), Verdict::kAllow);
  EXPECT_EQ(Ask(set, "x.api.example.com"), Verdict::kDeny);
  EXPECT_EQ(Ask(set, "example.com"), Verdict::kDeny);
  EXPECT_EQ(Ask(set, "below.example"), Verdict::kDeny);
  EXPECT_EQ(Ask(set, "a.below.example"), Verdict::kAllow);
  EXPECT_EQ(Ask(set, "b.a.below.example"), Verdict::kAllow);
  EXPECT_EQ(Ask(set, "a.deep.below.example", 80), Verdict::kAllow) << "the wider rule is asked as well";
  EXPECT_EQ(Ask(set, "notbelow.example"), Verdict::kDeny);
  EXPECT_EQ(Ask(set, "both.example"), Verdict::kAllow);
  EXPECT_EQ(Ask(set, "a.both.example"), Verdict::kAllow);
  EXPECT_EQ(Ask(set, "api.example.com.evil.example"), Verdict::kDeny);
  for (const char* host :
       {"", ".", "a b", "api.example.com:443", "api.example.com/", "x@api.example.com", "*.below.example"}) {
    EXPECT_EQ(Ask(set, host), Verdict::kDeny) << host;
  }
  EXPECT_EQ(Ask(set, std::string("api.example.com\0", 16)), Verdict::kDeny);
}

TEST(PatternSet, MatchesAddressesByPrefix) {
  const PatternSet set = Set({"192.0.2.7", "10.0.0.0/8:443", "10.1.0.0/16:80", "2001:db8::/32", "[::1]:8080"});
  EXPECT_EQ(Ask(set, "192.0.2.7"), Verdict::kAllow);
  EXPECT_EQ(Ask(set, "::ffff:192.0.2.7"), Verdict::kAllow);
  EXPECT_EQ(Ask(set, "192.0.2.8"), Verdict::kDeny);
  EXPECT_EQ(Ask(set, "10.1.2.3", 443), Verdict::kAllow);
  EXPECT_EQ(Ask(set, "10.1.2.3", 80), Verdict::kAllow);
  EXPECT_EQ(Ask(set, "10.2.2.3", 80), Verdict::kDeny);
  EXPECT_EQ(Ask(set, "[2001:DB8::1]"), Verdict::kAllow);
  EXPECT_EQ(Ask(set, "2001:db9::1"), Verdict::kDeny);
  EXPECT_EQ(Ask(set, "::1", 8080), Verdict::kAllow);
  EXPECT_EQ(Ask(set, "::1", 80), Verdict::kDeny);
  EXPECT_EQ(Ask(Set({"*.example.com"}), "192.0.2.7"), Verdict::kDeny);
  EXPECT_EQ(Ask(Set({"0.0.0.0/0"}), "192.0.2.7"), Verdict::kAllow);
  EXPECT_EQ(Ask(Set({"0.0.0.0/0"}), "2001:db8::1"), Verdict::kDeny);
}

TEST(PatternSet, MatchesEverythingByTwoStars) {
  const PatternSet set = Set({"**:443"});
  EXPECT_EQ(Ask(set, "any.example"), Verdict::kAllow);
  EXPECT_EQ(Ask(set, "192.0.2.7"), Verdict::kAllow);
  EXPECT_EQ(Ask(set, "::1"), Verdict::kAllow);
  EXPECT_EQ(Ask(set, "any.example", 80), Verdict::kDeny);
  EXPECT_EQ(Ask(set, "no host"), Verdict::kDeny);
}

// What a pattern says to each thing that may be spoken.
TEST(PatternSet, GoesByWhatIsSpoken) {
  const struct {
    const char* pattern;
    Verdict tcp, tls, http, https;  // http and https without a method: known to be HTTP, and no more
  } kRows[] = {
      {"tcp://a.example", Verdict::kAllow, Verdict::kAllow, Verdict::kAllow, Verdict::kAllow},
      {"a.example", Verdict::kAllow, Verdict::kAllow, Verdict::kAllow, Verdict::kAllow},
      {"tls://a.example", Verdict::kInspect, Verdict::kAllow, Verdict::kDeny, Verdict::kAllow},
      {"https://a.example:*", Verdict::kInspect, Verdict::kAllow, Verdict::kDeny, Verdict::kAllow},
      {"http://a.example:*", Verdict::kInspect, Verdict::kDeny, Verdict::kAllow, Verdict::kDeny},
      {"GET a.example", Verdict::kInspect, Verdict::kInspect, Verdict::kInspect, Verdict::kInspect},
      {"a.example/*", Verdict::kInspect, Verdict::kInspect, Verdict::kInspect, Verdict::kInspect},
      {"http://a.example:*/x", Verdict::kInspect, Verdict::kDeny, Verdict::kInspect, Verdict::kDeny},
      {"GET https://a.example:*", Verdict::kInspect, Verdict::kInspect, Verdict::kDeny, Verdict::kInspect},
  };
  for (const auto& row : kRows) {
    const PatternSet set = Set({row.pattern});
    EXPECT_EQ(Ask(set, "a.example", 443, Protocol::kTcp), row.tcp) << row.pattern;
    EXPECT_EQ(Ask(set, "a.example", 443, Protocol::kTls), row.tls) << row.pattern;
    EXPECT_EQ(Ask(set, "a.example", 443, Protocol::kHttp), row.http) << row.pattern;
    EXPECT_EQ(Ask(set, "a.example", 443, Protocol::kHttps), row.https) << row.pattern;
  }
}

TEST(PatternSet, ARuleAboutRequestsOpensNoTunnel) {
  const PatternSet set = Set({"GET api.example.com/v1/*"});
  EXPECT_EQ(Ask(set, "api.example.com"), Verdict::kInspect);
  EXPECT_EQ(Ask(set, "api.example.com", 443, Protocol::kTls), Verdict::kInspect);
  EXPECT_EQ(AskFor(set, "GET", "/v1/models"), Verdict::kAllow);
  EXPECT_EQ(AskFor(set, "GET", "/v1/models", Protocol::kHttp, 80), Verdict::kAllow);
  EXPECT_EQ(AskFor(set, "POST", "/v1/models"), Verdict::kDeny);
  EXPECT_EQ(AskFor(set, "get", "/v1/models"), Verdict::kDeny);
  EXPECT_EQ(AskFor(set, "GET", "/v2/models"), Verdict::kDeny);
  // A rule for the whole host lets everything through, whatever rules about requests there are.
  EXPECT_EQ(Ask(Set({"GET api.example.com/v1/*", "api.example.com"}), "api.example.com"), Verdict::kAllow);
}

TEST(PatternSet, ComparesPathsInTheirNormalForm) {
  const PatternSet set =
      Set({"api.example.com/v1/*", "api.example.com/health", "POST https://api.example.com/a%20b/*"});
  for (const char* path :
       {"/v1/", "/v1/x", "/v1/a/b", "/%76%31/x", "/x/../v1/y", "/v1/./z", "/health", "/v1/../health"}) {
    EXPECT_EQ(AskFor(set, "GET", path), Verdict::kAllow) << path;
  }
  EXPECT_EQ(AskFor(set, "POST", "/a%20b/c"), Verdict::kAllow);
  for (const char* path : {"/v1", "/V1/x", "/v10/x", "/v1/../x", "/v1/%2e%2e/x", "/health/", "/healthy", "", "/"}) {
    EXPECT_EQ(AskFor(set, "GET", path), Verdict::kDeny) << path;
  }
  for (const char* path : {"/v1//x", "/v1/..%2fx", "/v1/..;/x", "/v1/%252e%252e/x", "*", "/v1/\\..\\x"}) {
    EXPECT_EQ(AskFor(set, "GET", path), Verdict::kInspect) << path << ": nothing more to learn, so it is refused";
  }
  EXPECT_EQ(AskFor(Set({"GET api.example.com"}), "GET", "/a//b"), Verdict::kAllow) << "no rule looks at the path";
  EXPECT_EQ(AskFor(Set({"OPTIONS api.example.com/*"}), "OPTIONS", "*"), Verdict::kAllow);
}

TEST(PatternSet, IsAskedForNamesAlone) {
  const auto ask = [](const PatternSet& set, std::string host) { return Ask(set, std::move(host), 0, Protocol::kDns); };
  EXPECT_EQ(ask(Set({"a.example"}), "a.example"), Verdict::kAllow);
  EXPECT_EQ(ask(Set({"a.example"}), "b.example"), Verdict::kDeny);
  EXPECT_EQ(ask(Set({"a.example:443"}), "a.example"), Verdict::kInspect);
  EXPECT_EQ(ask(Set({"GET a.example/x"}), "a.example"), Verdict::kInspect);
  EXPECT_EQ(ask(Set({"https://a.example"}), "a.example"), Verdict::kInspect);
  EXPECT_EQ(ask(Set({"a.example:1-1000", "a.example:900-65535"}), "a.example"), Verdict::kAllow);
  EXPECT_EQ(ask(Set({"*.example.com:443"}), "example.com"), Verdict::kDeny);
  NetworkRequest request{"a.example", 443};
  request.arrival = Arrival::kDns;
  EXPECT_EQ(Set({"a.example:80"}).Match(request).verdict, Verdict::kInspect);
}

TEST(PatternSet, NamesThePatternAsWritten) {
  const PatternSet set =
      Set({"**:443", "*.Example.com:443", "A.example.com:443", "A.example.com:443", "b.example.com:80"});
  EXPECT_EQ(set.Match({"a.example.com", 443}).pattern->text, "A.example.com:443");
  EXPECT_EQ(set.Match({"c.example.com", 443}).pattern->text, "*.Example.com:443");
  EXPECT_EQ(set.Match({"c.example.org", 443}).pattern->text, "**:443");
  EXPECT_EQ(set.Match({"c.example.org", 80}).pattern, nullptr);
}

TEST(PatternSet, WithoutPatternsDenies) {
  EXPECT_EQ(Ask(Set({}), "a.example"), Verdict::kDeny);
  EXPECT_EQ(Ask(Set({}), "192.0.2.1", 0), Verdict::kDeny);
}

// A set is as good as its patterns one by one, for requests and patterns of a small world.
TEST(PatternSet, IsTheSumOfItsPatterns) {
  std::mt19937 random(9110);
  const auto pick = [&](const std::vector<std::string>& from) { return from[random() % from.size()]; };
  const std::vector<std::string> methods = {"", "", "GET ", "GET,POST "};
  const std::vector<std::string> schemes = {"", "", "http://", "https://"};
  const std::vector<std::string> hosts = {"a.example.com", "*.example.com",  "**.example.com",  "b.a.example.com",
                                          "[192.0.2.1]",   "[192.0.2.0/24]", "[2001:db8::/32]", "**"};
  const std::vector<std::string> ports = {"", ":443", ":80", ":80-443", ":*", ":1-100"};
  const std::vector<std::string> paths = {"", "", "/", "/*", "/v1", "/v1/*", "/v1/x/*"};
  int allowed = 0;
  for (int round = 0; round < 2000; ++round) {
    std::vector<HostPattern> patterns;
    for (auto count = random() % 8; count > 0; --count) {
      auto pattern = HostPattern::Parse(pick(methods) + pick(schemes) + pick(hosts) + pick(ports) + pick(paths));
      ASSERT_TRUE(pattern.ok()) << pattern.status();
      patterns.push_back(*std::move(pattern));
    }
    const PatternSet set(patterns);
    for (int i = 0; i < 20; ++i) {
      NetworkRequest request;
      request.host = pick({"a.example.com", "b.a.example.com", "example.com", "192.0.2.1", "192.0.3.1", "2001:db8::1"});
      request.port = static_cast<std::uint16_t>(std::stoi(pick({"80", "443", "100", "101", "65535"})));
      request.protocol = std::array{Protocol::kTcp, Protocol::kTls, Protocol::kHttp, Protocol::kHttps}.at(random() % 4);
      request.method = pick({"", "GET", "POST", "PUT"});
      request.path = pick({"/", "/v1", "/v1/", "/v1/x/y", "/v1//x", "/v2"});
      Verdict expected = Verdict::kDeny;
      for (const HostPattern& pattern : patterns)
        expected = std::max(expected, PatternSet({pattern}).Match(request).verdict);
      const PatternMatch match = set.Match(request);
      EXPECT_EQ(match.verdict, expected) << request.host << ':' << request.port << ' ' << request.method << ' '
                                         << request.path;
      EXPECT_EQ(match.pattern == nullptr, match.verdict == Verdict::kDeny);
      if (match.pattern != nullptr) {
        EXPECT_EQ(PatternSet({*match.pattern}).Match(request).verdict, match.verdict) << match.pattern->text;
        ++allowed;
      }
    }
  }
  EXPECT_GT(allowed, 1000);
}

TEST(PortTable, FindsTheFirstOfOverlappingRanges) {
  std::mt19937 random(6335);
  for (int round = 0; round < 200; ++round) {
    std::vector<HostPattern> patterns(random() % 10);
    PortTable table;
    for (HostPattern& pattern : patterns) {
      const auto a = static_cast<std::uint16_t>(random() % 30 + 1);
      const auto b = static_cast<std::uint16_t>(random() % 30 + 1);
      pattern.ports = {std::min(a, b), std::max(a, b)};
      if (random() % 10 == 0) pattern.ports.to = 65535;
      table.Add(pattern);
    }
    table.Seal();
    for (const int number : {1, 2, 3, 10, 15, 20, 25, 29, 30, 31, 65534, 65535}) {
      const auto port = static_cast<std::uint16_t>(number);
      const auto expected = std::find_if(patterns.begin(), patterns.end(), [&](const HostPattern& pattern) {
        return pattern.ports.from <= port && port <= pattern.ports.to;
      });
      EXPECT_EQ(table.Find(port), expected == patterns.end() ? nullptr : &*expected) << port;
    }
  }
}

}  // namespace
}  // namespace leash::net
