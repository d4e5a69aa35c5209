#include "platform/linux/egress_intake.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>

#include <cerrno>
#include <cstring>

#include "core/plan.h"

namespace leash::platform {
namespace {

// SO_ORIGINAL_DST (linux/netfilter_ipv4.h) and IP6T_SO_ORIGINAL_DST (linux/netfilter_ipv6/ip6_tables.h): the address
// that connection tracking saw before the redirection.
constexpr int kOriginalDestination = 80;

bool Same(const sockaddr_storage& one, const sockaddr_storage& other) {
  if (one.ss_family != other.ss_family) return false;
  if (one.ss_family == AF_INET) {
    const auto& a = reinterpret_cast<const sockaddr_in&>(one);
    const auto& b = reinterpret_cast<const sockaddr_in&>(other);
    return a.sin_port == b.sin_port && a.sin_addr.s_addr == b.sin_addr.s_addr;
  }
  const auto& a = reinterpret_cast<const sockaddr_in6&>(one);
  const auto& b = reinterpret_cast<const sockaddr_in6&>(other);
  return a.sin6_port == b.sin6_port && std::memcmp(&a.sin6_addr, &b.sin6_addr, sizeof(a.sin6_addr)) == 0;
}

bool IsProxy(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET) {
    const auto& four = reinterpret_cast<const sockaddr_in&>(address);
    return four.sin_port == htons(core::kEgressPort) && four.sin_addr.s_addr == htonl(INADDR_LOOPBACK);
  }
  const auto& six = reinterpret_cast<const sockaddr_in6&>(address);
  return six.sin6_port == htons(core::kEgressPort) && IN6_IS_ADDR_LOOPBACK(&six.sin6_addr);
}

}  // namespace

bool OriginalDestination(int connection, sockaddr_storage& destination) {
  sockaddr_storage local = {};
  socklen_t size = sizeof(local);
  if (::getsockname(connection, reinterpret_cast<sockaddr*>(&local), &size) != 0) return false;
  if (local.ss_family != AF_INET && local.ss_family != AF_INET6) return false;
  destination = {};
  size = sizeof(destination);
  const int level = local.ss_family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
  if (::getsockopt(connection, level, kOriginalDestination, &destination, &size) == 0 && !Same(local, destination)) {
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
