// The compiled system call filters.
#pragma once

#include <linux/filter.h>

#include <span>

namespace leash::platform {

struct SyscallProfile {
  bool network_denied = true;
  bool supervised = false;  // some calls wait for the supervisor: the filter must be installed with a listener
  // SecurityConfig::allow_nested. Not together with the other: it needs namespaces, which need no supervisor.
  bool nested_allowed = false;
};

// The program for a profile, as seccomp_compiler.h made it from the table. Lives forever.
std::span<const sock_filter> SeccompFilter(const SyscallProfile& profile);

}  // namespace leash::platform
