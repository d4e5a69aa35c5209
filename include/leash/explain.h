// What a configuration comes to on this machine, without running anything.
#pragma once

#include <string>
#include <string_view>

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

// What another platform's sandbox would be told, in its own language; `platform` is "macos": a profile for
// sandbox-exec(1). The configuration's paths and the home directory are those of this machine, the system's own are
// taken to be there, and port 3128 stands for the egress proxy's.
// Errors: kInvalidArgument for an unknown platform; and as Explain.
absl::StatusOr<std::string> ExplainOn(std::string_view platform, const SandboxConfig& config, bool network_denied);

}  // namespace leash
