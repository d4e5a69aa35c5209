// What a configuration would let a sandbox do with one path, asked of the library's own plan.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "layer.h"
#include "leash/access.h"

namespace leash::cli {

struct Ruling {
  Access access = Access::kNone;
  std::string kind;    // of the rule that decides: "tier", "protection", "grant", "deny"; empty: no rule reaches it
  std::string reason;  // "protect_credentials"
};

// Errors: those that a sandbox of this configuration would give, such as a missing granted path.
absl::StatusOr<Ruling> RulingOn(const std::string& path, const SandboxConfig& config, NetworkMode network);

// What would be guarded (SecurityConfig::protect_project_files): it stays as it is where it could be written otherwise.
// Errors: the same.
absl::StatusOr<std::vector<std::string>> GuardedIn(const SandboxConfig& config);

}  // namespace leash::cli
