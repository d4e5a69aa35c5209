// Whose a connection is, asked about connections of this very test.
#include "platform/linux/socket_owner.h"

#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>

#include "gtest/gtest.h"

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
    base::ArrivedConnection arrived;
    owner.Identify(connection_.accepted.get(), arrived);
    EXPECT_EQ(arrived.pid, ::getpid());
    EXPECT_EQ(arrived.executable, own_);
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
  base::ArrivedConnection arrived;
  owner.Identify(connection_.accepted.get(), arrived);
  EXPECT_EQ(arrived.pid, child);
  ::close(hold[0]);
  ::close(hold[1]);
  ::waitpid(child, nullptr, 0);
}

TEST_P(SocketOwnerTest, SaysNothingOfWhatIsElsewhereOrHasGone) {
  const pid_t other = ::fork();
  if (other == 0) ::_exit(0);
  siginfo_t info;
  ::waitid(P_PID, static_cast<id_t>(other), &info, WEXITED | WNOWAIT);  // a zombie: it has nothing open
  base::ArrivedConnection arrived;
  SocketOwner(Diagnostics(), other).Identify(connection_.accepted.get(), arrived);
  EXPECT_EQ(arrived.pid, 0);
  EXPECT_EQ(arrived.executable, "");
  ::waitpid(other, nullptr, 0);

  connection_.program.reset();
  SocketOwner(Diagnostics(), ::getpid()).Identify(connection_.accepted.get(), arrived);
  EXPECT_EQ(arrived.pid, 0);
}

INSTANTIATE_TEST_SUITE_P(Families, SocketOwnerTest, testing::Values(AF_INET, AF_INET6),
                         [](const auto& family) { return family.param == AF_INET ? "Ipv4" : "Ipv6"; });

}  // namespace
}  // namespace leash::platform
