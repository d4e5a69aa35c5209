// The egress proxy behind another proxy. That one is played by the test, and so are the hosts behind it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "net/egress_fixture.h"
#include "net/name_server.h"

namespace leash::net::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class ProxiedEgressTest : public EgressProxyTest {
 protected:
  // public.test resolves here; unknown.test does not. 192.0.2.1 and its like would be refused: they are nobody's.
  ProxiedEgressTest()
      : names_({{"public.test", {"93.184.216.34"}},
                {"two.test", {"93.184.216.34", "93.184.216.35"}},
                {"private.test", {"10.0.0.1"}},
                {"mixed.test", {"93.184.216.34", "10.0.0.1"}},
                {"here.test", {"127.0.0.1"}}}) {
    options_.name_servers = {fmt::format("127.0.0.1:{}", names_.port())};
    options_.settings.resolve = absl::Seconds(5);
    options_.settings.proxied_name = absl::Seconds(20);
  }

  void Through(std::string_view scheme, std::uint16_t port, std::string_view no_proxy = "") {
    base::Environment environment;
    environment.Set("NO_PROXY", no_proxy);
    auto upstream = ReadUpstreamProxies(fmt::format("{}://user:s3cret@127.0.0.1:{}", scheme, port), environment);
    ASSERT_TRUE(upstream.ok()) << upstream.status();
    options_.upstream = *std::move(upstream);
  }

  // What a client gets that asks for a tunnel, and then says no more.
  std::string Connect(std::string_view host, std::uint16_t port = 443) const {
    const Stream client = Client();
    client.Write(ConnectTo(host, port));
    client.ShutDown();
    return client.ReadAll();
  }
  std::string Get(std::string_view url, std::string_view fields = "Connection: close\r\n") const {
    const std::string_view host = url.substr(0, url.find('/'));
    const Stream client = Client();
    client.Write(fmt::format("GET http://{} HTTP/1.1\r\nHost: {}\r\n{}\r\n", url, host, fields));
    return client.ReadAll();
  }

  NameServer names_;
};

// An HTTP proxy that gives every request and tunnel the same answer, and keeps what it was asked last.
class StandIn {
 public:
  explicit StandIn(std::string answer, std::function<void(Stream&)> then = &Echo)
      : answer_(std::move(answer)), server_([this, then = std::move(then)](Stream& stream) {
          std::string head = stream.ReadUntil("\r\n\r\n");
          std::string said;
          {
            const std::lock_guard lock(mutex_);
            last_head_ = std::move(head);
            said = answer_;
          }
          stream.Write(said);
          then(stream);
        }) {}
  void Answer(std::string answer) {
    const std::lock_guard lock(mutex_);
    answer_ = std::move(answer);
  }
  std::uint16_t port() const { return server_.port(); }
  int accepted() const { return server_.accepted(); }
  std::string LastHead() const {
    const std::lock_guard lock(mutex_);
    return last_head_;
  }

 private:
  mutable std::mutex mutex_;
  std::string answer_;
  std::string last_head_;
  LoopbackServer server_;
};

// The host may speak first, and its first words may come with the proxy's own.
TEST_F(ProxiedEgressTest, TunnelsGoThroughIt) {
  StandIn proxy("HTTP/1.1 200 Connection established\r\nVia: stand-in\r\n\r\n220 hello\r\n");
  Through("http", proxy.port());
  Start();
  const Stream client = Client();
  client.Write(ConnectTo("public.test", 443) + "early");
  EXPECT_THAT(client.ReadUntil("\r\n\r\n"), AllOf(StartsWith("HTTP/1.1 200 "), Not(HasSubstr("stand-in"))));
  EXPECT_EQ(client.ReadUntil("\r\n"), "220 hello\r\n");
  client.Write(" and late");
  client.ShutDown();
  EXPECT_EQ(client.ReadAll(), "early and late");
  EXPECT_EQ(proxy.LastHead(),
            "CONNECT public.test:443 HTTP/1.1\r\nHost: public.test:443\r\n"
            "Proxy-Authorization: Basic dXNlcjpzM2NyZXQ=\r\n\r\n");
  const NetworkEvent event = NextConnection();
  EXPECT_EQ(event.outcome, NetworkOutcome::kDone) << event.detail;
  EXPECT_EQ(event.peer, fmt::format("127.0.0.1:{}", proxy.port()));
  EXPECT_THAT(event.request.addresses, ElementsAre("93.184.216.34"));
}

