// One canonical form of a host, wherever it comes from: a rule, a CONNECT target, a Host header, SOCKS, a server name.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace leash::net {

// An address in the text that IpAddress gives it, without brackets (they are read around IPv6 alone); or a name in
// lower case and A-labels (IDNA2008 by UTS 46, non-transitional), without the one trailing dot that it may have, of
// labels of 1 to 63 of [a-z0-9_-], 253 bytes at most.
//
// ErrorCode::kInvalidArgument, naming the character (the first is 1), for everything else: also for names that end in
// a number and are no IPv4 address, such as 127.1 and 0x7f.1, which programs read in different ways. A-labels are
// taken as they stand: whether one decodes to anything makes no difference to whom it names.
absl::StatusOr<std::string> NormalizeHost(std::string_view text);

// What is wrong with a host that is part of a longer text, and at which of its bytes.
struct HostProblem {
  std::size_t offset = 0;
  std::string why;
};
// NormalizeHost, for those who write a message of their own. `host` is set when there is no problem.
std::optional<HostProblem> NormalizeHostTo(std::string_view text, std::string& host);

// Is this what NormalizeHost would give? Allocates nothing for names.
bool IsNormalHost(std::string_view text);

// Is this a name below which strangers register names of their own ("com", "co.uk", "github.io")? By the Public Suffix
// List that libpsl carries, with its private part; a single label that is not on it counts as one. `name` is normal.
bool IsPublicSuffix(std::string_view name);

}  // namespace leash::net
