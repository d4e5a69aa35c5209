// Ports of a sandbox without a network of its own: this process stands for its programs, and for strangers.
#include "platform/linux/inside_loopback.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "gtest/gtest.h"
#include "platform/linux/internet_address.h"
#include "platform/linux/unblocked_calls.h"

namespace leash::platform {
namespace {

sockaddr_storage Address(const char* text, std::uint16_t port) {
  sockaddr_storage address = {};
  auto& six = reinterpret_cast<sockaddr_in6&>(address);
  auto& four = reinterpret_cast<sockaddr_in&>(address);
  if (::inet_pton(AF_INET6, text, &six.sin6_addr) == 1) {
    address.ss_family = AF_INET6;
  } else {
    address.ss_family = AF_INET;
    EXPECT_EQ(::inet_pton(AF_INET, text, &four.sin_addr), 1) << text;
  }
  SetPort(address, port);
  return address;
}

base::UniqueFd Stream(int family = AF_INET) { return base::UniqueFd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)); }

sockaddr_storage ActualOf(const base::UniqueFd& socket) {
  sockaddr_storage address = {};
  socklen_t size = sizeof(address);
  EXPECT_EQ(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  return address;
}

int Natively(int (*call)(int, const sockaddr*, socklen_t), const base::UniqueFd& socket,
             const sockaddr_storage& address) {
  return call(socket.get(), reinterpret_cast<const sockaddr*>(&address), SizeOf(address)) == 0 ? 0 : errno;
}

void Switch(const base::UniqueFd& socket, int level, int option) {
  const int on = 1;
  EXPECT_EQ(::setsockopt(socket.get(), level, option, &on, sizeof(on)), 0);
}

bool HasIpv6() { return Natively(&::bind, Stream(AF_INET6), Address("::1", 0)) == 0; }

class InsideLoopbackTest : public ::testing::Test {
 protected:
  // One that listens.
  base::UniqueFd Server(const char* address, std::uint16_t port, int backlog = 8) {
    const sockaddr_storage where = Address(address, port);
    base::UniqueFd server = Stream(where.ss_family);
    EXPECT_EQ(loopback_.Bind(server.get(), where), 0) << address;
    EXPECT_EQ(loopback_.Listen(server.get(), backlog), 0) << address;
    return server;
  }
  Answer ConnectTo(const base::UniqueFd& client, const char* address, std::uint16_t port) {
    return loopback_.Connect(client.get(), Address(address, port));
  }
  // What a client that connects there hears, when `server` accepts and greets it.
  std::string Greeting(const base::UniqueFd& server, const char* address, std::uint16_t port) {
    const base::UniqueFd client = Stream(Address(address, port).ss_family);
    if (const Answer answer = ConnectTo(client, address, port); answer != 0) return "errno " + std::to_string(-answer);
    base::UniqueFd accepted;
    if (loopback_.Accept(server.get(), accepted) != 0) return "not accepted";
    EXPECT_EQ(::send(accepted.get(), "hello", 5, 0), 5);
    char bytes[8];
    const ssize_t got = ::recv(client.get(), bytes, sizeof(bytes), 0);
    return got < 0 ? "nothing" : std::string(bytes, static_cast<std::size_t>(got));
  }
  std::string NameOf(const base::UniqueFd& socket) {
    sockaddr_storage name = {};
    if (!loopback_.NameOf(socket.get(), name)) return "its own";
    char text[INET6_ADDRSTRLEN];
    const bool four = name.ss_family == AF_INET;
    const void* bytes = four ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in&>(name).sin_addr)
                             : static_cast<const void*>(&reinterpret_cast<const sockaddr_in6&>(name).sin6_addr);
    return std::string(::inet_ntop(name.ss_family, bytes, text, sizeof(text))) + " " + std::to_string(PortOf(name));
  }

  InsideLoopback loopback_{base::UniqueFd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG))};
};

TEST_F(InsideLoopbackTest, LeadsToWhoListens) {
  EXPECT_TRUE(loopback_.Check().ok());
  EXPECT_EQ(ConnectTo(Stream(), "127.0.0.1", 8000), -ECONNREFUSED);
  const base::UniqueFd server = Server("127.0.0.1", 8000);
  EXPECT_NE(PortOf(ActualOf(server)), 8000) << "the host's port stays the host's";
  EXPECT_EQ(Greeting(server, "127.0.0.1", 8000), "hello");
  EXPECT_EQ(Greeting(server, "127.9.8.7", 8000), "hello");
  EXPECT_EQ(Greeting(server, "0.0.0.0", 8000), "hello");
  EXPECT_EQ(ConnectTo(Stream(), "127.0.0.1", PortOf(ActualOf(server))), -ECONNREFUSED) << "by its number outside";
}