TEST_F(ProxiedEgressTest, ProgramsThatKnowNoProxyGoThroughItToo) {
  StandIn proxy("HTTP/1.1 200 OK\r\n\r\n");
  Through("http", proxy.port());
  Start();
  const auto address = Lookup("unknown.test");
  ASSERT_TRUE(address.has_value());
  const Stream client = TransparentClient({*address, 22});
  client.Write("SSH-2.0-client\r\n");
  client.ShutDown();
  EXPECT_EQ(client.ReadAll(), "SSH-2.0-client\r\n");
  EXPECT_THAT(proxy.LastHead(), StartsWith("CONNECT unknown.test:22 HTTP/1.1\r\n"));
}

TEST_F(ProxiedEgressTest, PlainRequestsGoInAbsoluteFormOnOneConnection) {
  LoopbackServer proxy(&Mirror);
  Through("http", proxy.port());
  Start();
  const Stream client = Client();
  for (int i = 0; i < 2; ++i) {
    client.Write(
        fmt::format("GET http://public.test/a?b={} HTTP/1.1\r\nHost: public.test\r\n"
                    "Proxy-Authorization: Basic bWluZQ==\r\n\r\n",
                    i));
    EXPECT_THAT(client.ReadUntil("\r\n\r\n"), StartsWith("HTTP/1.1 200 "));
    EXPECT_EQ(client.ReadUntil("\r\n\r\n"),
              fmt::format("GET http://public.test/a?b={} HTTP/1.1\r\nHost: public.test\r\n"
                          "Proxy-Authorization: Basic dXNlcjpzM2NyZXQ=\r\n\r\n",
                          i));
  }
  EXPECT_EQ(proxy.accepted(), 1);
  // A program that knows no proxy, by name and by address.
  const auto address = Lookup("public.test");
  ASSERT_TRUE(address.has_value());
  const Stream named = TransparentClient({*address, 80});
  named.Write("GET /x HTTP/1.1\r\nHost: public.test\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(named.ReadAll(), HasSubstr("GET http://public.test/x HTTP/1.1\r\n"));
  const Stream literal = TransparentClient({IpAddress::V4({93, 184, 216, 34}), 80});
  literal.Write("GET /x HTTP/1.1\r\nHost: other.test\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(literal.ReadAll(), AllOf(HasSubstr("GET http://93.184.216.34/x HTTP/1.1\r\n"),
                                       HasSubstr("Host: 93.184.216.34\r\n"), Not(HasSubstr("other.test"))));
}

