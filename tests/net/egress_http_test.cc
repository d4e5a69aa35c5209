// The egress proxy: HTTP requests and their responses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>

#include "fmt/format.h"
#include "net/egress_fixture.h"

namespace leash::net::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

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

}  // namespace
}  // namespace leash::net::testing
