#include "net/ip_address.h"

#include <netinet/in.h>
#include <uv.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/host_port.h"
#include "fmt/format.h"

namespace leash::net {
namespace {

constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

}  // namespace

IpAddress IpAddress::V4(const std::array<std::uint8_t, 4>& bytes) {
  IpAddress result;
  std::copy(bytes.begin(), bytes.end(), result.bytes_.begin());
  return result;
}

IpAddress IpAddress::V6(const std::array<std::uint8_t, 16>& bytes) {
  if (std::equal(kMapped.begin(), kMapped.end(), bytes.begin())) {
    return V4({bytes[12], bytes[13], bytes[14], bytes[15]});
  }
  IpAddress result;
  result.size_ = 16;
  result.bytes_ = bytes;
  return result;
}

std::optional<IpAddress> IpAddress::Parse(std::string_view text) {
  const std::string copy(text);
  if (text.find('\0') != std::string_view::npos) return std::nullopt;
  if (std::array<std::uint8_t, 4> v4; uv_inet_pton(AF_INET, copy.c_str(), v4.data()) == 0) return V4(v4);
  // libuv reads, and drops, a zone.
  if (text.find('%') != std::string_view::npos) return std::nullopt;
  if (std::array<std::uint8_t, 16> v6; uv_inet_pton(AF_INET6, copy.c_str(), v6.data()) == 0) return V6(v6);
  return std::nullopt;
}

std::optional<IpAddress> IpAddress::FromSockaddr(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    std::array<std::uint8_t, 4> bytes;
    std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in&>(address).sin_addr, bytes.size());
    return V4(bytes);
  }
  if (address.sa_family == AF_INET6) {
    std::array<std::uint8_t, 16> bytes;
    std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in6&>(address).sin6_addr, bytes.size());
    return V6(bytes);
  }
  return std::nullopt;
}

std::string IpAddress::ToString() const {
  std::array<char, 64> text = {};
  uv_inet_ntop(is_v4() ? AF_INET : AF_INET6, bytes_.data(), text.data(), text.size());
  return text.data();
}

std::optional<IpPrefix> IpPrefix::Parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto address = IpAddress::Parse(text.substr(0, slash));
  if (!address.has_value()) return std::nullopt;
  const int bits = static_cast<int>(address->bytes().size()) * 8;
  IpPrefix prefix{*address, bits};
  if (slash == std::string_view::npos) return prefix;
  const std::string_view digits = text.substr(slash + 1);
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), prefix.length);
  if (digits.empty() || parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size() || digits[0] == '-' ||
      prefix.length > bits) {
    return std::nullopt;
  }
  for (int bit = prefix.length; bit < bits; ++bit) {
    const auto byte = static_cast<std::size_t>(bit) / 8;
    if ((address->bytes()[byte] & (0x80 >> (bit % 8))) != 0) return std::nullopt;
  }
  return prefix;
}

bool IpPrefix::Contains(const IpAddress& other) const {
  if (other.is_v4() != address.is_v4()) return false;
  const auto whole = static_cast<std::size_t>(length) / 8;
  const auto a = address.bytes();
  const auto b = other.bytes();
  if (!std::equal(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(whole), b.begin())) return false;
  const int rest = length % 8;
  return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

std::string IpPrefix::ToString() const { return fmt::format("{}/{}", address.ToString(), length); }

std::optional<Endpoint> Endpoint::FromSockaddr(const sockaddr& address) {
  const auto ip = IpAddress::FromSockaddr(address);
  if (!ip.has_value()) return std::nullopt;
  const auto port = address.sa_family == AF_INET ? reinterpret_cast<const sockaddr_in&>(address).sin_port
                                                 : reinterpret_cast<const sockaddr_in6&>(address).sin6_port;
  return Endpoint{*ip, ntohs(port)};
}

socklen_t Endpoint::ToSockaddr(sockaddr_storage& storage) const {
  storage = {};
  if (address.is_v4()) {
    auto& in = reinterpret_cast<sockaddr_in&>(storage);
    in.sin_family = AF_INET;
    in.sin_port = htons(port);
    std::memcpy(&in.sin_addr, address.bytes().data(), 4);
    return sizeof(in);
  }
  auto& in6 = reinterpret_cast<sockaddr_in6&>(storage);
  in6.sin6_family = AF_INET6;
  in6.sin6_port = htons(port);
  std::memcpy(&in6.sin6_addr, address.bytes().data(), 16);
  return sizeof(in6);
}

std::string Endpoint::ToString() const { return base::HostPort(address.ToString(), port); }

}  // namespace leash::net
