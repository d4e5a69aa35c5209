// What a sandbox has of its host's commands: who serves the calls of its programs.
#pragma once

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "core/backend.h"
#include "ipc/server.h"
#include "leash/config.h"

namespace leash::core {

class SandboxCalls {
 public:
  SandboxCalls() = default;
  // Empty where the host has no commands for it. `id`: WorkingDir::id.
  static absl::StatusOr<SandboxCalls> Start(const SandboxConfig& config, std::uint64_t id);

  // Programs may call from now on. Until End, which comes before this object goes.
  void Serve(PreparedSandbox& prepared);
  // When nothing runs inside any more: cancels what is under way, and waits for handlers that block. Under no lock that
  // a handler could need.
  void End(PreparedSandbox& prepared);

 private:
  std::unique_ptr<ipc::Server> server_;
};

}  // namespace leash::core
