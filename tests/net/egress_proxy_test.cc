// The egress proxy: tunnels, what the policy says of them, and how everything ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <future>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "fmt/format.h"
#include "net/egress_fixture.h"
#include "support/open_descriptors.h"

namespace leash::net::testing {
namespace {

using leash::testing::OpenDescriptors;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

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

// A program that speaks and ends, before anything of it has been decided.
TEST_F(EgressProxyTest, LastWordsAreCarriedBeforeTheEnd) {
  std::promise<std::string> heard;
  LoopbackServer server([&](Stream& stream) { heard.set_value(stream.ReadAll()); });
  std::thread person;
  options_.policy = [&](const NetworkRequest&, std::function<void(Ruling)> answer) {
    person = std::thread([answer = std::move(answer)] {
      absl::SleepFor(absl::Milliseconds(200));
      answer({Verdict::kAllow, ""});
    });
  };
  Start();
  Client().Write(ConnectTo("127.0.0.1", server.port()) + "last words");
  proxy_->Drain(absl::Seconds(20));
  proxy_.reset();
  person.join();
  EXPECT_EQ(heard.get_future().get(), "last words");
}

// Only what a program says is waited for: a silent host, or one that goes on speaking, holds nobody up.
TEST_F(EgressProxyTest, TheEndDoesNotWaitForTheHost) {
  std::promise<void> over;
  LoopbackServer server([&](Stream&) { over.get_future().wait(); });
  Start();
  {
    const Stream client = Client();
    client.Write(ConnectTo("127.0.0.1", server.port()));
    EXPECT_THAT(client.ReadUntil("\r\n\r\n"), StartsWith("HTTP/1.1 200 "));
    client.Write("all of it");
  }
  const absl::Time before = absl::Now();
  proxy_->Drain(absl::Seconds(20));
  EXPECT_LT(absl::Now() - before, absl::Seconds(10));
  over.set_value();
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
}  // namespace leash::net::testing
