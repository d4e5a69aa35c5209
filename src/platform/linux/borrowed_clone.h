// A child that shares its parent's memory until it executes a program or ends (CLONE_VM | CLONE_VFORK): it costs the
// same from a host of any size, and copies nothing of a host with threads.
#pragma once

#include <sys/types.h>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace leash::platform {

struct BorrowedChild {
  pid_t pid;
  base::UniqueFd pidfd;
};

// Returns when the child has executed a program or ended. `function` may only make system calls and write to what
// `argument` points to. `flags` are further ones for clone(2), with the signal that tells of the end, if any.
// Errors: clone(2)'s own.
absl::StatusOr<BorrowedChild> CloneBorrowed(int (*function)(void*), void* argument, int flags);

}  // namespace leash::platform
