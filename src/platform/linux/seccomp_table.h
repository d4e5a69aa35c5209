// Which system calls a sandboxed program may make: a table, so that a reviewer reads rows and not code.
//
// The filter allows what no row speaks of, up to the newest system call that this table was written against; a newer
// one answers ENOSYS, as on an older kernel. Calls of another ABI (32-bit, x32) kill the process: their numbers mean
// other things.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "platform/linux/seccomp_filter.h"

namespace leash::platform {

enum class ArgTest { kNone, kEqual, kNotEqual, kMaskedEqual, kAtLeast };

// A condition on one argument. Arguments that the kernel takes as `int` are compared with a 32-bit mask: a plain
// 64-bit comparison is dodged by setting the upper half.
struct ArgCondition {
  ArgTest test = ArgTest::kNone;
  unsigned index = 0;
  std::uint64_t mask = 0;
  std::uint64_t value = 0;
};

// In place of an errno: the call goes on, and the supervisor looks at its path (supervisor_observer.h).
inline constexpr int kLookAt = -2;
// In place of an errno: the supervisor is asked, and makes the call on behalf or refuses it (supervisor.h).
inline constexpr int kAskSupervisor = -1;

// `errno_value` for the call when every condition holds.
struct SyscallRule {
  std::string_view name;  // as libseccomp knows it; a name unknown on an architecture is a call it does not have
  int errno_value;
  ArgCondition first = {};
  ArgCondition second = {};
};

// Which filters a group is part of.
enum class Scope {
  kAlways,
  kNetworkAllowed,            // in a network of the sandbox's own
  kNetworkAllowedPlain,       // the same, and no calls of the host
  kNetworkAllowedCalls,       // the same, with them
  kNetworkAllowedSupervised,  // in the host's
  kNetworkDeniedPlain,        // neither supervised nor nested, and no calls of the host
  kNetworkDeniedCalls,
  kNetworkDeniedSupervised,
  kNetworkDeniedNested,
  kSupervised,
  kHostCalls,
  kNotNested,
  kReported,
};

// Rows that share a reason.
struct SyscallGroup {
  std::string_view title;
  std::string_view why;
  std::span<const SyscallRule> rules;
  Scope scope = Scope::kAlways;
};

std::span<const SyscallGroup> SyscallTable();

bool AppliesTo(Scope scope, const SyscallProfile& profile);

// The newest system call number that the table knows of (Linux 6.18: file_setattr). Numbers from 424 on are the same
// on every architecture.
inline constexpr std::uint32_t kNewestSystemCall = 469;

}  // namespace leash::platform
