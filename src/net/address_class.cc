#include "net/address_class.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "base/status.h"
#include "base/text.h"
#include "fmt/format.h"

namespace leash::net {
namespace {

struct Row {
  std::string_view prefix;
  AddressClass address_class;
  std::string_view source;
};

// The longest prefix counts. From the IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890) unless another
// source is given. Blocks that the registries call globally reachable inside ones that are not (192.0.0.9, 2001:3::/32
// and the like) stay closed: nothing that a program is sent to lives there.
constexpr std::array kRows = {
    Row{"0.0.0.0/0", AddressClass::kPublic, "what nothing below takes"},
    Row{"0.0.0.0/8", AddressClass::kReserved, "RFC 791, 3.2"},
    Row{"0.0.0.0/32", AddressClass::kUnspecified, "RFC 1122, 3.2.1.3; Linux takes it for this machine"},
    Row{"10.0.0.0/8", AddressClass::kPrivate, "RFC 1918"},
    Row{"100.64.0.0/10", AddressClass::kPrivate, "RFC 6598"},
    Row{"100.100.100.200/32", AddressClass::kMetadata, "Alibaba Cloud"},
    Row{"127.0.0.0/8", AddressClass::kLoopback, "RFC 1122, 3.2.1.3"},
    Row{"168.63.129.16/32", AddressClass::kMetadata, "Azure's wire server"},
    Row{"169.254.0.0/16", AddressClass::kLinkLocal, "RFC 3927"},
    Row{"169.254.169.254/32", AddressClass::kMetadata, "AWS, Azure, Google Cloud, OpenStack and others"},
    Row{"169.254.170.2/32", AddressClass::kMetadata, "AWS: credentials of containers"},
    Row{"169.254.170.23/32", AddressClass::kMetadata, "AWS: credentials of pods"},
    Row{"172.16.0.0/12", AddressClass::kPrivate, "RFC 1918"},
    Row{"192.0.0.0/24", AddressClass::kReserved, "RFC 6890, 2.1"},
    Row{"192.0.0.192/32", AddressClass::kMetadata, "Oracle Cloud, classic"},
    Row{"192.0.2.0/24", AddressClass::kReserved, "RFC 5737: documentation"},
    Row{"192.88.99.0/24", AddressClass::kReserved, "RFC 7526: 6to4 relays, withdrawn"},
    Row{"192.168.0.0/16", AddressClass::kPrivate, "RFC 1918"},
    Row{"198.18.0.0/15", AddressClass::kReserved, "RFC 2544: benchmarks"},
    Row{"198.51.100.0/24", AddressClass::kReserved, "RFC 5737: documentation"},
    Row{"203.0.113.0/24", AddressClass::kReserved, "RFC 5737: documentation"},
    Row{"224.0.0.0/4", AddressClass::kMulticast, "RFC 5771"},
    Row{"240.0.0.0/4", AddressClass::kReserved, "RFC 1112, 4"},
    Row{"255.255.255.255/32", AddressClass::kBroadcast, "RFC 919, 7"},

    Row{"::/0", AddressClass::kReserved, "RFC 4291, 2.4: only 2000::/3 is handed out"},
    Row{"::/128", AddressClass::kUnspecified, "RFC 4291, 2.5.2"},
    Row{"::1/128", AddressClass::kLoopback, "RFC 4291, 2.5.3"},
    Row{"64:ff9b::/96", AddressClass::kPublic, "RFC 6052: NAT64; carries IPv4"},
    Row{"2000::/3", AddressClass::kPublic, "RFC 4291, 2.4"},
    Row{"2001::/23", AddressClass::kReserved, "RFC 2928"},
    Row{"2001::/32", AddressClass::kPublic, "RFC 4380: Teredo; carries IPv4"},
    Row{"2001:db8::/32", AddressClass::kReserved, "RFC 3849: documentation"},
    Row{"2002::/16", AddressClass::kPublic, "RFC 3056: 6to4; carries IPv4"},
    Row{"3fff::/20", AddressClass::kReserved, "RFC 9637: documentation"},
    Row{"fc00::/7", AddressClass::kPrivate, "RFC 4193"},
    Row{"fd00:ec2::23/128", AddressClass::kMetadata, "AWS: credentials of pods"},
    Row{"fd00:ec2::254/128", AddressClass::kMetadata, "AWS"},
    Row{"fd20:ce::254/128", AddressClass::kMetadata, "Google Cloud"},
    Row{"fe80::/10", AddressClass::kLinkLocal, "RFC 4291, 2.5.6"},
    Row{"fec0::/10", AddressClass::kPrivate, "RFC 3879: site-local, withdrawn"},
    Row{"ff00::/8", AddressClass::kMulticast, "RFC 4291, 2.7"},
};

// A row of one of the tables, with its prefix read.
template <typename T>
struct Compiled {
  IpPrefix prefix;
  const T* row;
};

template <typename T, std::size_t kSize>
std::vector<Compiled<T>> Compile(const std::array<T, kSize>& table) {
  std::vector<Compiled<T>> rows;
  for (const T& row : table) rows.push_back({IpPrefix::Parse(row.prefix).value(), &row});
  return rows;
}

const Compiled<Row>& RowOf(const IpAddress& address) {
  static const std::vector<Compiled<Row>> table = Compile(kRows);
  const Compiled<Row>* best = nullptr;
  for (const Compiled<Row>& row : table) {
    if (row.prefix.Contains(address) && (best == nullptr || row.prefix.length > best->prefix.length)) best = &row;
  }
  return *best;  // each family has a row of length 0
}

// Where IPv6 addresses carry IPv4 ones.
struct Carrier {
  std::string_view prefix;
  std::size_t offset;
  std::uint8_t mask;  // what the bytes are masked with
  std::string_view source;
};
constexpr std::array kCarriers = {
    Carrier{"::/96", 12, 0, "RFC 4291, 2.5.5.1: IPv4-compatible, withdrawn"},
    Carrier{"::ffff:0:0:0/96", 12, 0, "RFC 2765, 2.1: IPv4-translated"},
    Carrier{"64:ff9b::/96", 12, 0, "RFC 6052, 2.1"},
    Carrier{"64:ff9b:1::/48", 12, 0, "RFC 8215: NAT64 within a network, by prefixes of 96 bits"},
    Carrier{"2001::/32", 4, 0, "RFC 4380, 4: the Teredo server"},
    Carrier{"2001::/32", 12, 0xff, "RFC 4380, 4: the Teredo client"},
    Carrier{"2002::/16", 2, 0, "RFC 3056, 2"},
};

IpAddress CarriedAt(const IpAddress& address, const Carrier& carrier) {
  std::array<std::uint8_t, 4> bytes;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::uint8_t>(address.bytes()[carrier.offset + i] ^ carrier.mask);
  }
  return IpAddress::V4(bytes);
}

}  // namespace

