// Runs a seccomp program in user space: what would it have said to this call?
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cstdint>
#include <span>

namespace leash::platform {

// The action (SECCOMP_RET_*) that `program` gives for `data`. SECCOMP_RET_KILL_PROCESS for an instruction that seccomp
// does not allow, and a jump out of the program. Source: seccomp(2), Documentation/networking/filter.rst.
std::uint32_t RunFilter(std::span<const sock_filter> program, const seccomp_data& data);

}  // namespace leash::platform
