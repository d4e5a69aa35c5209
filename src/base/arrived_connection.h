// What is known of a connection that arrived at a listener of the egress proxy.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace leash::base {

struct ArrivedConnection {
  // Where it was to go. Of no family (AF_UNSPEC): to the listener itself, by a program that speaks to a proxy; or it
  // cannot be told any more.
  sockaddr_storage destination = {};
  // Of the program that made it, as NetworkRequest has them; 0 and empty where they are not known, or not wanted.
  std::int64_t pid = 0;
  std::string executable;
};

// To be asked once of each accepted connection. Nothing: it is not one of the sandbox's, and is to be closed.
using Arrival = std::function<std::optional<ArrivedConnection>(int connection)>;

}  // namespace leash::base
