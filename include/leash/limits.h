// What a command may use up.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/time/time.h"

namespace leash {

// Unset means: as the caller's own limits. A limit above the caller's own hard limit is an error, never lowered in
// silence. Source: getrlimit(2).
struct ResourceLimits {
  // Bytes of private writable memory of each process (RLIMIT_DATA, Linux 4.7: heap and private mappings, not address
  // space, so runtimes that reserve far more than they use keep working). Not covered: shared mappings, stacks, and
  // the sum over processes.
  std::optional<std::uint64_t> memory_bytes;
  // Processor time of each process, rounded up to whole seconds (RLIMIT_CPU; SIGKILL at the limit).
  std::optional<absl::Duration> cpu_time;
  // Wall-clock time of each command; then the whole tree is killed and the error is ErrorCode::kTimeout.
  std::optional<absl::Duration> wall_time;
  // Bytes of the largest file that may be written (RLIMIT_FSIZE; SIGXFSZ or EFBIG).
  std::optional<std::uint64_t> file_size_bytes;
  // Open descriptors of each process (RLIMIT_NOFILE).
  std::optional<std::uint64_t> open_files;
  // Processes and threads beyond those that the user runs when the command starts (RLIMIT_NPROC counts per user).
  // The kernel exempts root from this limit: as root it is refused with ErrorCode::kNotEnforced.
  std::optional<std::uint64_t> processes;

  bool operator==(const ResourceLimits&) const = default;
};

}  // namespace leash
