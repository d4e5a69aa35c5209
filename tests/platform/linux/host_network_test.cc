// A network policy without a network namespace: what programs can do with the sockets of the host's network.
#include "platform/linux/host_network.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "guarantees/launch.h"
#include "platform/linux/connection_table.h"
#include "platform/linux/egress_network.h"
#include "platform/linux/egress_world.h"
#include "platform/linux/supervisor_support.h"

namespace leash::platform {
namespace {

using guarantees::RunAs;
using guarantees::Who;
using ::testing::HasSubstr;

// A server of the host's on loopback: a stream's, which is heard to be connected to, or datagrams'.
class Victim {
 public:
  explicit Victim(int type) : socket_(::socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    if (type == SOCK_STREAM) {
      EXPECT_EQ(::listen(socket_.get(), 64), 0);
    }
    EXPECT_EQ(::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = std::to_string(ntohs(address.sin_port));
  }
  const std::string& port() const { return port_; }
  // Whether anything has come since it was asked last.
  bool Touched() const {
    pollfd state = {socket_.get(), POLLIN, 0};
    if (::poll(&state, 1, 0) != 1) return false;
    char byte;
    while (::recv(socket_.get(), &byte, 1, MSG_DONTWAIT) >= 0) {
    }
    for (int fd; (fd = ::accept(socket_.get(), nullptr, nullptr)) >= 0;) ::close(fd);
    return true;
  }

 private:
  base::UniqueFd socket_;
  std::string port_;
};

// Runs the probe as it is, outside of any sandbox, until that has had its effect: the control.
bool Outside(const ProbeDirectory& directory, const std::vector<std::string>& arguments,
             const std::function<bool()>& effect) {
  const pid_t child = ::fork();
  if (child == 0) {
    const int null = ::open("/dev/null", O_RDWR);
    ::dup2(null, STDOUT_FILENO);
    std::vector<std::string> words = arguments;
    words.insert(words.begin(), directory.probe());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  bool had = false;
  for (int i = 0; i < 1000 && !had; ++i) {
    ::usleep(10000);
    had = effect();
  }
  ::kill(child, SIGKILL);  // not waited for yet
  ::waitpid(child, nullptr, 0);
  return had;
}

class HostEgressTest : public ::testing::TestWithParam<Who> {
 protected:
  void SetUp() override {
    if (const std::string why = guarantees::WhyNot(GetParam()); !why.empty()) GTEST_SKIP() << why;
    if (const SupervisorSupport& support = SupervisorSupportOfProcess(); !support.available()) {
      GTEST_SKIP() << "supervisor: " << support.why_not;
    }
  }

  void WithSandbox(const std::function<void(EgressWorld&)>& body, SandboxConfig config = {}) {
    config.namespaces = Namespaces::kOff;
    const int code = RunAs(GetParam(), [&] {
      ::setenv("HOME", "/nonexistent", 1);
      auto world = EgressWorld::Make(directory_.path(), config);
      EXPECT_TRUE(world.ok()) << world.status();
      if (world.ok()) body(**world);
      world = absl::CancelledError();
      return HasFailure() ? 1 : 0;
    });
    EXPECT_EQ(code, 0) << "see above";
  }

  const ProbeDirectory directory_;
};

std::string NameOf(const ::testing::TestParamInfo<Who>& info) { return guarantees::WhoName(info.param); }
INSTANTIATE_TEST_SUITE_P(As, HostEgressTest, ::testing::Values(Who::kRoot, Who::kOrdinary), NameOf);

TEST_P(HostEgressTest, EveryConnectionArrivesAndSaysWhereItWasToGo) {
  WithSandbox([](EgressWorld& world) {
    EXPECT_EQ(world.Probe({"connect", "198.51.100.7", "8443"}), "198.51.100.7:8443");
    EXPECT_EQ(world.Probe({"connect", "169.254.169.254", "80"}), "169.254.169.254:80");
    EXPECT_EQ(world.Probe({"connect", "198.51.100.7", "53"}), "198.51.100.7:53");
    EXPECT_EQ(world.Probe({"connect", "127.0.0.53", "53"}), "127.0.0.53:53") << "a resolver of the host's";
    EXPECT_EQ(world.Probe({"connect", "127.0.0.1", "3128"}), "to the proxy itself");
    EXPECT_EQ(world.Probe({"again", "198.51.100.7", "1", "203.0.113.9", "2"}), "198.51.100.7:1\n203.0.113.9:2");
    EXPECT_EQ(world.Probe({"handed", "198.51.100.7", "443"}), "198.51.100.7:443");
    if (!HasIpv6()) return;
    EXPECT_EQ(world.Probe({"connect", "2001:db8::1", "443"}), "[2001:db8::1]:443");
    EXPECT_EQ(world.Probe({"connect", "::1", "3128"}), "to the proxy itself");
    EXPECT_EQ(world.Probe({"connect", "::ffff:198.51.100.7", "443"}), "198.51.100.7:443");
  });
}

TEST_P(HostEgressTest, NamesAreResolvedByWhateverServerTheyAreAskedOf) {
  for (const Isolation tier : {Isolation::kStrict, Isolation::kDefault, Isolation::kPermissive}) {
    SandboxConfig config;
    config.isolation = tier;
    WithSandbox(
        [](EgressWorld& world) {
          EXPECT_EQ(world.Probe({"datagram", "192.0.2.53", "53"}), "question");
          EXPECT_EQ(world.Probe({"message", "sendto", "192.0.2.53", "53"}), "question from whom was asked");
          if (HasIpv6()) {
            EXPECT_EQ(world.Probe({"datagram", "2001:db8::53", "53"}), "question");
          }
          const std::string host = "host.leash-test.example";
          EXPECT_EQ(world.Probe({"resolve", host, std::to_string(AF_INET)}), EgressWorld::kAnswer4);
          EXPECT_EQ(world.Probe({"resolve", host, std::to_string(AF_INET6)}), EgressWorld::kAnswer6);
          EXPECT_THAT(world.Run({"/usr/bin/getent", "ahostsv4", host}), HasSubstr(EgressWorld::kAnswer4));
        },
        config);
  }
}

TEST_P(HostEgressTest, NothingReachesTheHostsLoopback) {
  const Victim stream(SOCK_STREAM);
  ASSERT_TRUE(Outside(directory_, {"connect", "127.0.0.1", stream.port()}, [&] { return stream.Touched(); }));
  WithSandbox([&](EgressWorld& world) {
    EXPECT_EQ(world.Probe({"connect", "127.0.0.1", stream.port()}), "ECONNREFUSED");
    EXPECT_EQ(world.Probe({"connect", "0.0.0.0", stream.port()}), "ECONNREFUSED");
    EXPECT_EQ(world.Probe({"handed", "127.0.0.1", stream.port()}), "ECONNREFUSED");
    EXPECT_EQ(world.Probe({"again", "198.51.100.7", "1", "127.0.0.1", stream.port()}), "198.51.100.7:1\nECONNREFUSED");
    if (HasIpv6()) {
      EXPECT_EQ(world.Probe({"connect", "::ffff:127.0.0.1", stream.port()}), "ECONNREFUSED");
    }
    EXPECT_EQ(world.Probe({"race", "198.51.100.7", "443", "127.0.0.1", stream.port(), "198.51.100.7:"}),
              "some, no other");
    for (const char* how : {"sendto", "sendmsg", "sendmmsg"}) {
      EXPECT_EQ(world.Probe({"fastopen", how, "127.0.0.1", stream.port()}), "EPERM") << how;
    }
    EXPECT_EQ(world.Probe({"fastopen", "connect", "127.0.0.1", stream.port()}), "EPERM");
  });
  EXPECT_FALSE(stream.Touched());
}

TEST_P(HostEgressTest, NoDatagramLeaves) {
  const Victim datagrams(SOCK_DGRAM);
  for (const char* how : {"sendmsg", "sendmmsg"}) {
    ASSERT_TRUE(
        Outside(directory_, {"message", how, "127.0.0.1", datagrams.port()}, [&] { return datagrams.Touched(); }));
  }
  WithSandbox([&](EgressWorld& world) {
    // What becomes of them is the name service's to say.
    EXPECT_EQ(world.Probe({"message", "sendmsg", "127.0.0.1", datagrams.port()}), "sent");
    EXPECT_EQ(world.Probe({"message", "sendmmsg", "127.0.0.1", datagrams.port()}), "sent");
    EXPECT_EQ(world.Probe({"message", "sendto", "127.0.0.1", datagrams.port()}), "ECONNREFUSED");
    EXPECT_EQ(world.Probe({"datagram", "127.0.0.1", datagrams.port()}), "ECONNREFUSED");
    EXPECT_EQ(world.Probe({"datagram", "198.51.100.7", "443"}), "ECONNREFUSED") << "QUIC";
  });
  EXPECT_FALSE(datagrams.Touched());
}

TEST_P(HostEgressTest, ProgramsOfOneSandboxTalkOverLoopback) {
  WithSandbox([](EgressWorld& world) {
    EXPECT_EQ(world.Probe({"talk", "127.0.0.1"}), "between us");
    EXPECT_EQ(world.Probe({"talk", "127.9.8.7"}), "between us");
    EXPECT_EQ(world.Probe({"talk", "0.0.0.0"}), "between us");
    EXPECT_EQ(world.Probe({"bind", "127.0.0.1", "8080"}), "bound");
    EXPECT_EQ(world.Probe({"listen"}), "listens") << "on a port of the supervisor's choice";
    EXPECT_EQ(world.Probe({"bind", "127.0.0.1", "80"}), "EACCES");
    EXPECT_EQ(world.Probe({"bind", "127.0.0.1", "3128"}), "EADDRINUSE") << "the proxy's";
    EXPECT_EQ(world.Probe({"bind", "192.0.2.1", "8080"}), "EADDRNOTAVAIL");
  });
}

TEST_P(HostEgressTest, OtherSocketsAndOptionsAreRefused) {
  struct Row {
    int family, type, protocol;
    const char* expected;
  };
  const Row rows[] = {
      {AF_INET, SOCK_STREAM, 0, "made"},
      {AF_INET, SOCK_STREAM, IPPROTO_TCP, "made"},
      {AF_INET, SOCK_DGRAM, 0, "made"},
      {AF_INET, SOCK_DGRAM, IPPROTO_UDP, "made"},
      {AF_UNIX, SOCK_STREAM, 0, "made"},
      {AF_INET, SOCK_STREAM, 262, "EPERM"},  // MPTCP
      {AF_INET, SOCK_STREAM, IPPROTO_SCTP, "EPERM"},
      {AF_INET, SOCK_DGRAM, IPPROTO_ICMP, "EPERM"},
      {AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE, "EPERM"},
      {AF_INET, SOCK_RAW, IPPROTO_TCP, "EPERM"},
      {AF_UNIX, SOCK_DGRAM, 0, "EPERM"},
      {AF_PACKET, SOCK_RAW, 0, "EPERM"},
      {AF_VSOCK, SOCK_STREAM, 0, "EPERM"},
      {AF_NETLINK, SOCK_RAW, 0, "EPERM"},
  };
  struct Option {
    int level, name;
    const char* expected;
  };
  const Option options[] = {
      {IPPROTO_TCP, 1, "set"},  // TCP_NODELAY
      {IPPROTO_IP, IP_TOS, "set"},
      {IPPROTO_IP, IP_OPTIONS, "ENOPROTOOPT"},  // source routes
      {IPPROTO_IPV6, 57, "ENOPROTOOPT"},        // IPV6_RTHDR
      {IPPROTO_IP, IP_ADD_MEMBERSHIP, "ENOPROTOOPT"},
      {SOL_SOCKET, SO_BINDTODEVICE, "EPERM"},
      {SOL_SOCKET, 62, "EPERM"},  // SO_BINDTOIFINDEX
      {SOL_SOCKET, SO_MARK, "EPERM"},
      {IPPROTO_TCP, 30, "EPERM"},  // TCP_FASTOPEN_CONNECT
      {IPPROTO_TCP, 31, "EPERM"},  // TCP_ULP
  };
  WithSandbox([&](EgressWorld& world) {
    for (const Row& row : rows) {
      EXPECT_EQ(
          world.Probe({"socket", std::to_string(row.family), std::to_string(row.type), std::to_string(row.protocol)}),
          row.expected)
          << row.family << ' ' << row.type << ' ' << row.protocol;
    }
    for (const Option& option : options) {
      EXPECT_EQ(world.Probe({"option", std::to_string(option.level), std::to_string(option.name)}), option.expected)
          << option.level << ' ' << option.name;
    }
  });
}

// Whoever else runs on the machine can connect to leash's listener.
TEST_P(HostEgressTest, StrangersAreTold) {
  WithSandbox([&](EgressWorld& world) {
    EXPECT_EQ(world.Probe({"connect", "198.51.100.7", "443"}), "198.51.100.7:443") << "the control";
    EXPECT_EQ(world.strangers(), 0);
    EXPECT_TRUE(
        Outside(directory_, {"connect", "127.0.0.1", world.ListenerPort()}, [&] { return world.strangers() > 0; }));
    EXPECT_EQ(world.strangers(), 1);
    EXPECT_EQ(world.Probe({"connect", "127.0.0.1", world.ListenerPort()}), "ECONNREFUSED") << "by its own number";
  });
}

TEST_P(HostEgressTest, WithoutTheProxyThereIsNoNetwork) {
  WithSandbox([](EgressWorld& world) {
    EXPECT_EQ(world.Probe({"connect", "198.51.100.7", "443"}), "198.51.100.7:443") << "the control";
    world.StopServing();
    EXPECT_EQ(world.Probe({"connect", "198.51.100.7", "443"}), "ECONNREFUSED");
    EXPECT_EQ(world.Probe({"connect", "127.0.0.1", "3128"}), "ECONNREFUSED");
    EXPECT_EQ(world.Probe({"datagram", "192.0.2.53", "53"}), "ECONNREFUSED");
  });
}

// An address that a connection came from is believed once: the next one from there is a stranger's.
TEST(ConnectionTable, BelievesAnAddressOnce) {
  core::EgressIntake intake;
  const auto egress = MakeHostNetwork(false, &intake);
  ASSERT_TRUE(egress.ok()) << egress.status();
  const base::UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  base::ArrivedConnection meant;
  meant.destination.ss_family = AF_INET;
  ASSERT_EQ(egress->connections->Connect(client.get(), meant), 0);
  EXPECT_EQ(egress->connections->Connect(client.get(), meant), -EISCONN);
  const base::UniqueFd accepted(::accept4(intake.listeners.front().get(), nullptr, nullptr, SOCK_CLOEXEC));
  ASSERT_TRUE(accepted);
  const auto told = intake.arrive(accepted.get());
  ASSERT_TRUE(told.has_value());
  EXPECT_EQ(told->destination.ss_family, AF_INET);
  EXPECT_FALSE(intake.arrive(accepted.get()).has_value());
}

// Bound to `port`, 0 for one of the kernel's choice, and willing to share it; none when it cannot be had.
base::UniqueFd LoopbackSocket(std::uint16_t port) {
  base::UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int share = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &share, sizeof(share));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) socket.reset();
  return socket;
}

// Nor is the address enough: it may have become another program's before the connection is looked at.
TEST(ConnectionTable, BelievesNoOtherSocketWithTheSameAddress) {
  core::EgressIntake intake;
  const auto network = MakeHostNetwork(false, &intake);
  ASSERT_TRUE(network.ok()) << network.status();
  for (const bool stranger : {false, true}) {
    // Two sockets share an address from the start, so that nobody else can take it in between.
    base::UniqueFd client = LoopbackSocket(0);
    sockaddr_in own = {};
    socklen_t size = sizeof(own);
    ASSERT_EQ(::getsockname(client.get(), reinterpret_cast<sockaddr*>(&own), &size), 0);
    const base::UniqueFd other = LoopbackSocket(ntohs(own.sin_port));
    ASSERT_TRUE(client && other) << std::strerror(errno);
    ASSERT_EQ(network->connections->Connect(client.get(), {}), 0);
    base::UniqueFd accepted(::accept4(intake.listeners.front().get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (stranger) {
      sockaddr_in listener = {};
      ASSERT_EQ(::getpeername(client.get(), reinterpret_cast<sockaddr*>(&listener), &size), 0);
      const linger reset = {1, 0};  // so that the two addresses can be connected again at once
      ASSERT_EQ(::setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), 0);
      client.reset();
      ASSERT_EQ(::connect(other.get(), reinterpret_cast<const sockaddr*>(&listener), size), 0) << std::strerror(errno);
      accepted.reset(::accept4(intake.listeners.front().get(), nullptr, nullptr, SOCK_CLOEXEC));
    }
    ASSERT_TRUE(accepted);
    EXPECT_EQ(intake.arrive(accepted.get()).has_value(), !stranger);
  }
}

// A full queue is not waited for.
TEST(ConnectionTable, NeverBlocks) {
  core::EgressIntake intake;
  const auto egress = MakeHostNetwork(false, &intake);
  ASSERT_TRUE(egress.ok()) << egress.status();
  ASSERT_EQ(::listen(intake.listeners.front().get(), 1), 0);  // the shortest queue
  std::vector<base::UniqueFd> clients;
  Answer answer = 0;
  for (int i = 0; i < 8 && answer == 0; ++i) {
    clients.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    answer = egress->connections->Connect(clients.back().get(), {});
  }
  EXPECT_EQ(answer, -EAGAIN);
  while (::accept4(intake.listeners.front().get(), nullptr, nullptr, SOCK_CLOEXEC) >= 0) {
  }
  EXPECT_EQ(egress->connections->Connect(clients.back().get(), {}), 0) << "the same socket, later";
}

}  // namespace
}  // namespace leash::platform
