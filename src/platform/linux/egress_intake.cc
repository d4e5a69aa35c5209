#include "platform/linux/egress_intake.h"

#include <fcntl.h>
#include <netinet/in.h>

#include <cerrno>

#include "platform/linux/internet_address.h"

namespace leash::platform {
namespace {

// SO_ORIGINAL_DST (linux/netfilter_ipv4.h) and IP6T_SO_ORIGINAL_DST (linux/netfilter_ipv6/ip6_tables.h): the address
// that connection tracking saw before the redirection.
constexpr int kOriginalDestination = 80;

}  // namespace

bool OriginalDestination(int connection, sockaddr_storage& destination) {
  sockaddr_storage local = {};
  socklen_t size = sizeof(local);
  if (::getsockname(connection, reinterpret_cast<sockaddr*>(&local), &size) != 0) return false;
  if (!IsInternet(local.ss_family)) return false;
  destination = {};
  size = sizeof(destination);
  const int level = local.ss_family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
  if (::getsockopt(connection, level, kOriginalDestination, &destination, &size) == 0 && !IsSame(local, destination)) {
    return true;
  }
  // Not redirected: it arrived by the route, which leaves the address as it is.
  destination = local;
  return !IsProxy(local);
}

ssize_t Splice(int from, int to, std::size_t most) {
  ssize_t moved;
  do {
    moved = ::splice(from, nullptr, to, nullptr, most, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  } while (moved < 0 && errno == EINTR);
  return moved;
}

}  // namespace leash::platform
