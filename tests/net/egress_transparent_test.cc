// The egress proxy: programs that know of no proxy, and the names that they ask for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "fmt/format.h"
#include "net/egress_fixture.h"

namespace leash::net::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

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

}  // namespace
}  // namespace leash::net::testing
