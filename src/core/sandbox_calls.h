// What a sandbox has of its host's commands: who serves the calls of its programs, and the commands' names.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "core/backend.h"
#include "core/command_names.h"
#include "ipc/server.h"
#include "leash/config.h"
#include "leash/working_dir.h"

namespace leash::core {

class SandboxCalls {
 public:
  SandboxCalls() = default;
  // Empty where the host has no commands for it. Before the plan is made, which opens the names.
  static absl::StatusOr<SandboxCalls> Start(const SandboxConfig& config, const WorkingDir& scratch);

  // Programs may call from now on. Until End, which comes before this object goes.
  void Serve(PreparedSandbox& prepared);
  // When nothing runs inside any more: cancels what is under way, and waits for handlers that block. Under no lock that
  // a handler could need.
  void End(PreparedSandbox& prepared);

 private:
  CommandNames names_;
  std::unique_ptr<ipc::Server> server_;
};

}  // namespace leash::core
