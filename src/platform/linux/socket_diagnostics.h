// What the kernel knows of a socket of which nothing but its addresses is known (sock_diag(7)).
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <optional>

#include "base/unique_fd.h"

namespace leash::platform {

struct SocketFacts {
  std::uint64_t cookie = 0;  // SO_COOKIE, which no other socket ever has
  std::uint32_t inode = 0;   // in sockfs; 0: no process has it open any more
  int state = 0;             // as tcp_info has it
};

// Not safe from several threads at once.
class SocketDiagnostics {
 public:
  // `socket` is one of NETLINK_SOCK_DIAG, made in the network that it is asked about.
  explicit SocketDiagnostics(base::UniqueFd socket) : socket_(std::move(socket)) {}

  // The socket at `own` whose other end is at `peer`. None: there is none, or the kernel does not say.
  std::optional<SocketFacts> Find(const sockaddr_storage& own, const sockaddr_storage& peer,
                                  int protocol = IPPROTO_TCP);
  // The one that listens at `own`.
  std::optional<SocketFacts> FindListener(const sockaddr_storage& own);

 private:
  const base::UniqueFd socket_;
  std::uint32_t sequence_ = 0;
};

// 0 when it is no socket. The kernel gives it when it is first asked for.
std::uint64_t CookieOf(int socket);

}  // namespace leash::platform
