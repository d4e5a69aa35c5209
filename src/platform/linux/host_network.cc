#include "platform/linux/host_network.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <memory>
#include <utility>
#include <vector>

#include "base/status.h"
#include "platform/linux/egress_intake.h"
#include "platform/linux/internet_address.h"

namespace leash::platform {
namespace {

constexpr int kFlags = SOCK_CLOEXEC | SOCK_NONBLOCK;

// On some free port of that family's loopback address. Empty, with errno, where there is none.
base::UniqueFd Listen(int family) {
  base::UniqueFd listener(::socket(family, SOCK_STREAM | kFlags, 0));
  if (!listener) return {};
  const sockaddr_storage address = LoopbackAddress(family, 0);
  const int bound = ::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), SizeOf(address));
  if (bound != 0 || ::listen(listener.get(), SOMAXCONN) != 0) return {};
  return listener;
}

absl::Status CannotMake() {
  return base::ErrnoError(ErrorCode::kNotEnforced, errno, "cannot make the sandbox's way to the egress proxy");
}

// Empty where there is none.
base::UniqueFd Diagnostics() {
  return base::UniqueFd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
}

absl::Status MakeWayOut(core::EgressIntake& intake, HostNetwork& network) {
  std::vector<base::UniqueFd> held;
  for (const int family : {AF_INET, AF_INET6}) {
    base::UniqueFd listener = Listen(family);
    if (!listener && family == AF_INET6) break;  // IPv6 sockets reach the other one
    if (!listener) return CannotMake();
    held.emplace_back(::fcntl(listener.get(), F_DUPFD_CLOEXEC, 3));
    if (!held.back()) return CannotMake();
    intake.listeners.push_back(std::move(listener));
  }
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | kFlags, 0, pair) != 0) return CannotMake();
  intake.name_sockets.reset(pair[0]);
  network.name_sockets.reset(pair[1]);
  const auto served = std::make_shared<char>();
  network.connections = std::make_shared<ConnectionTable>(std::move(held), Diagnostics(), served);
  // The intake's function lives as long as somebody accepts, and `served` with it.
  intake.arrive = [connections = network.connections, served](int connection) { return connections->Take(connection); };
  intake.splice = &Splice;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<HostNetwork> MakeHostNetwork(bool identify, core::EgressIntake* intake) {
  HostNetwork network;
  network.identify = identify;
  network.loopback = std::make_shared<InsideLoopback>(Diagnostics());
  if (intake != nullptr) LEASH_RETURN_IF_ERROR(MakeWayOut(*intake, network));
  return network;
}

}  // namespace leash::platform
