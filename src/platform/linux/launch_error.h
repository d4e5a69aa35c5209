// Why a command could not be started, in words.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "platform/linux/launch_child.h"

namespace leash::platform {

// `error` is the errno of the step that failed; `program` what was to be run.
absl::Status LaunchError(LaunchStage stage, int error, const std::string& program);

}  // namespace leash::platform
