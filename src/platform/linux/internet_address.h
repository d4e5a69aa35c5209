// Addresses of TCP and UDP as system calls have them: what they mean for a sandbox.
#pragma once

#include <sys/socket.h>

#include <cstdint>

namespace leash::platform {

bool IsInternet(int family);
// Of a socket (SO_DOMAIN); -1: it is none.
int FamilyOf(int socket);
// Whether the first `size` bytes are an address of the internet.
bool IsWhole(const sockaddr_storage& address, socklen_t size);
socklen_t SizeOf(const sockaddr_storage& address);

std::uint16_t PortOf(const sockaddr_storage& address);
void SetPort(sockaddr_storage& address, std::uint16_t port);

// 127.0.0.1 or ::1.
sockaddr_storage LoopbackAddress(int family, std::uint16_t port);
// An IPv4 address that is written as one of IPv6 (::ffff:0:0/96) is that IPv4 address; and the other way round.
sockaddr_storage Unmapped(const sockaddr_storage& address);
sockaddr_storage Mapped(const sockaddr_storage& address);

bool IsUnspecified(const sockaddr_storage& address);
// This machine: loopback, and the unspecified address, which means it too.
bool IsHere(const sockaddr_storage& address);
// The egress proxy, as programs ask for it by name (core::kEgressPort).
bool IsProxy(const sockaddr_storage& address);
// Family, address and port.
bool IsSame(const sockaddr_storage& one, const sockaddr_storage& other);

}  // namespace leash::platform
