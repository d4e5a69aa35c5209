// Published ports of a sandbox, as a host application makes them; and the sockets that they need.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <memory>
#include <string>

#include "core/backend.h"
#include "core/planner.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "guarantees/launch.h"
#include "leash/leash.h"
#include "support/open_descriptors.h"

namespace leash::platform {
namespace {

using guarantees::RunAs;
using guarantees::Who;
using leash::testing::OpenDescriptors;
using ::testing::HasSubstr;

constexpr int kNoNamespaces = 77;

bool IsNoNamespaces(const absl::Status& status) {
  return std::string(status.message()).find("namespaces were required") != std::string::npos;
}

// 0, or errno. `socket` is a stream that blocks.
int ConnectTo(int socket, std::uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return ::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0 ? 0 : errno;
}

int ConnectTo(std::uint16_t port) {
  const base::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return ConnectTo(fd.get(), port);
}

// Listens on a free port of the host's loopback.
base::UniqueFd HostServer(std::uint16_t& port) {
  base::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(::listen(fd.get(), 8), 0);
  EXPECT_EQ(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  port = ntohs(address.sin_port);
  return fd;
}

class Published : public ::testing::TestWithParam<Who> {
 protected:
  void SetUp() override {
    if (const std::string why = guarantees::WhyNot(GetParam()); !why.empty()) GTEST_SKIP() << why;
  }
  void As(const std::function<int()>& act) {
    const int code = RunAs(GetParam(), [&] {
      ::setenv("HOME", "/nonexistent", 1);
      const int result = act();
      return HasFailure() ? 1 : result;
    });
    if (code == kNoNamespaces) GTEST_SKIP() << "namespaces";
    EXPECT_EQ(code, 0) << "see above";
  }
};
std::string NameOf(const ::testing::TestParamInfo<Who>& info) { return guarantees::WhoName(info.param); }
INSTANTIATE_TEST_SUITE_P(As, Published, ::testing::Values(Who::kRoot, Who::kOrdinary), NameOf);

TEST_P(Published, PortsAreListenedOnAsLongAsTheSandboxIs) {
  As([] {
    const auto config = SandboxConfig::Builder()
                            .Namespaces(Namespaces::kRequire)
                            .Listen({.inside_port = 8080})
                            .Listen({.address = "127.0.0.1", .inside_port = 8081})
                            .Build();
    std::size_t before = 0;
    for (int round = 0; round < 2; ++round) {  // what the first opens for good is no leak
      auto sandbox = CreateSandbox(config);
      if (IsNoNamespaces(sandbox.status())) return kNoNamespaces;
      EXPECT_TRUE(sandbox.ok()) << sandbox.status();
      if (!sandbox.ok()) return 1;
      const std::vector<PublishedPort> ports = sandbox->PublishedPorts();
      EXPECT_EQ(ports.size(), 2U);
      EXPECT_EQ(ports[1].address, "127.0.0.1");
      EXPECT_EQ(ports[1].inside_port, 8081);
      EXPECT_NE(ports[0].host_port, 0);
      EXPECT_EQ(ConnectTo(ports[0].host_port), 0);
      EXPECT_EQ(ConnectTo(ports[1].host_port), 0);
      auto output = sandbox->Command("/bin/echo").Arg("runs").Output();
      EXPECT_TRUE(output.ok()) << output.status();
      EXPECT_TRUE(sandbox->Close().ok());
      EXPECT_EQ(ConnectTo(ports[0].host_port), ECONNREFUSED);
      EXPECT_EQ(ConnectTo(ports[1].host_port), ECONNREFUSED);
      sandbox = absl::CancelledError();
      if (round == 0) before = OpenDescriptors();
    }
    EXPECT_LE(OpenDescriptors(), before);
    return 0;
  });
}

TEST_P(Published, ABadPortIsRefusedBeforeAnythingIsMade) {
  As([] {
    for (const PublishedPort& port :
         {PublishedPort{"", 8080, 80}, PublishedPort{"nowhere", 0, 8080}, PublishedPort{"", 8080, 0}}) {
      const auto sandbox = CreateSandbox(SandboxConfig::Builder().Listen(port).Build());
      EXPECT_EQ(GetErrorCode(sandbox.status()), ErrorCode::kInvalidArgument) << port.ToString();
    }
    return 0;
  });
}

// A program with sockets could connect it anew, in the network that it came from.
TEST_P(Published, ANetworkStreamOfTheHostIsNotInherited) {
  As([] {
    std::uint16_t port = 0;
    const base::UniqueFd server = HostServer(port);
    const base::UniqueFd stream(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(ConnectTo(stream.get(), port), 0);
    for (const bool publishes : {false, true}) {
      auto builder = SandboxConfig::Builder().Namespaces(Namespaces::kRequire);
      if (publishes) builder.Listen({.inside_port = 8080});
      auto sandbox = CreateSandbox(builder.Build());
      if (IsNoNamespaces(sandbox.status())) return kNoNamespaces;
      EXPECT_TRUE(sandbox.ok()) << sandbox.status();
      if (!sandbox.ok()) return 1;
      const auto child = sandbox->Command("/bin/true").Stdin(Stdio::Descriptor(stream.get())).Spawn();
      EXPECT_EQ(child.ok(), !publishes) << child.status();
    }
    return 0;
  });
}

TEST_P(Published, SocketsAreOfTheSandboxsNetwork) {
  As([] {
    auto scratch = WorkingDir::Create();
    EXPECT_TRUE(scratch.ok());
    SandboxConfig config;
    config.namespaces = Namespaces::kRequire;
    config.listen.push_back({.inside_port = 8080});
    core::HostFacts host = core::HostFactsOfProcess(core::HostBackend().Profile());
    host.scratch_dir = scratch->path();
    const auto plan = core::MakePlan(config, true, host);
    EXPECT_TRUE(plan.ok()) << plan.status();
    core::Backend& backend = core::HostBackend();
    auto sandbox = backend.Prepare(*plan, scratch->id(), "", backend.Begin(Namespaces::kRequire), nullptr);
    if (IsNoNamespaces(sandbox.status())) return kNoNamespaces;
    EXPECT_TRUE(sandbox.ok()) << sandbox.status();
    if (!sandbox.ok()) return 1;
    EXPECT_TRUE((*sandbox)->TakeEgress().listeners.empty()) << "there is no proxy";
    auto inside = (*sandbox)->MakeInsideSockets();
    EXPECT_TRUE(inside.ok()) << inside.status();
    if (!inside.ok()) return 1;
    std::uint16_t port = 0;
    const base::UniqueFd server = HostServer(port);
    EXPECT_EQ(ConnectTo(port), 0) << "the control: it is there on the host";
    for (int round = 0; round < 3; ++round) {
      EXPECT_TRUE(inside->source->Request(AF_INET));
      pollfd ready = {inside->source->Fd(), POLLIN, 0};
      EXPECT_EQ(::poll(&ready, 1, 20000), 1);
      base::SocketSource::Delivery delivery;
      EXPECT_TRUE(inside->source->Receive(delivery));
      EXPECT_EQ(delivery.family, AF_INET);
      EXPECT_GE(delivery.sockets.size(), 8U);
      for (const base::UniqueFd& socket : delivery.sockets) {
        EXPECT_EQ(::fcntl(socket.get(), F_GETFD), FD_CLOEXEC);
        EXPECT_NE(::fcntl(socket.get(), F_GETFL) & O_NONBLOCK, 0);
        int error = ConnectTo(socket.get(), port);
        if (error == EINPROGRESS) {
          pollfd connected = {socket.get(), POLLOUT, 0};
          EXPECT_EQ(::poll(&connected, 1, 20000), 1);
          socklen_t size = sizeof(error);
          EXPECT_EQ(::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size), 0);
        }
        EXPECT_EQ(error, ECONNREFUSED);
      }
      EXPECT_FALSE(inside->source->Receive(delivery));
    }
    EXPECT_TRUE(inside->source->Request(AF_UNIX + 1000)) << "asked for, and answered with an error";
    EXPECT_TRUE((*sandbox)->KillAll().ok());
    EXPECT_FALSE(inside->source->Request(AF_INET)) << "nobody is there any more";
    return 0;
  });
}

}  // namespace
}  // namespace leash::platform
