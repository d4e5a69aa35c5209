// The compiled system call filters.
#pragma once

#include <linux/filter.h>

#include <span>

#include "core/plan.h"
#include "platform/linux/seccomp_table.h"

namespace leash::platform {

inline SyscallProfile ProfileOf(const core::Plan& plan) {
  return {.network_denied = plan.network_denied, .nested_allowed = plan.allow_nested};
}

// The program for a profile, as seccomp_compiler.h made it from the table. Lives forever.
std::span<const sock_filter> SeccompFilter(const SyscallProfile& profile);

}  // namespace leash::platform
