#include "platform/linux/internet_address.h"

#include <netinet/in.h>

#include <cstring>

#include "core/plan.h"

namespace leash::platform {
namespace {

const sockaddr_in& Four(const sockaddr_storage& address) { return reinterpret_cast<const sockaddr_in&>(address); }
const sockaddr_in6& Six(const sockaddr_storage& address) { return reinterpret_cast<const sockaddr_in6&>(address); }

}  // namespace

bool IsInternet(int family) { return family == AF_INET || family == AF_INET6; }

int FamilyOf(int socket) {
  int family = -1;
  socklen_t size = sizeof(family);
  return ::getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &family, &size) == 0 ? family : -1;
}

bool IsWhole(const sockaddr_storage& address, socklen_t size) {
  constexpr socklen_t kShortest6 = 24;  // without a scope (RFC 2133)
  return (address.ss_family == AF_INET && size >= sizeof(sockaddr_in)) ||
         (address.ss_family == AF_INET6 && size >= kShortest6);
}

socklen_t SizeOf(const sockaddr_storage& address) {
  return address.ss_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
}

// In both families at the same place.
std::uint16_t PortOf(const sockaddr_storage& address) { return ntohs(Four(address).sin_port); }
void SetPort(sockaddr_storage& address, std::uint16_t port) {
  reinterpret_cast<sockaddr_in&>(address).sin_port = htons(port);
}

sockaddr_storage LoopbackAddress(int family, std::uint16_t port) {
  sockaddr_storage address = {};
  address.ss_family = static_cast<sa_family_t>(family);
  if (family == AF_INET) {
    reinterpret_cast<sockaddr_in&>(address).sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  } else {
    reinterpret_cast<sockaddr_in6&>(address).sin6_addr = in6addr_loopback;
  }
  SetPort(address, port);
  return address;
}

sockaddr_storage Unmapped(const sockaddr_storage& address) {
  if (address.ss_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&Six(address).sin6_addr)) return address;
  sockaddr_storage result = {};
  auto& four = reinterpret_cast<sockaddr_in&>(result);
  four.sin_family = AF_INET;
  four.sin_port = Six(address).sin6_port;
  std::memcpy(&four.sin_addr, &Six(address).sin6_addr.s6_addr[12], sizeof(four.sin_addr));
  return result;
}

sockaddr_storage Mapped(const sockaddr_storage& address) {
  if (address.ss_family != AF_INET) return address;
  sockaddr_storage result = {};
  auto& six = reinterpret_cast<sockaddr_in6&>(result);
  six.sin6_family = AF_INET6;
  six.sin6_port = Four(address).sin_port;
  six.sin6_addr.s6_addr[10] = six.sin6_addr.s6_addr[11] = 0xff;
  std::memcpy(&six.sin6_addr.s6_addr[12], &Four(address).sin_addr, sizeof(in_addr));
  return result;
}

bool IsUnspecified(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET) return ntohl(Four(address).sin_addr.s_addr) >> 24 == 0;
  return IN6_IS_ADDR_UNSPECIFIED(&Six(address).sin6_addr);
}

bool IsHere(const sockaddr_storage& address) {
  if (IsUnspecified(address)) return true;
  if (address.ss_family == AF_INET) return ntohl(Four(address).sin_addr.s_addr) >> 24 == 127;
  return IN6_IS_ADDR_LOOPBACK(&Six(address).sin6_addr);
}

bool IsProxy(const sockaddr_storage& address) {
  return IsSame(address, LoopbackAddress(address.ss_family, core::kEgressPort));
}

bool IsSame(const sockaddr_storage& one, const sockaddr_storage& other) {
  if (one.ss_family != other.ss_family || PortOf(one) != PortOf(other)) return false;
  if (one.ss_family == AF_INET) return Four(one).sin_addr.s_addr == Four(other).sin_addr.s_addr;
  return IN6_ARE_ADDR_EQUAL(&Six(one).sin6_addr, &Six(other).sin6_addr);
}

}  // namespace leash::platform
