// Answers the calls of one sandbox, on leash's loop thread and a few threads of its own for handlers that block.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "base/unix_socket.h"
#include "ipc/link.h"
#include "ipc/worker_pool.h"
#include "leash/ipc_router.h"

namespace leash::ipc {

struct ServerOptions {
  std::uint64_t sandbox_id = 0;
  std::shared_ptr<const IpcRouter> router;
  // A unix socket of type SOCK_STREAM that listens and does not block, or none: see Server::Adopt.
  base::UniqueFd listener;
  // Whether who connects may call; others are closed without a word. Empty: everyone who can reach the socket. On the
  // loop's thread.
  std::function<bool(const base::UnixPeer&)> admits;
};

class Server {
 public:
  // Errors: kIo, when the system has no room for it.
  static absl::StatusOr<std::unique_ptr<Server>> Start(ServerOptions options);
  // Ends all connections, cancels all calls, and waits for handlers that block to return. Not on the loop's thread.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Serves a connection that was made elsewhere, soon: does not wait for the loop. `peer`: who asks, where the socket
  // does not tell (PeerOf). Any thread.
  void Adopt(base::UniqueFd connection, std::optional<base::UnixPeer> peer = std::nullopt);
  // Any thread.
  std::size_t connections() const;
  std::size_t calls() const { return usage_->calls; }
  // Memory for messages: IpcLimits::total_bytes is about this.
  std::size_t bytes() const { return usage_->bytes; }

 private:
  class Service;
  Server(ServerOptions options, std::shared_ptr<Usage> usage);

  const std::shared_ptr<Usage> usage_;
  const std::size_t most_connections_;
  std::unique_ptr<WorkerPool> pool_;
  std::shared_ptr<Service> service_;  // the loop's; shared only to be seen to have gone
};

}  // namespace leash::ipc
