// Which connections to leash's own listeners, on the host's loopback, are whose: those of one sandbox without a network
// namespace, and where each was to go.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "base/arrived_connection.h"
#include "base/unique_fd.h"
#include "platform/linux/socket_diagnostics.h"
#include "platform/linux/supervisor_notification.h"

namespace leash::platform {

// A connection is known by the address that it comes from, and where the kernel tells (sock_diag(7)) by the very socket
// at its other end. The entry is made under the same lock under which it is looked for, and only once the handshake is
// over: whoever accepts the connection finds it. It is taken out once. What nobody takes is forgotten after ten
// seconds, for then the address may be another program's.
//
// Everything that comes from an address which is not here is a stranger's, and to be closed. Safe from any thread.
class ConnectionTable {
 public:
  // `listeners` stay open as long as this does, so that no stranger can listen on those ports while programs are led
  // there. `served` has gone when nobody accepts any more. `diagnostics`: see SocketDiagnostics; empty where there are
  // none.
  ConnectionTable(std::vector<base::UniqueFd> listeners, base::UniqueFd diagnostics, std::weak_ptr<void> served);

  // connect(2) of a TCP socket to a listener of leash's, with what is to be known of it there. Never blocks. A negative
  // errno, as connect(2) has them; besides -EAGAIN: the listener's queue is full, to be tried again.
  Answer Connect(int socket, const base::ArrivedConnection& meant);

  // What is known of a connection that was accepted: nothing, if it is a stranger's. Waits for no program: one that
  // makes Connect() last, by changing the mode of its socket meanwhile, is told apart from strangers no more.
  std::optional<base::ArrivedConnection> Take(int connection);

 private:
  using Key = std::array<std::uint8_t, 18>;  // IPv6 address, or IPv4 mapped; port
  struct Entry {
    base::ArrivedConnection meant;
    absl::Time made;
    std::uint64_t cookie = 0;  // of the program's socket
  };
  static constexpr std::size_t kMostEntries = 16384;
  static constexpr absl::Duration kPatience = absl::Seconds(10);

  static Key KeyOf(const sockaddr_storage& address);
  Answer ConnectTo(int socket, const sockaddr_storage& listener, const base::ArrivedConnection& meant);
  // Not held when a Connect() takes its time.
  std::unique_lock<std::mutex> LockSoon();
  bool ListenerFor(int socket, sockaddr_storage& listener) const;
  bool IsFrom(std::uint64_t cookie, int connection, const sockaddr_storage& peer);
  void Forget();

  const std::vector<base::UniqueFd> listeners_;
  const std::weak_ptr<void> served_;
  std::vector<sockaddr_storage> addresses_;
  std::mutex mutex_;
  std::map<Key, Entry> entries_;                  // guarded by mutex_
  std::optional<SocketDiagnostics> diagnostics_;  // guarded by mutex_
};

}  // namespace leash::platform
