// What is known of a connection that arrived at a listener of the egress proxy, and of a question to its name service.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace leash::base {

// A program of the sandbox, as NetworkRequest has it; 0 and empty where it is not known, or not wanted.
struct Program {
  std::int64_t pid = 0;
  std::string executable;
};

// To be sent, and read again. Nobody known, when the text is none of these.
std::string TextOf(const Program& program);
Program ProgramFrom(std::string_view text);

struct ArrivedConnection {
  // Where it was to go. Of no family (AF_UNSPEC): to the listener itself, by a program that speaks to a proxy; or it
  // cannot be told any more.
  sockaddr_storage destination = {};
  Program program;  // that made it
};

// To be asked once of each accepted connection. Nothing: it is not one of the sandbox's, and is to be closed.
using Arrival = std::function<std::optional<ArrivedConnection>(int connection)>;

// Who sent a datagram, which came from one address to another.
using Sender = std::function<Program(const sockaddr_storage& from, const sockaddr_storage& to)>;

}  // namespace leash::base
