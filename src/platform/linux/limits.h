// ResourceLimits -> setrlimit(2).
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "leash/limits.h"
#include "platform/linux/launch_child.h"

namespace leash::platform {

// The limits of a command: those asked for, no core files, and the membership mark. Read anew for each command, since
// RLIMIT_NPROC counts what the user runs at that moment.
// Errors: kNotEnforced for a limit that is above the caller's own hard limit, or that the kernel would not hold.
absl::StatusOr<std::vector<LimitValue>> LimitsFor(const ResourceLimits& limits, std::uint64_t mark);

}  // namespace leash::platform
