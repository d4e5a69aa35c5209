// IP addresses as values: compared, printed and read in one way, whatever they looked like.
#pragma once

#include <sys/socket.h>

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace leash::net {

// IPv4 or IPv6. An IPv4 address that was written or received as IPv6 (::ffff:192.0.2.1) is IPv4 here: there is one
// value an address, and so no second form that a rule forgets. No zone.
class IpAddress {
 public:
  // The textual forms of RFC 5952 and RFC 4291, and four decimal numbers. No brackets, no zone; none of the old forms
  // of inet_aton(3) (octal, hexadecimal, fewer numbers), which programs read in different ways.
  static std::optional<IpAddress> Parse(std::string_view text);
  static IpAddress V4(const std::array<std::uint8_t, 4>& bytes);
  static IpAddress V6(const std::array<std::uint8_t, 16>& bytes);
  // None for another family than AF_INET and AF_INET6.
  static std::optional<IpAddress> FromSockaddr(const sockaddr& address);

  bool is_v4() const { return size_ == 4; }
  std::span<const std::uint8_t> bytes() const { return {bytes_.data(), size_}; }  // in network order
  // Canonical (RFC 5952), without brackets.
  std::string ToString() const;

  auto operator<=>(const IpAddress&) const = default;

 private:
  std::uint8_t size_ = 4;
  std::array<std::uint8_t, 16> bytes_ = {};  // unused ones are 0
};

// The first `length` bits of an address: what CIDR notation names (RFC 4632).
struct IpPrefix {
  IpAddress address;
  int length = 0;

  // "192.0.2.0/24", "2001:db8::/32"; an address alone is all of its bits. None when bits behind the prefix are set: a
  // rule that says 10.0.0.1/8 is a mistake, and it is not for us to guess which.
  static std::optional<IpPrefix> Parse(std::string_view text);
  bool Contains(const IpAddress& other) const;
  std::string ToString() const;

  bool operator==(const IpPrefix&) const = default;
};

struct Endpoint {
  IpAddress address;
  std::uint16_t port = 0;

  static std::optional<Endpoint> FromSockaddr(const sockaddr& address);
  // The length of what was written to `storage`.
  socklen_t ToSockaddr(sockaddr_storage& storage) const;
  std::string ToString() const;  // "192.0.2.1:80", "[2001:db8::1]:80"

  auto operator<=>(const Endpoint&) const = default;
};

}  // namespace leash::net
