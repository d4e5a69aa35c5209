// What a command may use up.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/time/time.h"

namespace leash {

// Unset means: as the caller's own limits. A limit that this machine cannot hold is ErrorCode::kNotEnforced when the
// sandbox is made, and so is one above the caller's own hard limit; see SandboxConfig::best_effort_limits.
// `leash explain` tells which mechanism would hold each. Source: getrlimit(2), and the kernel's documentation of
// control groups (admin-guide/cgroup-v2, admin-guide/cgroup-v1).
struct ResourceLimits {
  // Bytes of memory of the whole sandbox, all its commands together, with what the kernel keeps for them (page cache,
  // pipes, private /tmp) and no swap beside: by a control group. At the limit the kernel ends the largest process.
  //
  // Where no control group can be had: bytes of private writable memory of each process (RLIMIT_DATA, Linux 4.7: heap
  // and private mappings, not address space, so runtimes that reserve far more than they use keep working). Not
  // covered then: shared mappings, stacks, and the sum over processes.
  std::optional<std::uint64_t> memory_bytes;
  // Processor time of each process, rounded up to whole seconds (RLIMIT_CPU; SIGKILL at the limit).
  std::optional<absl::Duration> cpu_time;
  // Wall-clock time of each command; then the whole tree is killed and the error is ErrorCode::kTimeout.
  std::optional<absl::Duration> wall_time;
  // Bytes of the largest file that may be written (RLIMIT_FSIZE; SIGXFSZ or EFBIG).
  std::optional<std::uint64_t> file_size_bytes;
  // Open descriptors of each process (RLIMIT_NOFILE).
  std::optional<std::uint64_t> open_files;
  // Processes and threads of the whole sandbox, all its commands together: by a control group. Making one more fails
  // (EAGAIN). A command that the caller starts always starts: it counts, but is not refused.
  //
  // Where no control group can be had, by RLIMIT_NPROC: with namespaces, those of the sandbox; without, those beyond
  // what the user runs when the command starts. The kernel exempts root from that: as root the limit is then refused.
  std::optional<std::uint64_t> processes;

  bool operator==(const ResourceLimits&) const = default;
};

enum class Limit { kMemory, kCpuTime, kWallTime, kFileSize, kOpenFiles, kProcesses };
// "memory", "processor time" and the like, as in "the limit on memory".
std::string_view LimitName(Limit limit);

}  // namespace leash
