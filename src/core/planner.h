// Configuration -> plan: a pure function of the configuration and of what the machine looks like.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "base/environment.h"
#include "base/file_system.h"
#include "core/plan.h"
#include "core/profile.h"
#include "leash/config.h"

namespace leash::core {

struct HostFacts {
  const base::FileSystem* files = nullptr;
  const PlatformProfile* profile = nullptr;
  std::string home;         // absolute; empty when it cannot be told: then nothing in it can be protected
  std::string current_dir;  // absolute; empty when it cannot be told: then no path may be relative
  std::string scratch_dir;  // absolute and canonical; exists, or stands for one in `leash explain`
  base::Environment environment;
};

// The directory of the host's commands as programs (command_names.h), beside the scratch directory.
std::string CommandNamesOf(std::string_view scratch_dir);

// The machine's own facts, with `scratch_dir` left empty.
HostFacts HostFactsOfProcess(const PlatformProfile& profile);

// Errors: kPathNotFound naming a granted path that does not exist; kInvalidArgument for a path with a NUL byte, an
// empty path, an impossible variable name or limit, a home to protect that cannot be told.
absl::StatusOr<Plan> MakePlan(const SandboxConfig& config, bool network_denied, const HostFacts& host);

}  // namespace leash::core
