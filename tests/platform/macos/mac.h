// A Mac in memory, to plan on: its system's directories, a user ann with a home and a project, and what she protects.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "core/plan.h"
#include "leash/config.h"
#include "support/fake_file_system.h"

namespace leash::testing {

inline constexpr char kHome[] = "/Users/ann";
inline constexpr char kProject[] = "/Users/ann/project";
inline constexpr char kScratch[] = "/private/tmp/leash-0123/work";

class Mac {
 public:
  Mac();
  FakeFileSystem& disk() { return disk_; }
  absl::StatusOr<core::Plan> Plan(const SandboxConfig& config, bool network_denied = true) const;

 private:
  FakeFileSystem disk_;
};

// With the project as working directory, otherwise as `leash run` without options.
SandboxConfig InProject();

}  // namespace leash::testing