TEST_F(InsideLoopbackTest, AServerIsOnLoopbackOnly) {
  for (const char* address : {"0.0.0.0", "127.0.0.1", "127.9.8.7"}) {
    const base::UniqueFd server = Server(address, 0);
    EXPECT_TRUE(IsSame(ActualOf(server), LoopbackAddress(AF_INET, PortOf(ActualOf(server))))) << address;
  }
  const base::UniqueFd unbound = Stream();
  EXPECT_EQ(loopback_.Listen(unbound.get(), 8), 0);
  const sockaddr_storage actual = ActualOf(unbound);
  EXPECT_TRUE(IsSame(actual, LoopbackAddress(AF_INET, PortOf(actual))));
  EXPECT_EQ(Greeting(unbound, "127.0.0.1", PortOf(actual)), "hello") << "any free port is the same inside";
}

TEST_F(InsideLoopbackTest, OthersAreRefused) {
  EXPECT_EQ(loopback_.Bind(Stream().get(), Address("192.0.2.1", 8000)), -EADDRNOTAVAIL);
  EXPECT_EQ(loopback_.Bind(Stream().get(), Address("127.0.0.1", 80)), -EACCES);
  base::UniqueFd accepted;
  EXPECT_EQ(loopback_.Accept(Stream().get(), accepted), -EINVAL);
  const base::UniqueFd hosts = Stream();  // one that came from elsewhere
  ASSERT_EQ(Natively(&::bind, hosts, Address("127.0.0.1", 0)), 0);
  EXPECT_EQ(loopback_.Listen(hosts.get(), 8), -EINVAL);
  ASSERT_EQ(::listen(hosts.get(), 8), 0);
  EXPECT_EQ(loopback_.Accept(hosts.get(), accepted), -EPERM);
}

TEST_F(InsideLoopbackTest, SocketsHaveTheNamesThatTheyAskedFor) {
  const base::UniqueFd server = Server("0.0.0.0", 8000);
  EXPECT_EQ(NameOf(server), "0.0.0.0 8000");
  const base::UniqueFd client = Stream();
  EXPECT_EQ(NameOf(client), "its own");
  ASSERT_EQ(ConnectTo(client, "127.0.0.1", 8000), 0);
  base::UniqueFd accepted;
  ASSERT_EQ(loopback_.Accept(server.get(), accepted), 0);
  EXPECT_EQ(NameOf(accepted), "127.0.0.1 8000");
  EXPECT_EQ(NameOf(client), "its own");
  const base::UniqueFd bound = Stream();
  ASSERT_EQ(loopback_.Bind(bound.get(), Address("127.0.0.1", 8001)), 0);
  EXPECT_EQ(NameOf(bound), "127.0.0.1 8001");
}

TEST_F(InsideLoopbackTest, StrangersGetNothing) {
  const base::UniqueFd server = Server("127.0.0.1", 8000);
  const base::UniqueFd stranger = Stream();
  ASSERT_EQ(Natively(&::connect, stranger, ActualOf(server)), 0) << "the kernel lets it";
  ASSERT_EQ(::send(stranger.get(), "let me in", 9, MSG_NOSIGNAL), 9);
  base::UniqueFd accepted;
  EXPECT_EQ(loopback_.Accept(server.get(), accepted), -EAGAIN);
  EXPECT_FALSE(accepted);
  char byte;
  EXPECT_LE(::recv(stranger.get(), &byte, 1, 0), 0) << "closed unread";
  const base::UniqueFd second = Stream();
  ASSERT_EQ(Natively(&::connect, second, ActualOf(server)), 0);
  EXPECT_EQ(Greeting(server, "127.0.0.1", 8000), "hello") << "one in front of it is no hindrance";
}

TEST_F(InsideLoopbackTest, ThePortOfAServerThatHasEndedIsNobodys) {
  base::UniqueFd server = Server("127.0.0.1", 8000);
  const sockaddr_storage actual = ActualOf(server);
  server.reset();
  EXPECT_EQ(ConnectTo(Stream(), "127.0.0.1", 8000), -ECONNREFUSED);
  for (const int sharing : {0, SO_REUSEADDR}) {
    const base::UniqueFd stranger = Stream();
    if (sharing != 0) Switch(stranger, SOL_SOCKET, sharing);
    EXPECT_EQ(Natively(&::bind, stranger, actual), EADDRINUSE);
  }
  // The control: one that nobody holds.
  base::UniqueFd plain = Stream();
  ASSERT_EQ(Natively(&::bind, plain, Address("127.0.0.1", 0)), 0);
  ASSERT_EQ(::listen(plain.get(), 8), 0);
  const sockaddr_storage free = ActualOf(plain);
  plain.reset();
  EXPECT_EQ(Natively(&::bind, Stream(), free), 0);
}

TEST_F(InsideLoopbackTest, APortIsOneServersAtATime) {
  base::UniqueFd first = Server("127.0.0.1", 8000);
  const base::UniqueFd early = Stream();
  EXPECT_EQ(loopback_.Bind(early.get(), Address("0.0.0.0", 8000)), -EADDRINUSE);
  first.reset();
  EXPECT_EQ(loopback_.Bind(early.get(), Address("0.0.0.0", 8000)), 0);
  const base::UniqueFd second = Server("127.0.0.1", 8000);
  EXPECT_EQ(loopback_.Listen(early.get(), 8), -EADDRINUSE) << "bound first, but the other was faster";
  EXPECT_EQ(Greeting(second, "127.0.0.1", 8000), "hello");
  EXPECT_EQ(loopback_.Listen(second.get(), 16), 0) << "again, for a longer queue";
  EXPECT_EQ(Greeting(second, "127.0.0.1", 8000), "hello");
}

