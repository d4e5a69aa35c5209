// The control groups of one sandbox: limits on all of its processes together.
//
// Source: the kernel's admin-guide/cgroup-v2 and admin-guide/cgroup-v1 (memory, pids). memory.oom.group is not used:
// a command that is being started shares leash's memory for a moment (CLONE_VM), and a group kill also ends whatever
// shares the memory of a victim. Without it the kernel passes over processes at that stage.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "platform/linux/cgroup_place.h"

namespace leash::platform {

// How directories of the file system are made and removed; tests have others.
struct CgroupCalls {
  int (*make)(const std::string& directory);
  int (*remove)(const std::string& directory);
};
extern const CgroupCalls kKernelCgroups;

// What the limits have done so far.
struct CgroupEvents {
  bool memory_reached = false;          // memory has been at its limit
  std::uint64_t kills = 0;              // processes ended for want of memory, the machine's or the group's
  std::uint64_t refused_processes = 0;  // new processes and threads refused
};

// One group in each place, named after the sandbox. Every method may be called from any thread.
class SandboxCgroup {
 public:
  // Errors: kNotEnforced with the system's reason; nothing is left then.
  static absl::StatusOr<std::unique_ptr<SandboxCgroup>> Make(const std::vector<CgroupPlace>& places, std::uint64_t id,
                                                             std::optional<std::uint64_t> memory_bytes,
                                                             std::optional<std::uint64_t> processes,
                                                             const CgroupCalls& calls = kKernelCgroups);
  ~SandboxCgroup();  // Remove(), failures logged

  // Open for writing: a process that writes "0" to each is in the groups. -1: none. Close-on-exec.
  std::array<int, 2> EntryDescriptors() const;

  // Stays what it was last after Remove().
  CgroupEvents Events();
  // The processes must have been ended. What has not quite gone yet is waited for.
  absl::Status Remove();

 private:
  struct Group {
    CgroupPlace place;
    std::string directory;
    base::UniqueFd entry;
  };
  explicit SandboxCgroup(const CgroupCalls& calls) : calls_(calls) {}
  absl::Status Add(const CgroupPlace& place, std::uint64_t id, std::optional<std::uint64_t> memory_bytes,
                   std::optional<std::uint64_t> processes);
  CgroupEvents Read() const;

  const CgroupCalls calls_;
  std::vector<Group> groups_;  // const once made
  std::mutex mutex_;
  std::optional<CgroupEvents> last_;  // guarded by mutex_; set when removed
};

// The name of a sandbox's group in each place.
std::string CgroupName(std::uint64_t id);

// Removes groups of that sandbox wherever they are, and kills what is in them where version 2 can. For those of an
// owner that died.
void RemoveLeftoverCgroups(const CgroupFacts& facts, std::uint64_t id, const CgroupCalls& calls = kKernelCgroups);

}  // namespace leash::platform
