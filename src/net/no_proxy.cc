#include "net/no_proxy.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/status.h"
#include "base/text.h"
#include "fmt/format.h"
#include "net/address_class.h"
#include "net/host_name.h"
#include "net/http_message.h"

namespace leash::net {
namespace {

constexpr std::string_view kSeparators = ", \t\r\n";

// As IpPrefix::Parse, but 10.0.0.1/8 is 10.0.0.0/8: other programs read the same list, and all of them take it so.
std::optional<IpPrefix> ParseNetwork(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto address = IpAddress::Parse(text.substr(0, slash));
  if (!address.has_value()) return std::nullopt;
  IpPrefix network{*address, static_cast<int>(address->bytes().size()) * 8};
  if (slash == std::string_view::npos) return network;
  const std::string_view digits = text.substr(slash + 1);
  int length = -1;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  const bool whole = parsed.ec == std::errc() && parsed.ptr == digits.data() + digits.size();
  if (!whole || length < 0 || length > network.length) return std::nullopt;
  network.length = length;
  return network;
}

bool IsAtOrBelow(std::string_view host, std::string_view name) {
  return host.ends_with(name) && (host.size() == name.size() || host[host.size() - name.size() - 1] == '.');
}

bool IsLoopback(std::string_view host, const std::optional<IpAddress>& address) {
  return address.has_value() ? Classify(*address) == AddressClass::kLoopback : IsAtOrBelow(host, "localhost");
}

}  // namespace

std::optional<NoProxy::Entry> NoProxy::ParseEntry(std::string_view text) {
  if (text == "*") return Entry();
  if (auto network = ParseNetwork(text)) return Entry{"", network, std::nullopt};
  if (text.starts_with("*.")) text.remove_prefix(1);
  const bool below = text.starts_with('.');
  if (below) text.remove_prefix(1);
  const auto place = ParseAuthority(text);
  if (!place.has_value()) return std::nullopt;
  auto host = NormalizeHost(place->host);
  if (!host.ok()) return std::nullopt;
  Entry entry;
  entry.port = place->port;
  if (const auto address = IpAddress::Parse(*host)) {
    if (below) return std::nullopt;
    entry.prefix = IpPrefix{*address, static_cast<int>(address->bytes().size()) * 8};
  } else {
    entry.name = *std::move(host);
  }
  return entry;
}

absl::StatusOr<NoProxy> NoProxy::Parse(std::string_view text) {
  NoProxy result;
  for (std::size_t at = 0; (at = text.find_first_not_of(kSeparators, at)) != std::string_view::npos;) {
    const std::size_t end = std::min(text.find_first_of(kSeparators, at), text.size());
    const std::string_view one = text.substr(at, end - at);
    auto entry = ParseEntry(one);
    if (!entry.has_value()) {
      return base::Error(ErrorCode::kInvalidArgument,
                         fmt::format("at character {}: '{}' is no host, address or network",
                                     base::CharacterNumber(text, at), base::Printable(one)));
    }
    result.entries_.push_back(*std::move(entry));
    at = end;
  }
  return result;
}

bool NoProxy::Covers(std::string_view host, std::uint16_t port) const {
  const auto address = IpAddress::Parse(host);
  if (IsLoopback(host, address)) return true;
  return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    if (entry.port.has_value() && entry.port != port) return false;
    if (entry.prefix.has_value()) return address.has_value() && entry.prefix->Contains(*address);
    return entry.name.empty() || (!address.has_value() && IsAtOrBelow(host, entry.name));
  });
}

}  // namespace leash::net