TEST_F(InsideLoopbackTest, FamiliesAreToldApart) {
  if (!HasIpv6()) GTEST_SKIP() << "no IPv6 here";
  const base::UniqueFd six = Server("::1", 8000);
  EXPECT_EQ(Greeting(six, "::1", 8000), "hello");
  EXPECT_EQ(ConnectTo(Stream(), "127.0.0.1", 8000), -ECONNREFUSED);
  const base::UniqueFd four = Server("127.0.0.1", 8000);
  EXPECT_EQ(Greeting(four, "127.0.0.1", 8000), "hello");
  EXPECT_EQ(Greeting(four, "::ffff:127.0.0.1", 8000), "hello");
  EXPECT_EQ(Greeting(six, "::1", 8000), "hello");
  const base::UniqueFd both = Server("::", 8001);
  EXPECT_EQ(Greeting(both, "127.0.0.1", 8001), "hello");
  EXPECT_EQ(Greeting(both, "::1", 8001), "hello");
  EXPECT_EQ(NameOf(both), ":: 8001");
  EXPECT_EQ(loopback_.Bind(Stream(AF_INET6).get(), Address("::1", 8001)), -EADDRINUSE);
  const base::UniqueFd mapped = Server("::ffff:127.0.0.1", 8002);
  EXPECT_EQ(Greeting(mapped, "127.0.0.1", 8002), "hello");
  EXPECT_EQ(ConnectTo(Stream(AF_INET6), "::1", 8002), -ECONNREFUSED);
}

TEST_F(InsideLoopbackTest, OptionsOfAServerDoNotMatter) {
  const base::UniqueFd server = Stream();
  Switch(server, SOL_SOCKET, SO_REUSEADDR);
  Switch(server, SOL_SOCKET, SO_REUSEPORT);
  Switch(server, IPPROTO_TCP, TCP_DEFER_ACCEPT);
  Switch(server, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT);
  ASSERT_EQ(loopback_.Bind(server.get(), Address("127.0.0.1", 8000)), 0);
  ASSERT_EQ(loopback_.Listen(server.get(), 8), 0);
  const base::UniqueFd client = Stream();
  ASSERT_EQ(ConnectTo(client, "127.0.0.1", 8000), 0);
  ASSERT_EQ(::send(client.get(), "x", 1, 0), 1);
  base::UniqueFd accepted;
  EXPECT_EQ(loopback_.Accept(server.get(), accepted), 0);
}

// Whoever has connected and said something is served, even when it has gone since.
TEST_F(InsideLoopbackTest, LastWordsAreHeard) {
  const base::UniqueFd server = Server("127.0.0.1", 8000);
  base::UniqueFd client = Stream();
  ASSERT_EQ(ConnectTo(client, "127.0.0.1", 8000), 0);
  ASSERT_EQ(::send(client.get(), "bye", 3, 0), 3);
  client.reset();
  base::UniqueFd accepted;
  ASSERT_EQ(loopback_.Accept(server.get(), accepted), 0);
  char bytes[8];
  EXPECT_EQ(::recv(accepted.get(), bytes, sizeof(bytes), 0), 3);
}

TEST_F(InsideLoopbackTest, NothingWaits) {
  const base::UniqueFd server = Server("127.0.0.1", 8000, 1);
  base::UniqueFd accepted;
  EXPECT_EQ(loopback_.Accept(server.get(), accepted), -EAGAIN) << "on a socket that blocks";
  std::vector<base::UniqueFd> clients;
  Answer answer = 0;
  for (int i = 0; i < 8 && answer == 0; ++i) {
    clients.push_back(Stream());
    answer = ConnectTo(clients.back(), "127.0.0.1", 8000);
  }
  EXPECT_EQ(answer, -EAGAIN);
  while (loopback_.Accept(server.get(), accepted) == 0) {
  }
  EXPECT_EQ(ConnectTo(clients.back(), "127.0.0.1", 8000), 0) << "the same socket, later";
  EXPECT_EQ(loopback_.Accept(server.get(), accepted), 0);
  EXPECT_EQ(ConnectTo(clients.back(), "127.0.0.1", 8000), -EISCONN);
}

// Without the kernel's word nobody could be told from a stranger.
TEST(InsideLoopback, WithoutDiagnosticsNobodyListens) {
  InsideLoopback blind{base::UniqueFd()};
  EXPECT_FALSE(blind.Check().ok());
  const base::UniqueFd server = Stream();
  ASSERT_EQ(blind.Bind(server.get(), Address("127.0.0.1", 8000)), 0);
  EXPECT_EQ(blind.Listen(server.get(), 8), -EPERM);
  EXPECT_NE(TcpStateOf(server.get()), TCP_LISTEN);
}

}  // namespace
}  // namespace leash::platform
