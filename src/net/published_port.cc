#include "net/published_port.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "base/host_port.h"
#include "base/status.h"
#include "base/text.h"
#include "fmt/format.h"

namespace leash::net {
namespace {

// Binding a lower one takes a capability (ip(7), ip_unprivileged_port_start), and programs in a sandbox have none.
constexpr int kFirstInside = 1024;
constexpr int kLastPort = 65535;
constexpr int kMostPorts = 1024;  // of one range: each takes descriptors

const IpAddress kLoopback4 = IpAddress::V4({127, 0, 0, 1});
const IpAddress kLoopback6 = IpAddress::V6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});

constexpr char kTooLow[] = "programs in a sandbox cannot listen on ports below 1024 (80:8080 leads from 80 to 8080)";

// A piece of the text that is being read, and where it stands.
struct Piece {
  std::string_view text;
  std::size_t offset = 0;
};

struct Range {
  int first = 0;
  int last = 0;
};

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  absl::StatusOr<std::vector<PublishedPort>> Parse() {
    Piece rest{text_, 0};
    LEASH_RETURN_IF_ERROR(TakeProtocol(rest));
    LEASH_RETURN_IF_ERROR(TakeAddress(rest));
    const std::size_t colon = rest.text.find(':');
    const Piece host{rest.text.substr(0, colon), rest.offset};
    Piece inside = host;
    if (colon != std::string_view::npos) inside = {rest.text.substr(colon + 1), rest.offset + colon + 1};
    LEASH_ASSIGN_OR_RETURN(const Range outer, ReadRange(host));
    LEASH_ASSIGN_OR_RETURN(const Range inner, ReadRange(inside));
    return Pair(outer, host, inner, inside);
  }

 private:
  absl::Status Refuse(std::size_t offset, std::string_view why) const {
    return base::Error(ErrorCode::kInvalidArgument,
                       fmt::format("published port '{}', at character {}: {}", base::Printable(text_),
                                   base::CharacterNumber(text_, offset), why));
  }

  absl::Status TakeProtocol(Piece& rest) const {
    const std::size_t slash = rest.text.find('/');
    if (slash == std::string_view::npos) return absl::OkStatus();
    const std::string_view protocol = rest.text.substr(slash + 1);
    rest.text = rest.text.substr(0, slash);
    if (protocol == "tcp") return absl::OkStatus();
    return Refuse(slash + 1,
                  protocol == "udp" ? "UDP ports cannot be published, only TCP ports" : "the protocol can only be tcp");
  }

  absl::Status TakeAddress(Piece& rest) {
    std::size_t end = 0;  // the colon behind it
    Piece address = rest;
    if (rest.text.starts_with('[')) {
      const std::size_t bracket = rest.text.find(']');
      if (bracket == std::string_view::npos) return Refuse(rest.offset, "'[' without ']'");
      end = bracket + 1;
      address = {rest.text.substr(1, bracket - 1), rest.offset + 1};
      if (end >= rest.text.size() || rest.text[end] != ':') return Refuse(end, "a colon and a port are missing");
    } else {
      const auto colons = std::count(rest.text.begin(), rest.text.end(), ':');
      if (colons > 2) return Refuse(rest.offset, "an IPv6 address is written in [brackets]");
      if (colons == 0) return absl::OkStatus();
      end = rest.text.find(':');
      address.text = rest.text.substr(0, end);
      if (colons == 1 && address.text.find_first_not_of("0123456789-") == std::string_view::npos) {
        return absl::OkStatus();
      }
    }
    rest = {rest.text.substr(end + 1), rest.offset + end + 1};
    if (address.text == "localhost") return absl::OkStatus();
    const std::optional<IpAddress> parsed = IpAddress::Parse(address.text);
    if (!parsed.has_value()) return Refuse(address.offset, "not an address of this machine, or a port");
    address_ = parsed->ToString();
    return absl::OkStatus();
  }

  absl::StatusOr<int> ReadPort(const Piece& piece) const {
    int port = 0;
    const char* const end = piece.text.data() + piece.text.size();
    const auto [at, error] = std::from_chars(piece.text.data(), end, port);
    const bool digits = piece.text.find_first_not_of("0123456789") == std::string_view::npos;
    if (piece.text.empty()) return Refuse(piece.offset, "a port is missing; 0 takes any that is free");
    if (!digits || error != std::errc() || at != end || port > kLastPort) {
      return Refuse(piece.offset, "a port is a number up to 65535");
    }
    return port;
  }

  absl::StatusOr<Range> ReadRange(const Piece& piece) const {
    const std::size_t dash = piece.text.find('-');
    Range range;
    LEASH_ASSIGN_OR_RETURN(range.first, ReadPort({piece.text.substr(0, dash), piece.offset}));
    range.last = range.first;
    if (dash == std::string_view::npos) return range;
    LEASH_ASSIGN_OR_RETURN(range.last, ReadPort({piece.text.substr(dash + 1), piece.offset + dash + 1}));
    if (range.first == 0) return Refuse(piece.offset, "a range of ports begins with 1 at least");
    if (range.last < range.first) return Refuse(piece.offset, "the range ends before it begins");
    if (range.last - range.first >= kMostPorts) return Refuse(piece.offset, "a range has 1024 ports at most");
    return range;
  }

  absl::StatusOr<std::vector<PublishedPort>> Pair(const Range& outer, const Piece& host, const Range& inner,
                                                  const Piece& inside) const {
    if (outer.first == 0 && inside.offset == host.offset) {
      return Refuse(host.offset, "which port inside? 0:8080 leads from any free port to 8080");
    }
    if (outer.last - outer.first != inner.last - inner.first) {
      return Refuse(inside.offset, "the two ranges differ in length");
    }
    if (inner.first < kFirstInside) return Refuse(inside.offset, kTooLow);
    std::vector<PublishedPort> ports;
    for (int i = 0; outer.first + i <= outer.last; ++i) {
      ports.push_back(
          {address_, static_cast<std::uint16_t>(outer.first + i), static_cast<std::uint16_t>(inner.first + i)});
    }
    return ports;
  }

  const std::string_view text_;
  std::string address_;
};

}  // namespace

absl::Status CheckPublishedPort(const PublishedPort& port) {
  if (!port.address.empty() && !IpAddress::Parse(port.address).has_value()) {
    return base::Error(ErrorCode::kInvalidArgument, fmt::format("published port {}: '{}' is no address",
                                                                port.inside_port, base::Printable(port.address)));
  }
  if (port.inside_port >= kFirstInside) return absl::OkStatus();
  return base::Error(ErrorCode::kInvalidArgument, fmt::format("published port {}: {}", port.ToString(), kTooLow));
}

std::vector<IpAddress> AddressesOf(const PublishedPort& port) {
  if (port.address.empty()) return {kLoopback4, kLoopback6};
  return {*IpAddress::Parse(port.address)};
}

}  // namespace leash::net

namespace leash {

absl::StatusOr<std::vector<PublishedPort>> PublishedPort::Parse(std::string_view text) {
  return net::Parser(text).Parse();
}

std::string PublishedPort::ToString() const {
  return fmt::format("{}:{}", address.empty() ? std::to_string(host_port) : base::HostPort(address, host_port),
                     inside_port);
}

}  // namespace leash
