// Opening paths so that what was checked is what is held.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace leash::base {

// An O_PATH descriptor of the canonical, absolute `path`. No component may be a symbolic link: one that appeared
// since the path was made canonical is an error, not a detour. Uses openat2(2) with RESOLVE_NO_SYMLINKS (Linux 5.6);
// without it, one openat(O_NOFOLLOW) a component, which is the same promise at more system calls.
// Errors: kPathNotFound when it does not exist, kIo otherwise.
absl::StatusOr<UniqueFd> OpenCanonical(const std::string& path);

// The walk alone. Public for the tests: both ways must agree.
absl::StatusOr<UniqueFd> OpenCanonicalByWalk(const std::string& path);

}  // namespace leash::base
