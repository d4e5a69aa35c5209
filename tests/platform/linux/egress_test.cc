// What the network of a sandbox with a policy does with the traffic of its programs.
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <iterator>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "guarantees/launch.h"
#include "leash/error.h"
#include "platform/linux/borrowed_clone.h"
#include "platform/linux/egress_network.h"
#include "platform/linux/egress_world.h"
#include "platform/linux/landlock.h"
#include "platform/linux/launch_child.h"
#include "platform/linux/seccomp_filter.h"
#include "platform/linux/supervisor_support.h"
#include "platform/linux/without_system_call.h"

namespace leash::platform {
namespace {

using guarantees::RunAs;
using guarantees::Who;
using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

class Egress : public ::testing::TestWithParam<Who> {
 protected:
  void SetUp() override {
    if (const std::string why = guarantees::WhyNot(GetParam()); !why.empty()) GTEST_SKIP() << why;
  }

  // Runs `body` with a sandbox, in a process of that user.
  void WithSandbox(
      const std::function<void(EgressWorld&)>& body, const SandboxConfig& config = {},
      const std::function<bool()>& before = [] { return true; },
      const std::shared_ptr<core::ViolationSink>& sink = nullptr) {
    const ProbeDirectory directory;
    constexpr int kNoNamespaces = 77;
    const int code = RunAs(GetParam(), [&] {
      ::setenv("HOME", "/nonexistent", 1);
      EXPECT_TRUE(before());
      auto world = EgressWorld::Make(directory.path(), config, sink);
      if (!world.ok() && std::string(world.status().message()).find("namespaces were required") != std::string::npos) {
        return kNoNamespaces;
      }
      EXPECT_TRUE(world.ok()) << world.status();
      if (world.ok()) body(**world);
      world = absl::CancelledError();
      return HasFailure() ? 1 : 0;
    });
    if (code == kNoNamespaces) GTEST_SKIP() << "namespaces";
    EXPECT_EQ(code, 0) << "see above";
  }
};

std::string NameOf(const ::testing::TestParamInfo<Who>& info) { return guarantees::WhoName(info.param); }
INSTANTIATE_TEST_SUITE_P(As, Egress, ::testing::Values(Who::kRoot, Who::kOrdinary), NameOf);

TEST_P(Egress, EveryConnectionArrivesAndSaysWhereItWasToGo) {
  WithSandbox([](EgressWorld& world) {
    const std::size_t families = HasIpv6() ? 2 : 1;
    EXPECT_EQ(world.why_not_all(), "");
    EXPECT_EQ(world.listeners(), families);
    EXPECT_EQ(world.resolvers(), families);
    EXPECT_EQ(world.Probe({"connect", "198.51.100.7", "8443"}), "198.51.100.7:8443");
    EXPECT_EQ(world.Probe({"connect", "10.0.0.1", "22"}), "10.0.0.1:22");
    EXPECT_EQ(world.Probe({"connect", "169.254.169.254", "80"}), "169.254.169.254:80");
    EXPECT_EQ(world.Probe({"connect", "255.1.2.3", "65535"}), "255.1.2.3:65535");
    EXPECT_EQ(world.Probe({"connect", "198.51.100.7", "3128"}), "198.51.100.7:3128");
    EXPECT_EQ(world.Probe({"connect", "198.51.100.7", "53"}), "198.51.100.7:53");
    EXPECT_EQ(world.Probe({"connect", "127.0.0.53", "53"}), "127.0.0.53:53") << "a resolver of the host's";
    if (families == 1) return;
    EXPECT_EQ(world.Probe({"connect", "2001:db8::1", "443"}), "[2001:db8::1]:443");
    EXPECT_EQ(world.Probe({"connect", "fd00::1", "1"}), "[fd00::1]:1");
    EXPECT_EQ(world.Probe({"connect", "::1", "53"}), "[::1]:53");
    EXPECT_EQ(world.Probe({"connect", "::ffff:198.51.100.7", "443"}), "198.51.100.7:443");
  });
}

TEST_P(Egress, TheProxyCanBeAskedByName) {
  WithSandbox([](EgressWorld& world) {
    EXPECT_EQ(world.Probe({"connect", "127.0.0.1", "3128"}), "to the proxy itself");
    if (HasIpv6()) {
      EXPECT_EQ(world.Probe({"connect", "::1", "3128"}), "to the proxy itself");
    }
    EXPECT_EQ(world.Run({"/bin/sh", "-c", "echo $HTTPS_PROXY $https_proxy $ALL_PROXY"}),
              "http://127.0.0.1:3128 http://127.0.0.1:3128 socks5h://127.0.0.1:3128");
    EXPECT_EQ(world.Probe({"bind", "127.0.0.1", "3128"}), "EADDRINUSE");
    EXPECT_EQ(world.Probe({"bind", "0.0.0.0", "3128"}), "EADDRINUSE");
    EXPECT_EQ(world.Probe({"bind", "0.0.0.0", "3129"}), "bound");
    EXPECT_EQ(world.Probe({"bind", "0.0.0.0", "53"}), "EACCES");
  });
}

TEST_P(Egress, ProgramsOfOneSandboxTalkOverLoopback) {
  WithSandbox([](EgressWorld& world) {
    EXPECT_EQ(world.Probe({"talk", "127.0.0.1"}), "between us");
    EXPECT_EQ(world.Probe({"talk", "127.9.8.7"}), "between us");
    if (HasIpv6()) {
      EXPECT_EQ(world.Probe({"talk", "::1"}), "between us");
    }
  });
}

// The same address and port have a listener outside, which says something else.
TEST_P(Egress, NothingReachesTheHostsLoopback) {
  const base::UniqueFd outside(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ASSERT_EQ(::bind(outside.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(outside.get(), 8), 0);
  ASSERT_EQ(::getsockname(outside.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  const base::UniqueFd control(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::connect(control.get(), reinterpret_cast<sockaddr*>(&address), size), 0) << "the control";
  const std::string port = std::to_string(ntohs(address.sin_port));
  WithSandbox([&](EgressWorld& world) {
    EXPECT_EQ(world.Probe({"connect", "127.0.0.1", port}), "ECONNREFUSED");
    EXPECT_EQ(world.Probe({"connect", "0.0.0.0", port}), "ECONNREFUSED");
    EXPECT_EQ(world.Probe({"interfaces"}), "lo alone");
  });
}

TEST_P(Egress, NamesAreResolvedByWhateverServerTheyAreAskedOf) {
  WithSandbox([](EgressWorld& world) {
    EXPECT_EQ(world.Probe({"datagram", "192.0.2.53", "53"}), "question");
    EXPECT_EQ(world.Probe({"datagram", "127.0.0.53", "53"}), "question");
    if (HasIpv6()) {
      EXPECT_EQ(world.Probe({"datagram", "2001:db8::53", "53"}), "question");
    }
    const std::string host = "host.leash-test.example";
    EXPECT_EQ(world.Probe({"resolve", host, std::to_string(AF_INET)}), EgressWorld::kAnswer4);
    EXPECT_EQ(world.Probe({"resolve", host, std::to_string(AF_INET6)}), EgressWorld::kAnswer6);
    EXPECT_THAT(world.Run({"/usr/bin/getent", "ahostsv4", host}), HasSubstr(EgressWorld::kAnswer4));
    EXPECT_EQ(world.Probe({"resolve", "localhost", std::to_string(AF_INET)}), "127.0.0.1");
    // Sources of names that speak to a daemon over a unix socket get none, and hand on.
    EXPECT_THAT(world.Run({"/usr/bin/getent", "-s", "hosts:mdns4_minimal resolve dns", "ahostsv4", host}),
                HasSubstr(EgressWorld::kAnswer4));
  });
}

TEST_P(Egress, NamesAreResolvedInEachTier) {
  for (const Isolation tier : {Isolation::kStrict, Isolation::kPermissive}) {
    SCOPED_TRACE(static_cast<int>(tier));
    SandboxConfig config;
    config.isolation = tier;
    WithSandbox(
        [](EgressWorld& world) {
          EXPECT_EQ(world.Probe({"resolve", "host.leash-test.example", std::to_string(AF_INET)}),
                    EgressWorld::kAnswer4);
          EXPECT_EQ(world.Probe({"connect", "198.51.100.7", "443"}), "198.51.100.7:443");
        },
        config);
  }
}

TEST_P(Egress, OtherDatagramsAreRefusedAtOnce) {
  WithSandbox([](EgressWorld& world) {
    EXPECT_EQ(world.Probe({"datagram", "198.51.100.7", "443"}), "ECONNREFUSED") << "QUIC";
    EXPECT_EQ(world.Probe({"datagram", "10.0.0.1", "123"}), "ECONNREFUSED");
    EXPECT_EQ(world.Probe({"datagram", "127.0.0.1", "3128"}), "ECONNREFUSED");
    if (HasIpv6()) {
      EXPECT_EQ(world.Probe({"datagram", "2001:db8::1", "443"}), "ECONNREFUSED");
    }
  });
}

TEST_P(Egress, OtherSocketsAreRefused) {
  struct Row {
    int family, type, protocol;
    const char* expected;
  };
  const Row rows[] = {
      {AF_INET, SOCK_STREAM, 0, "made"},
      {AF_INET, SOCK_STREAM, IPPROTO_TCP, "made"},
      {AF_INET, SOCK_DGRAM, 0, "made"},
      {AF_INET, SOCK_DGRAM, IPPROTO_UDP, "made"},
      {AF_NETLINK, SOCK_RAW, 0, "made"},
      {AF_INET, SOCK_STREAM, 262, "EPERM"},  // MPTCP
      {AF_INET, SOCK_STREAM, IPPROTO_SCTP, "EPERM"},
      {AF_INET, SOCK_DGRAM, IPPROTO_ICMP, "EPERM"},
      {AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE, "EPERM"},
      {AF_INET, SOCK_RAW, IPPROTO_TCP, "EPERM"},
      {AF_INET, SOCK_SEQPACKET, 0, "EPERM"},
      {AF_UNIX, SOCK_STREAM, 0, "EPERM"},
      {AF_UNIX, SOCK_DGRAM, 0, "EPERM"},
      {AF_PACKET, SOCK_RAW, 0, "EPERM"},
      {AF_VSOCK, SOCK_STREAM, 0, "EPERM"},
      {AF_ALG, SOCK_SEQPACKET, 0, "EPERM"},
      {AF_NETLINK, SOCK_RAW, 12, "EPERM"},  // NETLINK_NETFILTER
      {AF_NETLINK, SOCK_RAW, 15, "EPERM"},  // NETLINK_KOBJECT_UEVENT
  };
  WithSandbox([&](EgressWorld& world) {
    for (const Row& row : rows) {
      EXPECT_EQ(
          world.Probe({"socket", std::to_string(row.family), std::to_string(row.type), std::to_string(row.protocol)}),
          row.expected)
          << row.family << ' ' << row.type << ' ' << row.protocol;
    }
    if (HasIpv6()) {
      EXPECT_EQ(world.Probe({"socket", std::to_string(AF_INET6), "1", "0"}), "made");
    }
  });
}

TEST_P(Egress, ConnectionsAreMadeByConnectAlone) {
  WithSandbox([](EgressWorld& world) {
    for (const char* how : {"sendto", "sendmsg", "sendmmsg"}) {
      EXPECT_EQ(world.Probe({"fastopen", how, "198.51.100.7", "443"}), "EPERM") << how;
    }
    EXPECT_EQ(world.Probe({"fastopen", "connect", "198.51.100.7", "443"}), "198.51.100.7:443");
    EXPECT_EQ(world.Probe({"option", std::to_string(SOL_SOCKET), std::to_string(SO_MARK)}), "EPERM");
    EXPECT_EQ(world.Probe({"option", std::to_string(IPPROTO_TCP), "31"}), "EPERM") << "TCP_ULP";
    EXPECT_EQ(world.Probe({"option", std::to_string(IPPROTO_TCP), "1"}), "set") << "TCP_NODELAY";
  });
}

TEST_P(Egress, ProgramsCannotChangeTheNetwork) {
  WithSandbox([](EgressWorld& world) {
    EXPECT_EQ(world.Probe({"remove-route"}), "EPERM");
    EXPECT_EQ(world.Probe({"connect", "198.51.100.7", "443"}), "198.51.100.7:443");
  });
}

TEST_P(Egress, WithoutTheProxyThereIsNoNetwork) {
  WithSandbox([](EgressWorld& world) {
    EXPECT_EQ(world.Probe({"connect", "198.51.100.7", "443"}), "198.51.100.7:443") << "the control";
    world.StopServing();
    EXPECT_EQ(world.Probe({"connect", "198.51.100.7", "443"}), "ECONNREFUSED");
    EXPECT_EQ(world.Probe({"connect", "127.0.0.1", "3128"}), "ECONNREFUSED");
    EXPECT_EQ(world.Probe({"datagram", "192.0.2.53", "53"}), "ECONNREFUSED");
  });
}

class Sink final : public core::ViolationSink {
 public:
  void Report(Violation violation) override {
    const std::lock_guard lock(mutex_);
    reported_.push_back(violation.operation + " " + violation.object);
  }
  void NotSeen(std::string /*what*/) override {}
  std::vector<std::string> Reported() {
    const std::lock_guard lock(mutex_);
    return reported_;
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> reported_;
};

TEST_P(Egress, WhatIsRefusedIsReportedAndTheRestIsNot) {
  if (const SupervisorSupport& support = SupervisorSupportOfProcess(); !support.available()) {
    GTEST_SKIP() << "supervisor: " << support.why_not;
  }
  SandboxConfig config;
  config.report_violations = true;
  const auto sink = std::make_shared<Sink>();
  WithSandbox(
      [&](EgressWorld& world) {
        EXPECT_EQ(world.Probe({"connect", "198.51.100.7", "443"}), "198.51.100.7:443");
        EXPECT_EQ(world.Probe({"datagram", "192.0.2.53", "53"}), "question");
        world.SettleReports();
        EXPECT_THAT(sink->Reported(), Not(Contains(AnyOf(HasSubstr("socket"), HasSubstr("connect")))));
        EXPECT_EQ(world.Probe({"socket", std::to_string(AF_UNIX), "1", "0"}), "EPERM");
        world.SettleReports();
        EXPECT_THAT(sink->Reported(), Contains("socket AF_UNIX"));
      },
      config, [] { return true; }, sink);
}

// Sockets of that family and, unless it is 0, protocol fail with that error from now on: as on a kernel without them.
bool RefuseSockets(unsigned family, unsigned protocol, unsigned error) {
  const auto argument = [](unsigned index) {
    return static_cast<unsigned>(offsetof(seccomp_data, args)) + index * static_cast<unsigned>(sizeof(std::uint64_t));
  };
  sock_filter instructions[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 5),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, argument(0)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, family, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, argument(2)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, protocol, 0, static_cast<std::uint8_t>(protocol == 0 ? 0 : 1)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program = {static_cast<unsigned short>(std::size(instructions)), instructions};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

TEST_P(Egress, WithoutARedirectionWellKnownPortsArriveAndOthersAreRefused) {
  WithSandbox(
      [](EgressWorld& world) {
        EXPECT_THAT(world.why_not_all(), HasSubstr("nftables"));
        EXPECT_EQ(world.Probe({"connect", "198.51.100.7", "443"}), "198.51.100.7:443");
        EXPECT_EQ(world.Probe({"connect", "10.0.0.1", "22"}), "10.0.0.1:22");
        EXPECT_EQ(world.Probe({"connect", "127.0.0.53", "53"}), "127.0.0.53:53");
        EXPECT_EQ(world.Probe({"connect", "127.0.0.1", "3128"}), "to the proxy itself");
        EXPECT_EQ(world.Probe({"connect", "198.51.100.7", "8443"}), "ECONNREFUSED");
        EXPECT_EQ(world.Probe({"datagram", "198.51.100.7", "443"}), "ECONNREFUSED");
        EXPECT_EQ(world.Probe({"datagram", "192.0.2.53", "53"}), "question");
        EXPECT_EQ(world.Probe({"talk", "127.0.0.1"}), "between us");
        if (HasIpv6()) {
          EXPECT_EQ(world.Probe({"connect", "2001:db8::1", "443"}), "[2001:db8::1]:443");
        }
      },
      {}, [] { return RefuseSockets(AF_NETLINK, NETLINK_NETFILTER, EPROTONOSUPPORT); });
}

TEST_P(Egress, WithoutIpv6ThereIsTheOtherFamilyAlone) {
  WithSandbox(
      [](EgressWorld& world) {
        EXPECT_EQ(world.why_not_all(), "");
        EXPECT_EQ(world.listeners(), 1U);
        EXPECT_EQ(world.resolvers(), 1U);
        EXPECT_EQ(world.Probe({"connect", "198.51.100.7", "8443"}), "198.51.100.7:8443");
        EXPECT_EQ(world.Probe({"talk", "127.0.0.1"}), "between us");
        EXPECT_EQ(world.Probe({"connect", "2001:db8::1", "443"}), "EAFNOSUPPORT");
      },
      {}, [] { return RefuseSockets(AF_INET6, 0, EAFNOSUPPORT); });
}

TEST(EgressPlan, GivesItsSocketsOnce) {
  auto scratch = WorkingDir::Create();
  ASSERT_TRUE(scratch.ok());
  auto plan = NetworkPlan({}, scratch->path());
  ASSERT_TRUE(plan.ok()) << plan.status();
  for (const bool denied : {true, false}) {
    plan->network_denied = denied;
    core::Backend& backend = core::HostBackend();
    auto sandbox = backend.Prepare(*plan, scratch->id(), "", backend.Begin(Namespaces::kAuto), nullptr);
    if (GetErrorCode(sandbox.status()) == ErrorCode::kUnsupported) GTEST_SKIP() << "namespaces";
    ASSERT_TRUE(sandbox.ok()) << sandbox.status();
    EXPECT_EQ((*sandbox)->TakeEgress().listeners.empty(), denied);
    EXPECT_TRUE((*sandbox)->TakeEgress().listeners.empty());
  }
}

// Starts /bin/true as in a sandbox, but in the network of this test: where it failed to start.
LaunchStage LaunchOutside(bool network_local, bool network_loopback = false) {
  const LandlockFeatures features = DetectLandlock();
  const auto ruleset = MakeRuleset({.fs = features.fs}, {{"/", Access::kReadExecute, false, false}});
  const std::span<const sock_filter> filter = SeccompFilter({.network_denied = false});
  const base::UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  const base::UniqueFd root(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  std::string program = "/bin/true";
  char* const argv[] = {program.data(), nullptr};
  char* const environment[] = {nullptr};
  LaunchOrder order;
  order.program = program.c_str();
  order.argv = &argv[0];
  order.environment = &environment[0];
  order.stdio = {null.get(), null.get(), null.get()};
  order.current_dir = root.get();
  order.ruleset = ruleset.ok() ? ruleset->get() : -1;
  order.filter = {static_cast<unsigned short>(filter.size()), const_cast<sock_filter*>(filter.data())};
  order.parent = ::getpid();
  order.network_local = network_local;
  order.network_loopback = network_loopback;
  const auto child = CloneBorrowed(&RunLaunchChild, &order, SIGCHLD);
  if (child.ok()) ::waitpid(child->pid, nullptr, 0);
  return child.ok() ? order.failed_stage : LaunchStage::kParentDied;
}

TEST(EgressPlan, NoCommandRunsInAnotherNetwork) {
  if (DetectLandlock().abi < 1) GTEST_SKIP() << "landlock.fs";
  EXPECT_EQ(LaunchOutside(false), LaunchStage::kNone) << "the control";
  EXPECT_EQ(LaunchOutside(true), LaunchStage::kSelfTest);
  EXPECT_EQ(LaunchOutside(false, true), LaunchStage::kSelfTest);
}

TEST(EgressPlan, IsRefusedWithoutNamespacesAndSupervisor) {
  EXPECT_EQ(WithoutSystemCall(SYS_pidfd_getfd,
                              [] {
                                auto scratch = WorkingDir::Create();
                                auto plan = NetworkPlan({}, scratch->path());
                                if (!plan.ok()) return 1;
                                auto& backend = core::HostBackend();
                                const auto sandbox = backend.Prepare(*plan, scratch->id(), "", nullptr, nullptr);
                                if (GetErrorCode(sandbox.status()) != ErrorCode::kUnsupported) return 2;
                                plan->network_denied = true;
                                return backend.Prepare(*plan, scratch->id(), "", nullptr, nullptr).ok() ? 0 : 3;
                              }),
            0);
}

}  // namespace
}  // namespace leash::platform