// What becomes another protocol needs a tunnel, also behind a request that did not.
TEST_F(ProxiedEgressTest, UpgradesGetATunnel) {
  std::atomic<int> connects = 0;
  LoopbackServer proxy([&](Stream& stream) {
    std::string head = stream.ReadUntil("\r\n\r\n");
    if (head.starts_with("CONNECT public.test:80 ")) {
      ++connects;
      stream.Write("HTTP/1.1 200 OK\r\n\r\n");
      EXPECT_THAT(stream.ReadUntil("\r\n\r\n"), AllOf(StartsWith("GET /ws "), Not(HasSubstr("Proxy-"))));
      stream.Write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
      return Echo(stream);
    }
    EXPECT_THAT(head, StartsWith("GET http://public.test/ "));
    stream.Write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    stream.ReadAll();
  });
  Through("http", proxy.port());
  Start();
  const Stream client = Client();
  client.Write("GET http://public.test/ HTTP/1.1\r\nHost: public.test\r\n\r\n");
  EXPECT_THAT(client.ReadUntil("\r\n\r\n"), StartsWith("HTTP/1.1 200 "));
  client.Write(
      "GET http://public.test/ws HTTP/1.1\r\nHost: public.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
  EXPECT_THAT(client.ReadUntil("\r\n\r\n"), StartsWith("HTTP/1.1 101 "));
  client.Write("frames");
  client.ShutDown();
  EXPECT_EQ(client.ReadAll(), "frames");
  EXPECT_EQ(connects, 1);
}

TEST_F(ProxiedEgressTest, ItsRefusalsAreSaidInWords) {
  StandIn proxy("", [](Stream& stream) { stream.Close(); });
  Through("http", proxy.port());
  Start();
  struct Row {
    const char* answer;
    const char* said;
  };
  for (const Row& row : {
           Row{"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 2\r\n\r\nno",
               "answered 407: it does not take the credential"},
           Row{"HTTP/1.0 403 Forbidden\r\n\r\nhtml", "answered 403: it does not let this host through"},
           Row{"HTTP/1.1 503 Busy\r\n\r\n", "answered 503: Service Unavailable"},
           Row{"HTTP/1.1 101 Switching Protocols\r\n\r\n", "answered 101"},
           Row{"SSH-2.0-OpenSSH_9.2\r\n\r\n", "did not answer in HTTP"},
           Row{"HTTP/1.1 200 O", "closed the connection without an answer"},
           Row{"", "closed the connection without an answer"},
       }) {
    proxy.Answer(row.answer);
    EXPECT_THAT(
        Connect("public.test"),
        AllOf(StartsWith("HTTP/1.1 502 "), HasSubstr("X-Leash-Reason: unreachable"), HasSubstr(row.said),
              HasSubstr(fmt::format("the upstream proxy 127.0.0.1:{}", proxy.port())), Not(HasSubstr("s3cret"))))
        << row.answer;
    const NetworkEvent event = NextConnection();
    EXPECT_EQ(event.outcome, NetworkOutcome::kUnreachable);
    EXPECT_THAT(event.detail, AllOf(HasSubstr(row.said), Not(HasSubstr("s3cret"))));
    EXPECT_EQ(event.verdict, Verdict::kAllow);
  }
}

TEST_F(ProxiedEgressTest, OneThatWantsAnotherCredentialIsNotTheProgramsConcern) {
  StandIn proxy("HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 2\r\n\r\nno");
  Through("http", proxy.port());
  Start();
  EXPECT_THAT(Get("public.test/"), AllOf(StartsWith("HTTP/1.1 502 "), HasSubstr("answered 407"),
                                         Not(HasSubstr("Proxy-Authenticate")), Not(HasSubstr("s3cret"))));
  EXPECT_EQ(NextConnection().outcome, NetworkOutcome::kUnreachable);
}

TEST_F(ProxiedEgressTest, OneThatSaysNothingIsNotWaitedForWithoutEnd) {
  options_.settings.proxy_answer = absl::Milliseconds(100);
  StandIn proxy("HTTP/1.1 200", [](Stream& stream) { stream.ReadAll(); });
  Through("http", proxy.port());
  Start();
  EXPECT_THAT(Connect("public.test"), AllOf(StartsWith("HTTP/1.1 502 "), HasSubstr("did not answer in time")));
}

TEST_F(ProxiedEgressTest, OneThatIsSlowIsWaitedFor) {
  LoopbackServer proxy([](Stream& stream) {
    stream.ReadUntil("\r\n\r\n");
    for (const char c : std::string("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nhost")) {
      stream.Write({&c, 1});
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    Echo(stream);
  });
  Through("http", proxy.port());
  Start();
  EXPECT_THAT(Connect("public.test"), ::testing::EndsWith("\r\n\r\nhost"));
}

TEST_F(ProxiedEgressTest, OneThatIsNotThereIsNamed) {
  const base::UniqueFd nobody = BoundSocket(SOCK_STREAM);  // not listening
  Through("http", PortOf(nobody.get()));
  Start();
  const std::string name = fmt::format("the upstream proxy 127.0.0.1:{}: cannot connect", PortOf(nobody.get()));
  EXPECT_THAT(Connect("public.test"), AllOf(StartsWith("HTTP/1.1 502 "), HasSubstr(name)));
  EXPECT_THAT(Get("public.test/"), AllOf(StartsWith("HTTP/1.1 502 "), HasSubstr(name)));
}

TEST_F(ProxiedEgressTest, ItsOwnHostIsResolvedAndMayBePrivate) {
  StandIn proxy("HTTP/1.1 200 OK\r\n\r\nhost");
  loopback_allowed_ = false;
  auto upstream = ReadUpstreamProxies(fmt::format("http://here.test:{}", proxy.port()), {});
  ASSERT_TRUE(upstream.ok());
  options_.upstream = *std::move(upstream);
  Start();
  EXPECT_THAT(Connect("public.test"), HasSubstr("host"));
  EXPECT_THAT(proxy.LastHead(), Not(HasSubstr("Proxy-Authorization")));
  // A program gets no further by that.
  EXPECT_THAT(Connect("here.test", proxy.port()), HasSubstr("address_refused"));
  EXPECT_THAT(Connect("127.0.0.1", proxy.port()), HasSubstr("address_refused"));
}

TEST_F(ProxiedEgressTest, NamesAreItsToResolveButPrivateOnesAreRefused) {
  StandIn proxy("HTTP/1.1 200 OK\r\n\r\nhost");
  Through("http", proxy.port());
  ASSERT_TRUE(options_.addresses.Add("10.9.0.0/16").ok());
  Start();
  EXPECT_THAT(Connect("unknown.test"), HasSubstr("host"));
  EXPECT_THAT(NextConnection().request.addresses, ElementsAre());
  EXPECT_THAT(Connect("public.test"), HasSubstr("host"));
  EXPECT_THAT(Connect("10.9.0.1"), HasSubstr("host"));
  EXPECT_EQ(proxy.accepted(), 3);
  for (const char* host : {"private.test", "mixed.test", "10.0.0.1", "169.254.169.254", "[fd00::1]"}) {
    EXPECT_THAT(Connect(host), AllOf(StartsWith("HTTP/1.1 403 "), HasSubstr("address_refused"))) << host;
  }
  EXPECT_THAT(Get("private.test/"), HasSubstr("address_refused"));
  EXPECT_EQ(proxy.accepted(), 3);
}

TEST_F(ProxiedEgressTest, NamesCanBeMadeToResolveHereFirst) {
  StandIn proxy("HTTP/1.1 200 OK\r\n\r\nhost");
  Through("http", proxy.port());
  options_.upstream.names_resolve_here = true;
  Start();
  EXPECT_THAT(Connect("unknown.test"), AllOf(StartsWith("HTTP/1.1 502 "), HasSubstr("unresolved")));
  EXPECT_EQ(proxy.accepted(), 0);
  EXPECT_THAT(Connect("public.test"), HasSubstr("host"));
}

TEST_F(ProxiedEgressTest, ANameServerThatSaysNothingHoldsUpNobody) {
  const base::UniqueFd silent = BoundSocket(SOCK_DGRAM);
  options_.name_servers = {fmt::format("127.0.0.1:{}", PortOf(silent.get()))};
  options_.settings.proxied_name = absl::Milliseconds(50);
  StandIn proxy("HTTP/1.1 200 OK\r\n\r\nhost");
  Through("http", proxy.port());
  Start();
  EXPECT_THAT(Connect("public.test"), HasSubstr("host"));
}

TEST_F(ProxiedEgressTest, APolicyThatJudgesAddressesDeniesWhatItCannotSee) {
  StandIn proxy("HTTP/1.1 200 OK\r\n\r\nhost");
  Through("http", proxy.port());
  options_.policy_sees_addresses = true;
  options_.policy = EraseNetworkPolicy(CustomPolicy([](const NetworkRequest& request) {
    return request.addresses.empty() || request.addresses.front() == "93.184.216.34";
  }));
  Start();
  EXPECT_THAT(Connect("unknown.test"), AllOf(StartsWith("HTTP/1.1 403 "), HasSubstr("denied")));
  EXPECT_EQ(NextConnection().outcome, NetworkOutcome::kDenied);
  EXPECT_EQ(proxy.accepted(), 0);
  EXPECT_THAT(Connect("public.test"), HasSubstr("host"));
}

TEST_F(ProxiedEgressTest, WhatIsExemptGoesDirectly) {
  LoopbackServer server(&Mirror);
  StandIn proxy("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  Through("http", proxy.port(), "here.test");
  Start();
  EXPECT_THAT(Get(fmt::format("here.test:{}/direct", server.port())), HasSubstr("GET /direct HTTP/1.1\r\n"));
  EXPECT_THAT(Get(fmt::format("localhost:{}/direct", server.port())), HasSubstr("GET /direct HTTP/1.1\r\n"));
  EXPECT_EQ(server.accepted(), 2);
  EXPECT_EQ(proxy.accepted(), 0);
  Get("public.test/");
  EXPECT_EQ(proxy.accepted(), 1);
}

// What several threads of a server note.
class Notes {
 public:
  // How many there were before.
  std::size_t Add(std::string note) {
    const std::lock_guard lock(mutex_);
    notes_.push_back(std::move(note));
    return notes_.size() - 1;
  }
  std::vector<std::string> All() const {
    const std::lock_guard lock(mutex_);
    return notes_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> notes_;
};

// Reads a SOCKS 5 request for a tunnel; what it asks for, as "3:unknown.test" or "1:" and four bytes.
std::string ReadSocksRequest(const Stream& stream, const std::string& port = "\x01\xbb") {
  EXPECT_EQ(stream.Read(4), std::string("\x05\x02\x00\x02", 4));
  stream.Write("\x05\x02");
  EXPECT_EQ(stream.Read(13), std::string("\x01\x04user\x06s3cret"));
  stream.Write(std::string("\x01\x00", 2));
  const std::string head = stream.Read(4);
  EXPECT_EQ(head.substr(0, 3), std::string("\x05\x01\x00", 3));
  const auto type = head.size() == 4 ? head[3] : '\0';
  const std::size_t size = type == 3 ? static_cast<std::size_t>(stream.Read(1)[0]) : type == 4 ? 16 : 4;
  std::string result = fmt::format("{}:{}", int{type}, stream.Read(size));
  EXPECT_EQ(stream.Read(2), port);
  return result;
}

TEST_F(ProxiedEgressTest, SocksIsSpokenWithNames) {
  Notes asked;
  LoopbackServer proxy([&](Stream& stream) {
    asked.Add(ReadSocksRequest(stream));
    stream.Write(std::string("\x05\x00\x00\x03\x02xy\x00\x01", 9) + "host");
    Echo(stream);
  });
  Through("socks5h", proxy.port());
  Start();
  EXPECT_THAT(Connect("unknown.test"), ::testing::EndsWith("\r\n\r\nhost"));
  EXPECT_THAT(asked.All(), ElementsAre("3:unknown.test"));
}

// It is no HTTP proxy: what goes through it is for the host.
TEST_F(ProxiedEgressTest, PlainRequestsGoThroughSocksAsTheyAre) {
  LoopbackServer proxy([&](Stream& stream) {
    EXPECT_EQ(ReadSocksRequest(stream, std::string("\0P", 2)), "3:unknown.test");
    stream.Write(std::string("\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00", 10));
    Mirror(stream);
  });
  Through("socks5h", proxy.port());
  Start();
  EXPECT_THAT(Get("unknown.test/x"), AllOf(HasSubstr("GET /x HTTP/1.1\r\n"), Not(HasSubstr("Proxy-"))));
}

// Whose addresses have been checked here; the first one leads nowhere.
TEST_F(ProxiedEgressTest, SocksIsSpokenWithAddresses) {
  Notes asked;
  LoopbackServer proxy([&](Stream& stream) {
    const bool first = asked.Add(ReadSocksRequest(stream)) == 0;
    stream.Write(std::string(first ? "\x05\x04" : "\x05\x00", 2) + std::string("\x00\x01\x00\x00\x00\x00\x00\x00", 8));
    if (!first) stream.Write("host");
    stream.ShutDown();
  });
  Through("socks5", proxy.port());
  Start();
  EXPECT_THAT(Connect("two.test"), HasSubstr("host"));
  EXPECT_THAT(asked.All(), ::testing::UnorderedElementsAre("1:\x5d\xb8\xd8\x22", "1:\x5d\xb8\xd8\x23"));
  EXPECT_THAT(Connect("unknown.test"), HasSubstr("unresolved"));
  EXPECT_THAT(Connect("private.test"), HasSubstr("address_refused"));
  EXPECT_EQ(proxy.accepted(), 2);
}

TEST_F(ProxiedEgressTest, ARefusalOfSocksIsNotTriedAgain) {
  LoopbackServer proxy([](Stream& stream) {
    ReadSocksRequest(stream);
    stream.Write(std::string("\x05\x02\x00\x01\x00\x00\x00\x00\x00\x00", 10));
  });
  Through("socks5", proxy.port());
  Start();
  EXPECT_THAT(Connect("two.test"), AllOf(HasSubstr("unreachable"), HasSubstr("does not let this host through")));
  EXPECT_EQ(proxy.accepted(), 1);
}

}  // namespace
}  // namespace leash::net::testing
