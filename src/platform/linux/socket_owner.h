// Which program a connection or a datagram comes from.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/arrived_connection.h"
#include "base/unique_fd.h"
#include "platform/linux/socket_diagnostics.h"

namespace leash::platform {

// What a process runs, as its own mounts have it. Nobody for a number that is none.
base::Program ProgramOf(pid_t process);

// Goes from a connection to the socket at its other end (sock_diag(7)), and from there to a process that has it open
// (/proc/PID/fd, proc(5)). What it finds is true when it looks, and no more than that: programs can inherit sockets,
// pass them on, and end. A socket of several processes is said to be of the one that is found first, with the last one
// that connected before all others.
//
// Costs some ten microseconds a process of the sandbox, in the worst case; nothing is looked for beyond kMostLooks.
// Not safe from several threads at once.
class SocketOwner {
 public:
  // `diagnostics` is a socket of NETLINK_SOCK_DIAG that was made in the network of the programs; what they run in
  // descends from `root`, in whose place a process of another number space will not do.
  SocketOwner(base::UniqueFd diagnostics, pid_t root) : diagnostics_(std::move(diagnostics)), root_(root) {}

  // The pid as leash sees it, and the executable as the program's own mounts have it. `destination` is what the
  // program has connected to; of no family: the listener itself.
  base::Program OfConnection(int connection, const sockaddr_storage& destination);
  base::Program OfDatagram(const sockaddr_storage& from, const sockaddr_storage& to);

 private:
  static constexpr int kMostLooks = 20'000;  // processes and descriptors

  base::Program Of(int protocol, const sockaddr_storage& own, const sockaddr_storage& peer);
  pid_t Find(std::uint32_t inode);

  SocketDiagnostics diagnostics_;
  const pid_t root_;
  pid_t last_ = 0;
};

}  // namespace leash::platform
