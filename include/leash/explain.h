// What a configuration comes to on this machine, without running anything.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "leash/config.h"

namespace leash {

enum class ExplainFormat { kText, kJson };

// The plan: every path rule with its reason, the environment's names, the limits, the system call rules.
// Errors: those that Create() would give for the configuration itself.
absl::StatusOr<std::string> Explain(const SandboxConfig& config, bool network_denied, ExplainFormat format);

// The access that the plan gives to one path, and the rule that decided it: one line, or one JSON object.
absl::StatusOr<std::string> ExplainPath(const SandboxConfig& config, bool network_denied, const std::string& path,
                                        ExplainFormat format);

}  // namespace leash
