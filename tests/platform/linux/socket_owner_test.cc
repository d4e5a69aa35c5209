// Whose a connection is, asked about connections of this very test.
#include "platform/linux/socket_owner.h"

#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>

#include "gtest/gtest.h"
#include "platform/linux/internet_address.h"

namespace leash::platform {
namespace {

base::UniqueFd Diagnostics() {
  return base::UniqueFd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
}

// A connection on loopback: what connected, and what was accepted.
class Connection {
 public:
  explicit Connection(int family) {
    sockaddr_storage address = {};
    address.ss_family = static_cast<sa_family_t>(family);
    socklen_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    if (family == AF_INET) {
      reinterpret_cast<sockaddr_in&>(address).sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    } else {
      reinterpret_cast<sockaddr_in6&>(address).sin6_addr = in6addr_loopback;
    }
    const base::UniqueFd listener(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    auto* raw = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener.get(), raw, size) != 0 || ::listen(listener.get(), 1) != 0) return;
    ::getsockname(listener.get(), raw, &size);
    program = base::UniqueFd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(program.get(), raw, size) != 0) return;
    accepted = base::UniqueFd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  }

  base::UniqueFd program, accepted;
};

class SocketOwnerTest : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    if (!connection_.accepted) GTEST_SKIP() << "no loopback of this family here";
  }
  const std::string own_ = std::filesystem::read_symlink("/proc/self/exe");
  Connection connection_{GetParam()};
};

TEST_P(SocketOwnerTest, FindsTheProcessThatConnected) {
  SocketOwner owner(Diagnostics(), ::getpid());
  for (int time = 0; time < 2; ++time) {  // the second time by the one that was found before
    const base::Program found = owner.OfConnection(connection_.accepted.get(), {});
    EXPECT_EQ(found.pid, ::getpid());
    EXPECT_EQ(found.executable, own_);
  }
}

TEST_P(SocketOwnerTest, FindsADescendantThatTookItOver) {
  std::array<int, 2> hold;
  ASSERT_EQ(::pipe(hold.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    char byte;
    ::close(hold[1]);
    (void)!::read(hold[0], &byte, 1);
    ::_exit(0);
  }
  connection_.program.reset();
  SocketOwner owner(Diagnostics(), ::getpid());
  EXPECT_EQ(owner.OfConnection(connection_.accepted.get(), {}).pid, child);
  ::close(hold[0]);
  ::close(hold[1]);
  ::waitpid(child, nullptr, 0);
}

TEST_P(SocketOwnerTest, SaysNothingOfWhatIsElsewhereOrHasGone) {
  const pid_t other = ::fork();
  if (other == 0) ::_exit(0);
  siginfo_t info;
  ::waitid(P_PID, static_cast<id_t>(other), &info, WEXITED | WNOWAIT);  // a zombie: it has nothing open
  const base::Program found = SocketOwner(Diagnostics(), other).OfConnection(connection_.accepted.get(), {});
  EXPECT_EQ(found.pid, 0);
  EXPECT_EQ(found.executable, "");
  ::waitpid(other, nullptr, 0);

  connection_.program.reset();
  EXPECT_EQ(SocketOwner(Diagnostics(), ::getpid()).OfConnection(connection_.accepted.get(), {}).pid, 0);
}

TEST_P(SocketOwnerTest, FindsWhoSentADatagram) {
  sockaddr_storage to = {};
  socklen_t size = sizeof(to);
  ASSERT_EQ(::getsockname(connection_.accepted.get(), reinterpret_cast<sockaddr*>(&to), &size), 0);
  for (const bool connected : {false, true}) {
    const base::UniqueFd sender(::socket(GetParam(), SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_storage from = LoopbackAddress(GetParam(), 0);
    ASSERT_EQ(::bind(sender.get(), reinterpret_cast<sockaddr*>(&from), size), 0);
    if (connected) {
      ASSERT_EQ(::connect(sender.get(), reinterpret_cast<sockaddr*>(&to), size), 0);
    }
    ASSERT_EQ(::getsockname(sender.get(), reinterpret_cast<sockaddr*>(&from), &size), 0);
    SocketOwner owner(Diagnostics(), ::getpid());
    EXPECT_EQ(owner.OfDatagram(from, to).pid, ::getpid()) << connected;
    SetPort(from, static_cast<std::uint16_t>(PortOf(from) ^ 1));
    EXPECT_EQ(owner.OfDatagram(from, to).pid, 0) << "another port";
  }
}

INSTANTIATE_TEST_SUITE_P(Families, SocketOwnerTest, testing::Values(AF_INET, AF_INET6),
                         [](const auto& family) { return family.param == AF_INET ? "Ipv4" : "Ipv6"; });

}  // namespace
}  // namespace leash::platform