std::string_view Name(AddressClass address_class) {
  switch (address_class) {
    case AddressClass::kPublic:
      return "public";
    case AddressClass::kUnspecified:
      return "unspecified";
    case AddressClass::kLoopback:
      return "loopback";
    case AddressClass::kLinkLocal:
      return "link-local";
    case AddressClass::kPrivate:
      return "private";
    case AddressClass::kMetadata:
      return "cloud metadata";
    case AddressClass::kMulticast:
      return "multicast";
    case AddressClass::kBroadcast:
      return "broadcast";
    case AddressClass::kReserved:
      return "reserved";
  }
  return "unknown";
}

AddressClass Classify(const IpAddress& address) {
  static const std::vector<Compiled<Carrier>> carriers = Compile(kCarriers);
  const auto& [prefix, row] = RowOf(address);
  // One address with a meaning of its own carries nothing, though ::1 looks like it.
  if (address.is_v4() || prefix.length == 128) return row->address_class;
  AddressClass result = row->address_class;
  for (const Compiled<Carrier>& carrier : carriers) {
    if (!carrier.prefix.Contains(address)) continue;
    const AddressClass carried = Classify(CarriedAt(address, *carrier.row));
    if (carried != AddressClass::kPublic) result = carried;
  }
  return result;
}

absl::Status AddressRules::Add(std::string_view cidr) {
  const auto prefix = IpPrefix::Parse(cidr);
  if (!prefix.has_value()) {
    return base::Error(
        ErrorCode::kInvalidArgument,
        fmt::format("'{}' is neither an address nor a prefix such as 10.0.0.0/8 or fd00::/8, with no bit "
                    "set behind its length",
                    base::Printable(cidr)));
  }
  allowed_.push_back(*prefix);
  return absl::OkStatus();
}

absl::Status AddressRules::Check(const IpAddress& address, bool own) const {
  const AddressClass address_class = Classify(address);
  if (address_class == AddressClass::kPublic && !own) return absl::OkStatus();
  const auto contains = [&](const IpPrefix& prefix) { return prefix.Contains(address); };
  if (std::any_of(allowed_.begin(), allowed_.end(), contains)) return absl::OkStatus();
  const std::string text = address.ToString();
  return base::Error(ErrorCode::kDenied, fmt::format("{} is {}; --allow-address {} allows it", text,
                                                     address_class == AddressClass::kPublic
                                                         ? "an address of this machine"
                                                         : fmt::format("a {} address", Name(address_class)),
                                                     text));
}

}  // namespace leash::net
