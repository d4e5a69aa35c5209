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

namespace leash::platform {

enum class ArgTest { kNone, kEqual, kNotEqual, kMaskedEqual };

// A condition on one argument. Arguments that the kernel takes as `int` are compared with a 32-bit mask: a plain
// 64-bit comparison is dodged by setting the upper half.
struct ArgCondition {
  ArgTest test = ArgTest::kNone;
  unsigned index = 0;
  std::uint64_t mask = 0;
  std::uint64_t value = 0;
};

// `errno_value` for the call when every condition holds.
struct SyscallRule {
  std::string_view name;  // as libseccomp knows it; a name unknown on an architecture is a call it does not have
  int errno_value;
  ArgCondition first = {};
  ArgCondition second = {};
};

// What a filter is made for.
struct SyscallProfile {
  bool network_denied = true;
  bool nested_allowed = false;  // SecurityConfig::allow_nested
};

enum class Nesting { kEither, kOnlyRefused, kOnlyAllowed };

// Rows that share a reason, and the profiles that they are for.
struct SyscallGroup {
  std::string_view title;
  std::string_view why;
  std::span<const SyscallRule> rules;
  bool only_without_network = false;
  Nesting nesting = Nesting::kEither;

  constexpr bool AppliesTo(const SyscallProfile& profile) const {
    if (only_without_network && !profile.network_denied) return false;
    return nesting == Nesting::kEither || (nesting == Nesting::kOnlyAllowed) == profile.nested_allowed;
  }
};

std::span<const SyscallGroup> SyscallTable();

// The newest system call number that the table knows of (Linux 6.18: file_setattr). Numbers from 424 on are the same
// on every architecture.
inline constexpr std::uint32_t kNewestSystemCall = 469;

}  // namespace leash::platform
