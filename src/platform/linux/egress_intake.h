// What the egress proxy needs of this system: where a connection was to go, and a way to carry bytes.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <cstddef>

namespace leash::platform {

// Where an accepted connection of a network of the sandbox's own was to go. False: to the listener itself, or it cannot
// be told any more.
bool OriginalDestination(int connection, sockaddr_storage& destination);
// See core::EgressIntake::splice.
ssize_t Splice(int from, int to, std::size_t most);

}  // namespace leash::platform
