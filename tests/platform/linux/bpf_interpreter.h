// Runs a seccomp program in user space, so that a filter is tested on every call without making one.
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cstdint>
#include <vector>

namespace leash::platform {

// The action (SECCOMP_RET_*) that `program` gives for `data`. Aborts the test on an instruction that seccomp does not
// allow or a jump out of the program. Source: seccomp(2), Documentation/networking/filter.rst.
std::uint32_t RunFilter(const std::vector<sock_filter>& program, const seccomp_data& data);

}  // namespace leash::platform
