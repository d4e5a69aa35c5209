// The compiled system call filters.
#pragma once

#include <linux/filter.h>

#include <span>
#include <string_view>

namespace leash::platform {

struct SyscallProfile {
  bool network_denied = true;
  bool supervised = false;  // some calls wait for the supervisor: the filter must be installed with a listener
  // SecurityConfig::allow_nested. Not together with the other: it needs namespaces, which need no supervisor.
  bool nested_allowed = false;
  // What is refused with EPERM, and some that go on, are told to the supervisor: SandboxConfig::report_violations.
  bool reported = false;
  // Programs call the host (supervisor_host_calls.h). Only with namespaces, and not nested: where there is a supervisor
  // anyway, the way is a unix socket like others.
  bool host_calls = false;
};

constexpr unsigned ProgramIndex(const SyscallProfile& profile) {
  return (profile.network_denied ? 1U : 0U) | (profile.supervised ? 2U : 0U) | (profile.nested_allowed ? 4U : 0U) |
         (profile.reported ? 8U : 0U) | (profile.host_calls ? 16U : 0U);
}

struct SyscallName {
  int number;
  std::string_view name;
};

// The program for a profile, as seccomp_compiler.h made it from the table. Lives forever.
std::span<const sock_filter> SeccompFilter(const SyscallProfile& profile);

// Of a call that the table speaks of; empty for others.
std::string_view SystemCallName(int number);

}  // namespace leash::platform
