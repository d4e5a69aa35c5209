// ResourceLimits -> control groups where the machine gives them, else setrlimit(2).
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "core/backend.h"
#include "core/plan.h"
#include "leash/limits.h"
#include "leash/process.h"
#include "platform/linux/launch_child.h"
#include "platform/linux/sandbox_cgroup.h"

namespace leash::platform {

// How each limit that is set in `plan` would be held here. Changes nothing.
std::vector<core::LimitNote> LimitNotesFor(const core::Plan& plan);

// The limits of one sandbox, held. Safe from any thread.
class HeldLimits {
 public:
  // Makes control groups if a limit is set that needs one. Errors: kNotEnforced, naming the limit, why it does not hold
  // here, and what the user can do; in a plan with best_effort_limits that is logged, and the limit left out.
  static absl::StatusOr<std::shared_ptr<HeldLimits>> Make(const core::Plan& plan, std::uint64_t id);

  // What setrlimit(2) does for a command: the limits asked for, no core files, and the membership mark, which inside a
  // sandbox of leash's is that one's already. RLIMIT_NPROC counts the processes of a user in a user namespace and is
  // set above those that are there: `own_namespace` says that these are the sandbox's init process alone.
  absl::StatusOr<std::vector<LimitValue>> ForCommand(std::uint64_t mark, bool own_namespace) const;

  // See SandboxCgroup; nothing without one.
  std::array<int, 2> EntryDescriptors() const;
  CgroupEvents Events() const;
  absl::Status Remove();

  // Completes `usage`: what ended a command, and what it was refused. `before` are the events when it started.
  // `killed`: leash itself sent SIGKILL.
  void Account(const CgroupEvents& before, const ExitStatus& status, bool killed, ResourceUsage& usage) const;

 private:
  HeldLimits(const ResourceLimits& limits, std::vector<LimitValue> values, bool nproc,
             std::unique_ptr<SandboxCgroup> cgroup)
      : limits_(limits), values_(std::move(values)), nproc_(nproc), cgroup_(std::move(cgroup)) {}

  const ResourceLimits limits_;
  const std::vector<LimitValue> values_;
  const bool nproc_;  // RLIMIT_NPROC limits processes
  const std::unique_ptr<SandboxCgroup> cgroup_;
};

}  // namespace leash::platform
