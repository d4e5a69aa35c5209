// Finding the program that a command names, before anything is started.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "core/plan.h"

namespace leash::core {

// The absolute path of `program`, searched in `search_path` (as PATH) when it has no slash, taken relative to
// `current_dir` when it has one. What comes back exists and is meant to be executed; the kernel has the last word.
// Errors: kProgramNotFound; kProgramNotExecutable for a directory, a file without permission, or a file that the plan
// lets nobody run, with what to change.
absl::StatusOr<std::string> FindProgram(const Plan& plan, const std::string& program, const std::string& search_path,
                                        const std::string& current_dir);

}  // namespace leash::core
