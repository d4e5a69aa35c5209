// The loopback of a sandbox without a network of its own: TCP ports on which its programs listen, for each other and
// for published ports.
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "base/unique_fd.h"
#include "platform/linux/socket_diagnostics.h"
#include "platform/linux/supervisor_notification.h"

namespace leash::platform {

// A program's socket listens on some free port of the host's loopback, whatever port it asked for: so it takes none
// that the host wants, and a server on the host is never mistaken for one inside. Which port that is, is known here
// alone. Whoever else connects to it gets nothing: connections are accepted on behalf, and closed unread unless leash
// has made them. A connection is known by its client's socket (sock_diag(7)), which no address can be mistaken for.
//
// The port stays taken when its program ends, by a connection to it that is held here: no stranger can listen there
// before everybody has forgotten it.
//
// As in a network namespace, every address of 127.0.0.0/8 and ::1 is this loopback, and ports below 1024 are refused.
// Unlike there: all of 127.0.0.0/8 shares its ports; SO_REUSEPORT does not let two listen; and another user of the
// machine, who guesses the port, can fill the queue of a server.
//
// Safe from any thread; nothing in it waits for a program.
class InsideLoopback {
 public:
  // A socket of NETLINK_SOCK_DIAG. An empty one: nobody can listen.
  explicit InsideLoopback(base::UniqueFd diagnostics) : diagnostics_(std::move(diagnostics)) {}

  // Tries what the others need. kUnsupported.
  absl::Status Check();

  // Each makes the call, with its errors, on a TCP socket of a program.
  Answer Bind(int socket, const sockaddr_storage& address);
  Answer Listen(int socket, int backlog);
  // `to` is one of this machine's addresses. -EAGAIN: the server's queue is full, to be tried again.
  Answer Connect(int socket, const sockaddr_storage& to);
  // -EAGAIN: nobody has connected. `accepted` is close-on-exec and blocks.
  Answer Accept(int listener, base::UniqueFd& accepted);

  // connect(2) for somebody who comes through a published port: the socket does not block, and may be on its way.
  Answer ConnectFromOutside(int socket, const sockaddr_storage& to);

  // getsockname(2), as the program has called it. False: that is the socket's own name.
  bool NameOf(int socket, sockaddr_storage& name);

 private:
  // As a program knows it. Of IPv4 also what IPv6 sockets have that are IPv4's as well.
  struct Name {
    int family = 0;
    std::uint16_t port = 0;
    auto operator<=>(const Name&) const = default;
  };
  struct Server {
    std::uint64_t cookie = 0;
    sockaddr_storage address = {};  // as it was asked for, with its port
    sockaddr_storage actual = {};   // on the host, IPv4 addresses unmapped
    bool both = false;              // IPv6 programs reach it too, although it is IPv4
    base::UniqueFd hold;            // once it listens: the accepted end of a connection to it
  };
  static constexpr std::size_t kMostBound = 4096;
  static constexpr std::size_t kMostServers = 1024;
  static constexpr std::size_t kMostExpected = 16384;

  static Name NameFor(const Server& server);
  Answer BindLocked(int socket, const sockaddr_storage& address);
  bool Listens(const Server& server);
  bool IsTaken(const Server& server);
  Answer Hold(int socket, Server& server);
  std::optional<sockaddr_storage> Lead(int socket, const sockaddr_storage& to);
  const Server* ServerOf(std::uint64_t cookie) const;
  bool TakeExpected(int connection);

  std::mutex mutex_;
  // Guarded by mutex_.
  SocketDiagnostics diagnostics_;
  std::map<std::uint64_t, Server> bound_;  // by cookie: those that do not listen yet
  std::map<Name, Server> servers_;
  std::set<std::uint64_t> expected_;  // cookies of clients
};

}  // namespace leash::platform
