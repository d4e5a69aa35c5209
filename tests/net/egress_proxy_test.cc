#include "net/egress_proxy.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "net/loopback_server.h"
#include "support/open_descriptors.h"

namespace leash::net {
namespace {

using leash::testing::OpenDescriptors;
using ::testing::AllOf;
using testing::BoundSocket;
using ::testing::HasSubstr;
using testing::LoopbackServer;
using ::testing::Not;
using testing::PortOf;
using ::testing::StartsWith;
using testing::Stream;

// Where connections to the proxy were meant to go, by their own port: what the kernel knows of a redirection.
std::mutex meant_mutex;
std::map<std::uint16_t, Endpoint> meant;

bool OriginalDestination(int connection, sockaddr_storage& destination) {
  sockaddr_storage peer = {};
  socklen_t size = sizeof(peer);
  if (::getpeername(connection, reinterpret_cast<sockaddr*>(&peer), &size) != 0) return false;
  const std::lock_guard lock(meant_mutex);
  const auto found = meant.find(Endpoint::FromSockaddr(reinterpret_cast<sockaddr&>(peer))->port);
  if (found == meant.end()) return false;
  found->second.ToSockaddr(destination);
  return true;
}

class EgressProxyTest : public ::testing::Test {
 protected:
  void Start() {
    base::UniqueFd listener = BoundSocket(SOCK_STREAM);
    ::fcntl(listener.get(), F_SETFL, O_NONBLOCK);
    ASSERT_EQ(::listen(listener.get(), 128), 0);
    port_ = PortOf(listener.get());
    options_.listeners.push_back(std::move(listener));
    base::UniqueFd resolver = BoundSocket(SOCK_DGRAM);
    ::fcntl(resolver.get(), F_SETFL, O_NONBLOCK);
    const int on = 1;
    ::setsockopt(resolver.get(), IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
    dns_port_ = PortOf(resolver.get());
    options_.resolvers.push_back(std::move(resolver));
    options_.original_destination = &OriginalDestination;
#ifdef SPLICE_F_MOVE
    options_.splice = [](int from, int to, std::size_t most) {
      return ::splice(from, nullptr, to, nullptr, most, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    };
#endif
    if (!options_.policy) options_.policy = EraseNetworkPolicy(AllowAll());
    if (loopback_allowed_) {
      ASSERT_TRUE(options_.addresses.Add("127.0.0.0/8").ok());
    }
    options_.told = [this](const NetworkEvent& event) {
      const std::lock_guard lock(mutex_);
      events_.push_back(event);
      told_.notify_all();
    };
    auto proxy = EgressProxy::Start(std::move(options_));
    ASSERT_TRUE(proxy.ok()) << proxy.status();
    proxy_ = *std::move(proxy);
  }

  void TearDown() override { proxy_.reset(); }  // it tells of what ends with it

  void Allow(std::vector<std::string> patterns) { options_.policy = EraseNetworkPolicy(AllowList(patterns)); }

  Stream Client() const { return Stream::To(port_); }

  // As if the program had connected to `destination`.
  Stream TransparentClient(const Endpoint& destination) const {
    base::UniqueFd fd = BoundSocket(SOCK_STREAM);
    {
      const std::lock_guard lock(meant_mutex);
      meant.insert_or_assign(PortOf(fd.get()), destination);
    }
    sockaddr_storage address;
    const socklen_t size = Endpoint{IpAddress::V4({127, 0, 0, 1}), port_}.ToSockaddr(address);
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    return Stream(std::move(fd));
  }

  // An address for a name, as the sandbox's resolver gives it; none when it is refused.
  std::optional<IpAddress> Lookup(const std::string& name) const {
    const base::UniqueFd fd = BoundSocket(SOCK_DGRAM);
    std::string question("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00", 12);
    for (std::size_t at = 0; at < name.size();) {
      const std::size_t dot = std::min(name.find('.', at), name.size());
      question += static_cast<char>(dot - at) + name.substr(at, dot - at);
      at = dot + 1;
    }
    question += std::string("\x00\x00\x01\x00\x01", 5);
    sockaddr_storage address;
    const socklen_t size = Endpoint{IpAddress::V4({127, 0, 0, 1}), dns_port_}.ToSockaddr(address);
    EXPECT_GT(::sendto(fd.get(), question.data(), question.size(), 0, reinterpret_cast<sockaddr*>(&address), size), 0);
    const timeval patience = {20, 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    std::array<std::uint8_t, 512> answer;
    const ssize_t got = ::recv(fd.get(), answer.data(), answer.size(), 0);
    EXPECT_GT(got, 12);
    if (got < 16 || (answer[3] & 0xf) != 0) return std::nullopt;
    const auto* end = answer.data() + got;
    return IpAddress::V4({end[-4], end[-3], end[-2], end[-1]});
  }

  NetworkEvent NextEvent() {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(told_.wait_for(lock, std::chrono::seconds(20), [&] { return next_ < events_.size(); }));
    return next_ < events_.size() ? events_[next_++] : NetworkEvent();
  }
  NetworkEvent NextConnection() {
    NetworkEvent event = NextEvent();
    while (event.request.protocol == Protocol::kDns) event = NextEvent();
    return event;
  }

  EgressOptions options_;
  bool loopback_allowed_ = true;
  std::unique_ptr<EgressProxy> proxy_;
  std::uint16_t port_ = 0;
  std::uint16_t dns_port_ = 0;

 private:
  std::mutex mutex_;
  std::condition_variable told_;
  std::vector<NetworkEvent> events_;
  std::size_t next_ = 0;
};

void Echo(Stream& stream) {
  stream.Write(stream.ReadAll());
  stream.ShutDown();
}

std::string ConnectTo(std::string_view host, std::uint16_t port) {
  return fmt::format("CONNECT {0}:{1} HTTP/1.1\r\nHost: {0}:{1}\r\n\r\n", host, port);
}

TEST_F(EgressProxyTest, ConnectCarriesBothWaysAndKeepsHalfClose) {
  LoopbackServer server(&Echo);
  Start();
  const Stream client = Client();
  client.Write(ConnectTo("127.0.0.1", server.port()));
  EXPECT_THAT(client.ReadUntil("\r\n\r\n"), StartsWith("HTTP/1.1 200 "));
  const std::string much(1 << 20, 'x');
  std::thread writer([&] {
    client.Write(much);
    client.ShutDown();
  });
  EXPECT_EQ(client.ReadAll(), much);
  writer.join();
  const NetworkEvent event = NextConnection();
  EXPECT_EQ(event.outcome, NetworkOutcome::kDone) << event.detail;
  EXPECT_EQ(event.request.arrival, Arrival::kConnect);
  EXPECT_EQ(event.bytes_sent, much.size());
  EXPECT_EQ(event.bytes_received, much.size());
  EXPECT_EQ(event.peer, fmt::format("127.0.0.1:{}", server.port()));
}

TEST_F(EgressProxyTest, WhatThePolicyDeniesGetsAReasonAndNoConnection) {
  LoopbackServer server(&Echo);
  Allow({"other.example"});
  Start();
  const Stream client = Client();
  client.Write(ConnectTo("127.0.0.1", server.port()));
  EXPECT_THAT(client.ReadAll(), AllOf(StartsWith("HTTP/1.1 403 "), HasSubstr("X-Leash-Reason: denied")));
  EXPECT_EQ(server.accepted(), 0);
  EXPECT_EQ(NextConnection().outcome, NetworkOutcome::kDenied);
}

TEST_F(EgressProxyTest, AnAllowedHostIsNoWayToAPrivateAddress) {
  LoopbackServer server(&Echo);
  loopback_allowed_ = false;
  Start();
  for (const char* host : {"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "[::1]", "169.254.169.254", "10.0.0.1"}) {
    const Stream client = Client();
    client.Write(ConnectTo(host, server.port()));
    EXPECT_THAT(client.ReadAll(), AllOf(StartsWith("HTTP/1.1 403 "), HasSubstr("address_refused"))) << host;
    EXPECT_EQ(NextConnection().outcome, NetworkOutcome::kAddressRefused) << host;
  }
  EXPECT_EQ(server.accepted(), 0);
}

TEST_F(EgressProxyTest, AnAddressThatARuleNamesMayBePrivate) {
  LoopbackServer server(&Echo);
  loopback_allowed_ = false;
  Allow({"127.0.0.0/8", "**.example"});
  Start();
  const Stream client = Client();
  client.Write(ConnectTo("127.0.0.1", server.port()) + "hello");
  client.ShutDown();
  EXPECT_THAT(client.ReadAll(), AllOf(StartsWith("HTTP/1.1 200 "), HasSubstr("hello")));
}

TEST_F(EgressProxyTest, ConnectIsAnsweredAfterTheUpstreamIsThere) {
  Start();
  const base::UniqueFd nobody = BoundSocket(SOCK_STREAM);  // not listening
  const Stream client = Client();
  client.Write(ConnectTo("127.0.0.1", PortOf(nobody.get())));
  EXPECT_THAT(client.ReadAll(), AllOf(StartsWith("HTTP/1.1 502 "), HasSubstr("unreachable")));
}

// Answers each request with its own head, and keeps the connection.
void Mirror(Stream& stream) {
  while (true) {
    const std::string head = stream.ReadUntil("\r\n\r\n");
    if (head.empty()) return;
    stream.Write(fmt::format("HTTP/1.1 200 OK\r\nConnection: X-Gone\r\nX-Gone: 1\r\nContent-Length: {}\r\n\r\n{}",
                             head.size(), head));
  }
}

TEST_F(EgressProxyTest, RequestsAreWrittenAnewAndShareAConnection) {
  LoopbackServer server(&Mirror);
  Start();
  const Stream client = Client();
  for (int i = 0; i < 3; ++i) {
    client.Write(
        fmt::format("GET http://127.0.0.1:{0}/a?b={1} HTTP/1.1\r\nHost: 127.0.0.1:{0}\r\nConnection: X-Mine\r\n"
                    "X-Mine: 1\r\nProxy-Authorization: Basic c2VjcmV0\r\nX-Kept: yes\r\n\r\n",
                    server.port(), i));
    const std::string head = client.ReadUntil("\r\n\r\n");
    EXPECT_THAT(head, AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), Not(HasSubstr("X-Gone"))));
    const std::string seen = client.ReadUntil("\r\n\r\n");
    EXPECT_THAT(seen, AllOf(StartsWith(fmt::format("GET /a?b={} HTTP/1.1\r\n", i)), HasSubstr("X-Kept: yes"),
                            HasSubstr(fmt::format("Host: 127.0.0.1:{}\r\n", server.port())), Not(HasSubstr("X-Mine")),
                            Not(HasSubstr("Proxy-"))));
    const NetworkEvent event = NextConnection();
    EXPECT_EQ(event.request.method, "GET");
    EXPECT_EQ(event.request.path, "/a");
    EXPECT_EQ(event.status, 200);
  }
  EXPECT_EQ(server.accepted(), 1);
}

TEST_F(EgressProxyTest, MethodAndPathAreJudged) {
  LoopbackServer server(&Mirror);
  Allow({fmt::format("GET http://127.0.0.1:{}/v1/*", server.port())});
  Start();
  const auto ask = [&](std::string_view method, std::string_view path) {
    const Stream client = Client();
    client.Write(fmt::format("{0} http://127.0.0.1:{1}{2} HTTP/1.1\r\nHost: 127.0.0.1:{1}\r\nContent-Length: 0\r\n\r\n",
                             method, server.port(), path));
    return client.ReadUntil("\r\n\r\n").substr(0, 12);
  };
  EXPECT_EQ(ask("GET", "/v1/models"), "HTTP/1.1 200");
  EXPECT_EQ(ask("POST", "/v1/models"), "HTTP/1.1 403");
  EXPECT_EQ(ask("GET", "/v2/models"), "HTTP/1.1 403");
  EXPECT_EQ(ask("GET", "/v1/../v2/models"), "HTTP/1.1 403");
  EXPECT_EQ(ask("GET", "/v1/%2e%2e/v2"), "HTTP/1.1 403");
}

TEST_F(EgressProxyTest, ATunnelToSuchAHostCarriesOnlySuchRequests) {
  LoopbackServer server(&Mirror);
  Allow({fmt::format("GET http://127.0.0.1:{}/v1/*", server.port())});
  Start();
  const auto through = [&](const std::string& text) {
    const Stream client = Client();
    client.Write(ConnectTo("127.0.0.1", server.port()));
    EXPECT_THAT(client.ReadUntil("\r\n\r\n"), StartsWith("HTTP/1.1 200 "));
    client.Write(text);
    return client.ReadUntil("\r\n\r\n");
  };
  const std::string host = fmt::format("Host: 127.0.0.1:{}\r\n\r\n", server.port());
  EXPECT_THAT(through("GET /v1/x HTTP/1.1\r\n" + host), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(through("GET /v2/x HTTP/1.1\r\n" + host), StartsWith("HTTP/1.1 403 "));
  EXPECT_EQ(through("SSH-2.0-client\r\n"), "");
  EXPECT_EQ(server.accepted(), 1);
}

TEST_F(EgressProxyTest, ARequestForAnotherHostThanItsConnectionIsRefused) {
  LoopbackServer server(&Mirror);
  options_.policy = EraseNetworkPolicy(AllowAll());
  Start();
  {
    const Stream client = Client();
    client.Write(fmt::format("GET http://127.0.0.1:{}/ HTTP/1.1\r\nHost: other.example\r\n\r\n", server.port()));
    EXPECT_THAT(client.ReadAll(), StartsWith("HTTP/1.1 400 "));
  }
  {
    const Stream client = Client();
    client.Write(ConnectTo("localhost", server.port()));
    client.ReadUntil("\r\n\r\n");
    client.Write("\r\nget / HTTP/1.1\r\nHost: other.example\r\n\r\n");
    EXPECT_THAT(client.ReadAll(), StartsWith("HTTP/1.1 4"));
  }
  EXPECT_EQ(NextConnection().outcome, NetworkOutcome::kMismatch);
}

// A ClientHello with that server name and nothing else of interest.
std::string ClientHelloFor(const std::string& name) {
  const auto with_length = [](std::size_t bytes, const std::string& body) {
    std::string length;
    for (std::size_t i = bytes; i > 0; --i) length += static_cast<char>((body.size() >> (8 * (i - 1))) & 0xff);
    return length + body;
  };
  const std::string server_name =
      std::string("\0\0", 2) + with_length(2, with_length(2, std::string(1, '\0') + with_length(2, name)));
  const std::string hello = "\x03\x03" + std::string(32, 'r') + with_length(1, "") +
                            with_length(2, std::string("\x13\x01", 2)) + with_length(1, std::string(1, '\0')) +
                            with_length(2, server_name);
  return std::string("\x16\x03\x01", 3) + with_length(2, "\x01" + with_length(3, hello));
}

TEST_F(EgressProxyTest, TlsMustBeWithTheHostThatWasAskedFor) {
  LoopbackServer server(&Echo);
  Start();
  const auto through = [&](const std::string& hello) {
    const Stream client = Client();
    client.Write(ConnectTo("localhost", server.port()));
    EXPECT_THAT(client.ReadUntil("\r\n\r\n"), StartsWith("HTTP/1.1 200 "));
    client.Write(hello);
    client.ShutDown();
    return client.ReadAll();
  };
  EXPECT_EQ(through(ClientHelloFor("localhost")), ClientHelloFor("localhost"));
  EXPECT_EQ(through(ClientHelloFor("LOCALHOST")), ClientHelloFor("LOCALHOST"));
  EXPECT_EQ(through(ClientHelloFor("front.example")), "");
  EXPECT_EQ(through(ClientHelloFor("localhost").substr(0, 40)), "");
  EXPECT_EQ(NextConnection().request.protocol, Protocol::kTls);
  EXPECT_EQ(NextConnection().outcome, NetworkOutcome::kDone);
  EXPECT_EQ(NextConnection().outcome, NetworkOutcome::kMismatch);
  EXPECT_EQ(NextConnection().outcome, NetworkOutcome::kMalformed);
}

TEST_F(EgressProxyTest, SocksReachesTheSameHosts) {
  LoopbackServer server(&Echo);
  Allow({fmt::format("localhost:{}", server.port())});
  Start();
  const auto through = [&](const std::string& host) {
    const Stream client = Client();
    client.Write(std::string("\x05\x01\x00", 3));
    EXPECT_EQ(client.Read(2), std::string("\x05\x00", 2));
    client.Write(std::string("\x05\x01\x00\x03", 4) + static_cast<char>(host.size()) + host +
                 static_cast<char>(server.port() >> 8) + static_cast<char>(server.port() & 0xff));
    const std::string reply = client.Read(10);
    client.Write("through socks");
    client.ShutDown();
    return std::pair(reply.empty() ? -1 : int{reply[1]}, client.ReadAll());
  };
  EXPECT_EQ(through("localhost"), std::pair(0, std::string("through socks")));
  EXPECT_EQ(through("other.example").first, 2);  // not allowed by ruleset
  EXPECT_EQ(NextConnection().request.arrival, Arrival::kSocks);
}

TEST_F(EgressProxyTest, AnUpgradedConnectionIsCarriedAsItIs) {
  LoopbackServer server([](Stream& stream) {
    EXPECT_THAT(stream.ReadUntil("\r\n\r\n"), AllOf(HasSubstr("Upgrade: websocket"), HasSubstr("Connection: ")));
    stream.Write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nfirst");
    EXPECT_EQ(stream.Read(4), "\x81\x02hi");
    stream.Write("\x81\x02ok");
  });
  Start();
  const Stream client = Client();
  client.Write(
      fmt::format("GET http://127.0.0.1:{0}/ws HTTP/1.1\r\nHost: 127.0.0.1:{0}\r\nUpgrade: websocket\r\n"
                  "Connection: Upgrade\r\n\r\n",
                  server.port()));
  EXPECT_THAT(client.ReadUntil("\r\n\r\n"), StartsWith("HTTP/1.1 101 "));
  EXPECT_EQ(client.Read(5), "first");
  client.Write("\x81\x02hi");
  EXPECT_EQ(client.ReadAll(), "\x81\x02ok");
}

// Through the kernel where it is long, past a program that reads slowly, and with the next response behind it.
TEST_F(EgressProxyTest, LongBodiesComeWholeAndTheConnectionGoesOn) {
  std::string body;
  for (int i = 0; body.size() < 5'000'000; ++i) body += fmt::format("{} ", i);
  LoopbackServer server([&](Stream& stream) {
    while (!stream.ReadUntil("\r\n\r\n").empty()) {
      stream.Write(fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.size()) + body);
    }
  });
  Start();
  const Stream client = Client();
  for (int i = 0; i < 3; ++i) {
    client.Write(fmt::format("GET http://127.0.0.1:{0}/ HTTP/1.1\r\nHost: 127.0.0.1:{0}\r\n\r\n", server.port()));
    EXPECT_THAT(client.ReadUntil("\r\n\r\n"), HasSubstr("Content-Length"));
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    EXPECT_TRUE(client.Read(body.size()) == body);
    EXPECT_EQ(NextConnection().bytes_received, body.size());
  }
  EXPECT_EQ(server.accepted(), 1);
}

TEST_F(EgressProxyTest, AResponseThatIsCutIsNotMadeWhole) {
  LoopbackServer server([](Stream& stream) {
    stream.ReadUntil("\r\n\r\n");
    stream.Write("HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + std::string(1'000'000, 'x'));
  });
  Start();
  const Stream client = Client();
  client.Write(fmt::format("GET http://127.0.0.1:{0}/ HTTP/1.1\r\nHost: 127.0.0.1:{0}\r\n\r\n", server.port()));
  EXPECT_LE(client.ReadAll().size(), 1'001'000U);
  EXPECT_EQ(NextConnection().outcome, NetworkOutcome::kBroken);
}

TEST_F(EgressProxyTest, NoOtherProtocolIsChangedTo) {
  LoopbackServer server(&Mirror);
  Start();
  const Stream client = Client();
  client.Write(
      fmt::format("GET http://127.0.0.1:{0}/ HTTP/1.1\r\nHost: 127.0.0.1:{0}\r\nUpgrade: h2c\r\n"
                  "Connection: Upgrade, HTTP2-Settings, close\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
                  server.port()));
  EXPECT_THAT(client.ReadAll(), AllOf(StartsWith("HTTP/1.1 200 "), Not(HasSubstr("h2c")), Not(HasSubstr("HTTP2"))));
}

// The answer comes although the program has much left to say, which nobody reads.
TEST_F(EgressProxyTest, ARefusalIsHeardByAProgramThatStillTalks) {
  Allow({"other.example"});
  Start();
  const Stream client = Client();
  client.Write("POST http://some.example/ HTTP/1.1\r\nHost: some.example\r\nContent-Length: 4000000\r\n\r\n");
  client.Write(std::string(2000000, 'x'));
  EXPECT_THAT(client.ReadAll(), AllOf(StartsWith("HTTP/1.1 403 "), HasSubstr("denied")));
}

TEST_F(EgressProxyTest, BodiesOfUnknownLengthAndWithoutOne) {
  LoopbackServer server([](Stream& stream) {
    const std::string head = stream.ReadUntil("\r\n\r\n");
    if (head.starts_with("POST")) {
      EXPECT_EQ(stream.ReadUntil("0\r\n\r\n"), "5\r\nhello\r\n0\r\n\r\n");
      stream.Write(
          "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: "
          "chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\n\r\n");
    } else if (head.starts_with("HEAD")) {
      stream.Write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
    } else {
      stream.Write("HTTP/1.1 200 OK\r\n\r\nuntil the end");
    }
  });
  Start();
  const auto ask = [&](std::string_view method, std::string_view version, std::string_view rest) {
    const Stream client = Client();
    client.Write(fmt::format("{0} http://127.0.0.1:{1}/ HTTP/{2}\r\nHost: 127.0.0.1:{1}\r\nConnection: close\r\n{3}",
                             method, server.port(), version, rest));
    return client.ReadAll();
  };
  EXPECT_THAT(ask("POST", "1.1", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
              AllOf(HasSubstr("100 Continue"), HasSubstr("3\r\nabc\r\n0\r\n\r\n")));
  EXPECT_THAT(ask("HEAD", "1.1", "\r\n"), AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("Content-Length: 1000")));
  EXPECT_THAT(ask("GET", "1.1", "\r\n"), HasSubstr("d\r\nuntil the end\r\n0\r\n\r\n"));
  EXPECT_THAT(ask("GET", "1.0", "\r\n"), AllOf(HasSubstr("\r\n\r\nuntil the end"), Not(HasSubstr("chunked"))));
}

TEST_F(EgressProxyTest, WhatCanBeReadInTwoWaysIsRefused) {
  LoopbackServer server(&Mirror);
  Start();
  const std::string target = fmt::format("http://127.0.0.1:{0}/ HTTP/1.1\r\nHost: 127.0.0.1:{0}\r\n", server.port());
  for (const char* fields :
       {"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "Content-Length: 3\r\nContent-Length: 4\r\n",
        "Transfer-Encoding: chunked, gzip\r\n", "Content-Length: +3\r\n", "Host: again.example\r\n",
        "X-Folded: a\r\n b\r\n", "X-Space : a\r\n"}) {
    const Stream client = Client();
    client.Write("POST " + target + fields + "\r\nabc");
    EXPECT_THAT(client.ReadAll(), ::testing::ContainsRegex("^HTTP/1.1 (400|501) ")) << fields;
    EXPECT_EQ(NextConnection().outcome, NetworkOutcome::kMalformed) << fields;
  }
  EXPECT_EQ(server.accepted(), 0);
}

TEST_F(EgressProxyTest, AProgramThatKnowsNoProxyIsJudgedByTheNameItAskedFor) {
  LoopbackServer server(&Echo);
  Allow({fmt::format("localhost:{}", server.port())});
  Start();
  const auto address = Lookup("LocalHost");
  ASSERT_TRUE(address.has_value());
  EXPECT_THAT(address->ToString(), StartsWith("198.1"));
  {
    const Stream client = TransparentClient({*address, server.port()});
    client.Write("hello");
    client.ShutDown();
    EXPECT_EQ(client.ReadAll(), "hello");
  }
  const NetworkEvent event = NextConnection();
  EXPECT_EQ(event.request.host, "localhost");
  EXPECT_EQ(event.request.arrival, Arrival::kTransparent);
  // The same host on another port, and the address that the name stands for.
  const Stream other_port = TransparentClient({*address, 1});
  EXPECT_EQ(other_port.ReadAll(), "");
  EXPECT_EQ(NextConnection().outcome, NetworkOutcome::kDenied);
  const Stream by_address = TransparentClient({IpAddress::V4({127, 0, 0, 1}), server.port()});
  EXPECT_EQ(by_address.ReadAll(), "");
  EXPECT_EQ(NextConnection().outcome, NetworkOutcome::kAddressRefused);
}

TEST_F(EgressProxyTest, NamesThatAreNotAllowedAreNotAnswered) {
  Allow({"*.good.example"});
  Start();
  EXPECT_TRUE(Lookup("a.good.example").has_value());
  EXPECT_EQ(NextEvent().verdict, Verdict::kAllow);
  EXPECT_FALSE(Lookup("data.attacker.example").has_value());
  const NetworkEvent event = NextEvent();
  EXPECT_EQ(event.outcome, NetworkOutcome::kDenied);
  EXPECT_EQ(event.request.host, "data.attacker.example");
}

TEST_F(EgressProxyTest, DnsIsAnsweredOverTcpAsWell) {
  Start();
  const Stream client = TransparentClient({IpAddress::V4({192, 0, 2, 53}), 53});
  const std::string question(
      "\0\x18\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x01"
      "a\x04test\0\0\x01\0\x01",
      26);
  client.Write(question + question);
  for (int i = 0; i < 2; ++i) {
    const std::string length = client.Read(2);
    const auto size =
        static_cast<std::size_t>(static_cast<unsigned char>(length[0]) << 8 | static_cast<unsigned char>(length[1]));
    EXPECT_EQ(client.Read(size).substr(0, 2), "\x12\x34");
  }
}

// Over port 80 a refusal is one that the program understands.
TEST_F(EgressProxyTest, ATransparentRequestIsRefusedInWords) {
  Allow({"other.example"});
  Start();
  const Stream client = TransparentClient({IpAddress::V4({192, 0, 2, 1}), 80});
  client.Write("GET / HTTP/1.1\r\nHost: some.example\r\n\r\n");
  EXPECT_THAT(client.ReadAll(), AllOf(StartsWith("HTTP/1.1 4"), HasSubstr("X-Leash-Reason")));
}

TEST_F(EgressProxyTest, APolicyMayAnswerLaterAndFromAnywhere) {
  LoopbackServer server(&Echo);
  options_.policy = EraseNetworkPolicy(CustomPolicy([](NetworkRequest, std::function<void(Verdict)> answer) {
    std::thread([answer = std::move(answer)] {
      std::this_thread::sleep_for(std::chrono::milliseconds(30));
      answer(Verdict::kAllow);
    }).detach();
  }));
  Start();
  const Stream client = Client();
  client.Write(ConnectTo("127.0.0.1", server.port()) + "later");
  client.ShutDown();
  EXPECT_THAT(client.ReadAll(), AllOf(StartsWith("HTTP/1.1 200 "), HasSubstr("later")));
}

TEST_F(EgressProxyTest, APolicyThatNeverAnswersDenies) {
  std::mutex mutex;
  std::vector<std::function<void(Ruling)>> kept;
  options_.settings.policy = absl::Milliseconds(50);
  options_.policy = [&](const NetworkRequest&, std::function<void(Ruling)> answer) {
    const std::lock_guard lock(mutex);
    kept.push_back(std::move(answer));
  };
  Start();
  const Stream client = Client();
  client.Write(ConnectTo("some.example", 443));
  EXPECT_THAT(client.ReadAll(), StartsWith("HTTP/1.1 504 "));
  proxy_.reset();
  const std::lock_guard lock(mutex);
  for (const auto& answer : kept) answer({Verdict::kAllow, ""});  // too late: nobody is there
}

TEST_F(EgressProxyTest, AClientThatDoesNotComeToThePointIsDropped) {
  options_.settings.handshake = absl::Milliseconds(50);
  Start();
  const Stream silent = Client();
  const Stream slow = Client();
  slow.Write("GET http://");
  EXPECT_EQ(silent.ReadAll(), "");
  EXPECT_EQ(slow.ReadAll(), "");
}

TEST_F(EgressProxyTest, ACredentialIsAskedForWhereOthersReachTheListener) {
  LoopbackServer server(&Mirror);
  options_.credential = SocksCredential{"leash", "s3cret"};
  Start();
  const auto ask = [&](const std::string& field) {
    const Stream client = Client();
    client.Write(
        fmt::format("GET http://127.0.0.1:{0}/ HTTP/1.1\r\nHost: 127.0.0.1:{0}\r\nConnection: close\r\n{1}\r\n",
                    server.port(), field));
    return client.ReadUntil("\r\n").substr(9, 3);
  };
  EXPECT_EQ(ask(""), "407");
  EXPECT_EQ(ask("Proxy-Authorization: Basic bGVhc2g6d3Jvbmch\r\n"), "407");
  EXPECT_EQ(ask("Proxy-Authorization: basic bGVhc2g6czNjcmV0\r\n"), "200");
}

// LEASH_SOAK=100000 makes it a long one.
TEST_F(EgressProxyTest, SurvivesClientsThatEndAnyhow) {
  const char* wanted = std::getenv("LEASH_SOAK");
  const int each = (wanted != nullptr ? std::atoi(wanted) : 2000) / 4;
  std::atomic<int> whole = 0;
  {
    LoopbackServer server(&Mirror);
    Start();
    const std::string request =
        fmt::format("GET http://127.0.0.1:{0}/ HTTP/1.1\r\nHost: 127.0.0.1:{0}\r\n\r\n", server.port());
    const std::string tunnel = ConnectTo("127.0.0.1", server.port());
    const std::size_t before = OpenDescriptors();
    std::vector<std::thread> threads;
    for (unsigned seed = 0; seed < 4; ++seed) {
      threads.emplace_back([&, seed] {
        std::minstd_rand random(seed + 1);
        for (int i = 0; i < each; ++i) {
          Stream client = Client();
          const std::string& text = random() % 2 == 0 ? request : tunnel;
          switch (random() % 8) {
            case 0:  // gone at once
              break;
            case 1:  // in the middle of what it says
              client.Write(text.substr(0, random() % text.size()));
              break;
            case 2:  // without hearing the answer
              client.Write(text);
              break;
            case 3: {  // with a reset
              client.Write(text);
              const linger now = {1, 0};
              ::setsockopt(client.fd(), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
              break;
            }
            case 4: {  // malformed
              std::string odd = text;
              odd[random() % odd.size()] = static_cast<char>(random());
              client.Write(odd);
              client.ShutDown();
              client.ReadUntil("\r\n\r\n");
              break;
            }
            default:
              client.Write(text);
              if (client.ReadUntil("\r\n\r\n").starts_with("HTTP/1.1 200")) ++whole;
          }
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    // But for pipes that are kept. The server is in this process, and may have connections left to close.
    const auto over = [&] { return proxy_->connections() == 0 && OpenDescriptors() <= before + 40; };
    for (int i = 0; i < 400 && !over(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(50));
    EXPECT_EQ(proxy_->connections(), 0U);
    EXPECT_LE(OpenDescriptors(), before + 40);
    EXPECT_GT(whole, each);
  }
}

TEST_F(EgressProxyTest, EndsWithEveryConnectionTold) {
  LoopbackServer server(&Echo);
  Start();
  std::vector<Stream> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(Client());
    clients.back().Write(ConnectTo("127.0.0.1", server.port()));
    EXPECT_THAT(clients.back().ReadUntil("\r\n\r\n"), StartsWith("HTTP/1.1 200 "));
  }
  EXPECT_EQ(proxy_->connections(), 20U);
  proxy_.reset();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(NextConnection().outcome, NetworkOutcome::kBroken);
  for (const Stream& client : clients) EXPECT_EQ(client.ReadAll(), "");
}

}  // namespace
}  // namespace leash::net
