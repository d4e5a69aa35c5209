#include "net/upstream_proxy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <utility>

#include "base/host_port.h"
#include "leash/error.h"

namespace leash::net {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using Kind = UpstreamProxy::Kind;

base::Environment Variables(std::initializer_list<std::pair<const char*, const char*>> variables) {
  base::Environment environment;
  for (const auto& [name, value] : variables) environment.Set(name, value);
  return environment;
}

std::string MessageOf(const absl::Status& status) {
  EXPECT_EQ(GetErrorCode(status), ErrorCode::kInvalidArgument);
  return std::string(status.message());
}

TEST(UpstreamProxyTest, UrlsAreRead) {
  struct Row {
    const char* url;
    Kind kind;
    const char* host;
    std::uint16_t port;
    const char* credential;
  };
  for (const Row& row : {
           Row{"http://proxy.example:3128", Kind::kHttp, "proxy.example", 3128, nullptr},
           Row{"HTTP://Proxy.Example.:3128/", Kind::kHttp, "proxy.example", 3128, nullptr},
           Row{" proxy.example:3128\n", Kind::kHttp, "proxy.example", 3128, nullptr},
           Row{"http://proxy.example", Kind::kHttp, "proxy.example", 80, nullptr},
           Row{"localhost:1", Kind::kHttp, "localhost", 1, nullptr},
           Row{"http://10.0.0.1:8080", Kind::kHttp, "10.0.0.1", 8080, nullptr},
           Row{"http://[2001:db8::1]:8080", Kind::kHttp, "2001:db8::1", 8080, nullptr},
           Row{"http://@proxy.example:1", Kind::kHttp, "proxy.example", 1, nullptr},
           Row{"http://user@proxy.example:1", Kind::kHttp, "proxy.example", 1, "user:"},
           Row{"http://user:pass@proxy.example:1", Kind::kHttp, "proxy.example", 1, "user:pass"},
           Row{"http://d%5Cuser:p%40s%3As%2f@proxy.example:1", Kind::kHttp, "proxy.example", 1, "d\\user:p@s:s/"},
           Row{"http://user:p@ss:word@proxy.example:1", Kind::kHttp, "proxy.example", 1, "user:p@ss:word"},
           Row{"socks5://proxy.example", Kind::kSocks5, "proxy.example", 1080, nullptr},
           Row{"socks5h://u:p@proxy.example:9050", Kind::kSocks5Names, "proxy.example", 9050, "u:p"},
       }) {
    const auto proxy = ParseUpstreamProxy(row.url);
    ASSERT_TRUE(proxy.ok()) << row.url << ": " << proxy.status();
    EXPECT_EQ(proxy->kind, row.kind) << row.url;
    EXPECT_EQ(proxy->host, row.host) << row.url;
    EXPECT_EQ(proxy->port, row.port) << row.url;
    EXPECT_EQ(proxy->Description(), "the upstream proxy " + base::HostPort(row.host, row.port));
    ASSERT_EQ(proxy->credential.has_value(), row.credential != nullptr) << row.url;
    if (row.credential != nullptr) {
      EXPECT_EQ(proxy->credential->user + ":" + proxy->credential->password, row.credential) << row.url;
    }
  }
  EXPECT_EQ(ParseUpstreamProxy("http://leash:s3cret@proxy.example")->Authorization(), "Basic bGVhc2g6czNjcmV0");
}

TEST(UpstreamProxyTest, WhatIsMalformedIsSaidWithoutTheSecret) {
  for (const auto& [url, why] : {
           std::pair{"https://user:s3cret@proxy.example:3128", "TLS"},
           std::pair{"socks4://user:s3cret@proxy.example", "scheme"},
           std::pair{"s3cret://proxy.example", "scheme"},
           std::pair{"http://user:s3cret@proxy.example:99999", "HOST[:PORT]"},
           std::pair{"http://user:s3cret@proxy.example:0", "HOST[:PORT]"},
           std::pair{"http://user:s3cret@:3128", "HOST[:PORT]"},
           std::pair{"http://user:s3cret@", "HOST[:PORT]"},
           std::pair{"http://", "HOST[:PORT]"},
           std::pair{"http://user:s3cret@127.1:3128", "neither a name nor an address"},
           std::pair{"http://user:s3cret@proxy.example:3128/path", "more than a host and a port"},
           std::pair{"http://user:s3/cret@proxy.example:3128", "%2F"},
           std::pair{"http://user:s3cret%zz@proxy.example:3128", "percent-encoded"},
           std::pair{"http://user:s3cret%0d%0aX-Evil:%201@proxy.example:3128", "control character"},
           std::pair{"http://user:s3cret%00@proxy.example:3128", "control character"},
           std::pair{"http://us%3Aer:s3cret@proxy.example:3128", "colon"},
           std::pair{"socks5://:s3cret@proxy.example:3128", "1 to 255"},
           std::pair{"user:s3cret@proxy example:3128", "HOST[:PORT]"},
       }) {
    const auto proxy = ParseUpstreamProxy(url);
    ASSERT_FALSE(proxy.ok()) << url;
    EXPECT_THAT(MessageOf(proxy.status()), AllOf(HasSubstr(why), Not(HasSubstr("s3")), Not(HasSubstr("user:s"))))
        << url;
  }
}

TEST(UpstreamProxyTest, TheEnvironmentIsReadAsOtherProgramsReadIt) {
  const auto hosts = [](std::initializer_list<std::pair<const char*, const char*>> variables) {
    const auto read = ReadUpstreamProxies("environment", Variables(variables));
    EXPECT_TRUE(read.ok()) << read.status();
    const auto host = [](const auto& proxy) { return proxy.has_value() ? proxy->host : std::string("-"); };
    return read.ok() ? host(read->tunnels) + " " + host(read->requests) : "";
  };
  EXPECT_EQ(hosts({}), "- -");
  EXPECT_EQ(hosts({{"HTTPS_PROXY", "http://a:1"}}), "a -");
  EXPECT_EQ(hosts({{"https_proxy", "http://a:1"}, {"HTTPS_PROXY", "http://b:1"}}), "a -");
  EXPECT_EQ(hosts({{"https_proxy", ""}, {"HTTPS_PROXY", "http://b:1"}}), "b -");
  EXPECT_EQ(hosts({{"http_proxy", "http://a:1"}}), "- a");
  EXPECT_EQ(hosts({{"HTTP_PROXY", "http://a:1"}}), "- a");
  EXPECT_EQ(hosts({{"HTTP_PROXY", "http://a:1"}, {"REQUEST_METHOD", "GET"}}), "- -");
  EXPECT_EQ(hosts({{"http_proxy", "http://a:1"}, {"REQUEST_METHOD", "GET"}}), "- a");
  EXPECT_EQ(hosts({{"ALL_PROXY", "socks5h://a:1"}}), "a a");
  EXPECT_EQ(hosts({{"all_proxy", "socks5h://a:1"}, {"HTTPS_PROXY", "http://b:1"}}), "b a");
  // What is not used is not read.
  EXPECT_EQ(hosts({{"ALL_PROXY", "socks://a"}, {"HTTPS_PROXY", "b:1"}, {"HTTP_PROXY", "b:1"}}), "b b");
  EXPECT_EQ(hosts({{"NO_PROXY", "what is : this"}}), "- -");
}

TEST(UpstreamProxyTest, TheChoiceIsAboveTheEnvironment) {
  const base::Environment environment = Variables({{"ALL_PROXY", "http://a:1"}, {"NO_PROXY", "direct.example"}});
  EXPECT_EQ(ReadUpstreamProxies("", environment)->tunnels->host, "a");
  EXPECT_FALSE(ReadUpstreamProxies("none", environment)->tunnels.has_value());
  EXPECT_FALSE(ReadUpstreamProxies("none", Variables({{"ALL_PROXY", "no:such:thing"}}))->requests.has_value());
  const auto named = ReadUpstreamProxies("http://b:1", environment);
  EXPECT_EQ(named->For("some.example", 443, false)->host, "b");
  EXPECT_EQ(named->For("some.example", 80, true)->host, "b");
  EXPECT_EQ(named->For("direct.example", 443, false), nullptr);
}

TEST(UpstreamProxyTest, ErrorsNameTheVariable) {
  const auto message = [](std::initializer_list<std::pair<const char*, const char*>> variables) {
    return MessageOf(ReadUpstreamProxies("environment", Variables(variables)).status());
  };
  EXPECT_THAT(message({{"HTTPS_PROXY", "https://u:s3cret@a:1"}}),
              AllOf(HasSubstr("HTTPS_PROXY: "), HasSubstr("--upstream-proxy none"), Not(HasSubstr("s3cret"))));
  EXPECT_THAT(message({{"http_proxy", "ftp://a"}}), HasSubstr("http_proxy: "));
  EXPECT_THAT(message({{"ALL_PROXY", "a:1"}, {"no_proxy", "good.example, b@d"}}),
              AllOf(HasSubstr("no_proxy: at character 15: 'b@d'"), HasSubstr("--upstream-proxy none")));
  EXPECT_THAT(MessageOf(ReadUpstreamProxies("u:s3cret@nowhere:0", {}).status()),
              AllOf(HasSubstr("upstream proxy: "), Not(HasSubstr("s3cret"))));
}

TEST(NoProxyTest, Covers) {
  struct Row {
    const char* list;
    const char* host;
    std::uint16_t port;
    bool covered;
  };
  for (const Row& row : {
           Row{"", "some.example", 443, false},
           Row{"example.com", "example.com", 443, true},
           Row{"example.com", "a.b.example.com", 443, true},
           Row{"example.com", "notexample.com", 443, false},
           Row{"example.com", "example.com.evil.test", 443, false},
           Row{".example.com", "example.com", 443, true},
           Row{".example.com", "a.example.com", 443, true},
           Row{"*.example.com", "a.example.com", 443, true},
           Row{"Example.COM.", "a.example.com", 443, true},
           Row{"com", "example.com", 443, true},
           Row{"my_host", "my_host", 443, true},
           Row{"*", "some.example", 443, true},
           Row{"*", "2001:db8::1", 443, true},
           Row{"a.test,b.test", "b.test", 1, true},
           Row{" a.test ,, b.test\t", "b.test", 1, true},
           Row{"a.test b.test", "b.test", 1, true},
           Row{"example.com:8443", "example.com", 8443, true},
           Row{"example.com:8443", "example.com", 443, false},
           Row{"192.0.2.7", "192.0.2.7", 1, true},
           Row{"192.0.2.7", "192.0.2.8", 1, false},
           Row{"192.0.2.7:80", "192.0.2.7", 80, true},
           Row{"192.0.2.7:80", "192.0.2.7", 81, false},
           Row{"2001:db8::7", "2001:db8::7", 1, true},
           Row{"[2001:db8::7]", "2001:db8::7", 1, true},
           Row{"[2001:db8::7]:80", "2001:db8::7", 80, true},
           Row{"[2001:db8::7]:80", "2001:db8::7", 81, false},
           Row{"::ffff:192.0.2.7", "192.0.2.7", 1, true},
           Row{"10.0.0.0/8", "10.200.0.1", 1, true},
           Row{"10.0.0.1/8", "10.200.0.1", 1, true},
           Row{"10.0.0.0/8", "11.0.0.1", 1, false},
           Row{"0.0.0.0/0", "192.0.2.1", 1, true},
           Row{"0.0.0.0/0", "2001:db8::1", 1, false},
           Row{"2001:db8::/32", "2001:db8:1::", 1, true},
           Row{"10.0.0.0/8", "ten.example", 1, false},
           // Loopback, whatever is listed.
           Row{"", "127.0.0.1", 1, true},
           Row{"", "127.9.9.9", 1, true},
           Row{"", "::1", 1, true},
           Row{"", "localhost", 1, true},
           Row{"", "a.localhost", 1, true},
           Row{"", "notlocalhost", 1, false},
       }) {
    const auto list = NoProxy::Parse(row.list);
    ASSERT_TRUE(list.ok()) << row.list << ": " << list.status();
    EXPECT_EQ(list->Covers(row.host, row.port), row.covered) << row.list << " " << row.host << ":" << row.port;
  }
}

TEST(NoProxyTest, WhatIsNoHostIsSaidWithItsPlace) {
  for (const char* list : {"192.168.*", "a..b", "a b,c@d", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "http://a.test",
                           "a.test:0", "a.test:x", ".10.0.0.1", "<local>", "[::1", "**.a.test", "."}) {
    EXPECT_THAT(MessageOf(NoProxy::Parse(list).status()), HasSubstr("at character ")) << list;
  }
  EXPECT_THAT(MessageOf(NoProxy::Parse("a.test, 192.168.*").status()), HasSubstr("at character 9: '192.168.*'"));
}

TEST(UpstreamProxyTest, RequestsAreAddressedToIt) {
  HttpHead head;
  head.method = "GET";
  head.target = "/a?b";
  head.fields = {{"Host", "front.example"}, {"X-Kept", "1"}};
  AddressToProxy(head, *ParseUpstreamProxy("http://u:p@proxy.example"), "some.example:8080");
  EXPECT_EQ(WriteRequestHead(head),
            "GET http://some.example:8080/a?b HTTP/1.1\r\nHost: some.example:8080\r\nX-Kept: 1\r\n"
            "Proxy-Authorization: Basic dTpw\r\n\r\n");
  head.method = "OPTIONS";
  head.target = "*";
  AddressToProxy(head, *ParseUpstreamProxy("http://proxy.example"), "some.example");
  EXPECT_EQ(head.target, "http://some.example");
}

}  // namespace
}  // namespace leash::net
