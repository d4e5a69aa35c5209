// The system call table as a BPF program (seccomp(2)).
#pragma once

#include <linux/filter.h>

#include <vector>

#include "absl/status/statusor.h"

namespace leash::platform {

struct SyscallProfile {
  bool network_denied = true;

  bool operator==(const SyscallProfile&) const = default;
};

// Compiled by libseccomp as a balanced tree (a load costs the kernel one emulated run a system call number, which a
// linear list makes three times as dear), preceded by our own check of architecture, x32 and newest number.
// Compiled once a process and profile; safe from any thread. Errors: kNotEnforced.
absl::StatusOr<const std::vector<sock_filter>*> SeccompFilter(const SyscallProfile& profile);

// Not cached: for tests.
absl::StatusOr<std::vector<sock_filter>> CompileSeccompFilter(const SyscallProfile& profile);

}  // namespace leash::platform
