// Sockets as the proxy wants them: not blocking, not inherited, without delays of their own.
#pragma once

#include <sys/types.h>

#include <cstddef>

#include "base/unique_fd.h"

namespace leash::net {

// Empty with errno on failure.
base::UniqueFd NewSocket(int family, int type);
// The next connection of a listener: empty, with errno, when there is none (EAGAIN) or the system has no room.
base::UniqueFd Accept(int listener);
// Small messages go at once, and a peer that has vanished is noticed after some minutes.
void SetUpStream(int fd);
// Its end is a reset then.
void ResetOnClose(int fd);
// As recv(2) and send(2), done again when interrupted, and never with a signal.
ssize_t Receive(int fd, void* buffer, std::size_t size);
ssize_t Send(int fd, const void* data, std::size_t size);
// Whether something can be sent, or a connection that was begun has ended one way or the other.
bool IsWritable(int fd);
// Whether errno says: later.
bool WouldBlock();

}  // namespace leash::net
