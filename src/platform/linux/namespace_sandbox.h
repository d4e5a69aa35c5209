// A sandbox in namespaces of its own: an init process makes it once and starts each command in it, with Landlock,
// seccomp and the rest applied to each on top.
#pragma once

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "core/backend.h"
#include "core/plan.h"
#include "platform/linux/init_process.h"
#include "platform/linux/limits.h"
#include "platform/linux/report_sources.h"

namespace leash::platform {

// Makes the sandbox of `plan` in the namespaces of `init`. Errors: kPathNotFound for a granted
// path that has gone; kNotEnforced when the machine refuses a step, with `refused` set when that step is one that a
// kernel or an administrator may forbid as such, and no fault of the plan.
absl::StatusOr<std::unique_ptr<core::PreparedSandbox>> PrepareNamespaceSandbox(const core::Plan& plan, std::uint64_t id,
                                                                               std::shared_ptr<HeldLimits> limits,
                                                                               ReportSources report,
                                                                               std::unique_ptr<InitProcess> init,
                                                                               bool& refused);

}  // namespace leash::platform
