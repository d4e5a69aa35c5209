#include "core/sandbox_calls.h"

#include <utility>

#include "base/status.h"

namespace leash::core {

absl::StatusOr<SandboxCalls> SandboxCalls::Start(const SandboxConfig& config, std::uint64_t id) {
  SandboxCalls calls;
  if (config.ipc == nullptr) return calls;
  ipc::ServerOptions options;
  options.sandbox_id = id;
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
}

}  // namespace leash::core
