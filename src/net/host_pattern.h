// One rule of an allow-list, as it is written. The grammar stands in leash/network.h and, whole, in docs/network.md.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "net/ip_address.h"

namespace leash::net {

// What must be spoken for a pattern to match.
enum class Scheme { kAny, kTls, kHttp, kHttps };  // tcp:// is kAny

struct PortRange {
  std::uint16_t from = 1;
  std::uint16_t to = 65535;

  auto operator<=>(const PortRange&) const = default;
};

struct PathPattern {
  std::string path;    // as NormalizePath gives it; with `below`, it ends with a slash
  bool below = false;  // all that begins with it

  bool operator==(const PathPattern&) const = default;
};

struct HostPattern {
  enum class Hosts {
    kExact,       // host
    kBelow,       // *.host
    kAtAndBelow,  // **.host
    kAll,         // **
    kAddresses,   // prefix
  };

  std::string text;  // as written
  Scheme scheme = Scheme::kAny;
  std::vector<std::string> methods;  // sorted, each once; empty: any
  Hosts hosts = Hosts::kExact;
  std::string host;  // as NormalizeHost gives it; empty for kAll and kAddresses
  IpPrefix prefix;   // for kAddresses
  PortRange ports;
  std::optional<PathPattern> path;  // none: any

  // Can it be decided only request by request?
  bool NeedsRequest() const { return !methods.empty() || path.has_value(); }

  // ErrorCode::kInvalidArgument: "host pattern 'a..b', at character 3: an empty label".
  static absl::StatusOr<HostPattern> Parse(std::string_view text);
};

}  // namespace leash::net
