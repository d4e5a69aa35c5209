// What an address is for, and which addresses may be dialled on behalf of a sandbox.
//
// A name that a policy allows can resolve to anything: to this machine, to its neighbours, to the service that hands
// out a cloud's credentials. Hence the address is checked as well.
#pragma once

#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "net/ip_address.h"

namespace leash::net {

enum class AddressClass {
  kPublic,
  kUnspecified,
  kLoopback,
  kLinkLocal,
  kPrivate,   // RFC 1918, unique local, shared between carrier and customer (RFC 6598)
  kMetadata,  // where clouds hand out credentials and settings to their machines
  kMulticast,
  kBroadcast,
  kReserved,  // documentation, benchmarks, protocols' own, not allocated
};

// "public", "loopback", "link-local", ...
std::string_view Name(AddressClass address_class);

// An IPv6 address that carries an IPv4 address (NAT64, 6to4, Teredo, ::192.0.2.1) is what that is, unless that is
// public. Not covered: NAT64 under a network's own prefix and ISATAP, which no address shows.
AddressClass Classify(const IpAddress& address);

// Which addresses may be dialled: public ones, and those in given prefixes.
class AddressRules {
 public:
  // "10.0.0.0/8", "fd00::/8", or one address. ErrorCode::kInvalidArgument for what is neither.
  absl::Status Add(std::string_view cidr);
  // ErrorCode::kDenied, naming the class and the flag that would allow it. `own`: it is an address of this machine, so
  // that what listens there is local, whatever its class.
  absl::Status Check(const IpAddress& address, bool own = false) const;

 private:
  std::vector<IpPrefix> allowed_;
};

}  // namespace leash::net
