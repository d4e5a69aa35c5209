// A sandbox without namespaces: no_new_privs, Landlock, seccomp, limits and a clean process, applied to each command by
// itself. What namespaces would add is in docs/threat-model.md.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "core/backend.h"
#include "core/plan.h"
#include "platform/linux/limits.h"
#include "platform/linux/report_sources.h"

namespace leash::platform {

// See Backend::Prepare; `why_no_namespaces` is for Sandbox::Isolation().
absl::StatusOr<std::unique_ptr<core::PreparedSandbox>> PrepareLandlockSandbox(const core::Plan& plan, std::uint64_t id,
                                                                              const std::string& canary,
                                                                              std::shared_ptr<HeldLimits> limits,
                                                                              ReportSources report,
                                                                              std::string why_no_namespaces);

}  // namespace leash::platform
