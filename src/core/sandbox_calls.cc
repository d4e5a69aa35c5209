#include "core/sandbox_calls.h"

#include <utility>

#include "base/status.h"
#include "core/planner.h"

namespace leash::core {

absl::StatusOr<SandboxCalls> SandboxCalls::Start(const SandboxConfig& config, const WorkingDir& scratch) {
  SandboxCalls calls;
  if (config.ipc == nullptr) return calls;
  LEASH_ASSIGN_OR_RETURN(calls.names_, CommandNames::Make(CommandNamesOf(scratch.path()), *config.ipc));
  ipc::ServerOptions options;
  options.sandbox_id = scratch.id();
  options.router = config.ipc;
  LEASH_ASSIGN_OR_RETURN(calls.server_, ipc::Server::Start(std::move(options)));
  return calls;
}

void SandboxCalls::Serve(PreparedSandbox& prepared) {
  if (server_ == nullptr) return;
  prepared.ServeCalls([server = server_.get()](base::UniqueFd connection, const base::UnixPeer& peer) {
    server->Adopt(std::move(connection), peer);
  });
}

void SandboxCalls::End(PreparedSandbox& prepared) {
  if (server_ == nullptr) return;
  prepared.ServeCalls({});
  server_.reset();
  names_ = {};
}

}  // namespace leash::core
