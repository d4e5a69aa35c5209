#include "platform/linux/host_egress.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "base/status.h"
#include "platform/linux/egress_intake.h"

namespace leash::platform {
namespace {

constexpr int kFlags = SOCK_CLOEXEC | SOCK_NONBLOCK;

// On some free port of that family's loopback address. Empty, with errno, where there is none.
base::UniqueFd Listen(int family) {
  base::UniqueFd listener(::socket(family, SOCK_STREAM | kFlags, 0));
  if (!listener) return {};
  sockaddr_in four = {};
  four.sin_family = AF_INET;
  four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  sockaddr_in6 six = {};
  six.sin6_family = AF_INET6;
  six.sin6_addr = IN6ADDR_LOOPBACK_INIT;
  const int bound = family == AF_INET ? ::bind(listener.get(), reinterpret_cast<sockaddr*>(&four), sizeof(four))
                                      : ::bind(listener.get(), reinterpret_cast<sockaddr*>(&six), sizeof(six));
  if (bound != 0 || ::listen(listener.get(), SOMAXCONN) != 0) return {};
  return listener;
}

}  // namespace

absl::StatusOr<HostEgress> MakeHostEgress(bool identify, core::EgressIntake& intake) {
  const auto failed = [] {
    return base::ErrnoError(ErrorCode::kNotEnforced, errno, "cannot make the sandbox's way to the egress proxy");
  };
  std::vector<base::UniqueFd> held;
  for (const int family : {AF_INET, AF_INET6}) {
    base::UniqueFd listener = Listen(family);
    if (!listener && family == AF_INET6) break;  // IPv6 sockets reach the other one
    if (!listener) return failed();
    held.emplace_back(::fcntl(listener.get(), F_DUPFD_CLOEXEC, 3));
    if (!held.back()) return failed();
    intake.listeners.push_back(std::move(listener));
  }
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | kFlags, 0, pair) != 0) return failed();
  intake.name_sockets.reset(pair[0]);
  HostEgress egress;
  egress.name_sockets.reset(pair[1]);
  const auto served = std::make_shared<char>();
  egress.connections = std::make_shared<ConnectionTable>(std::move(held), served);
  // The intake's function lives as long as somebody accepts, and `served` with it.
  intake.arrive = [connections = egress.connections, served](int connection) { return connections->Take(connection); };
  egress.identify = identify;
  intake.splice = &Splice;
  return egress;
}

}  // namespace leash::platform
