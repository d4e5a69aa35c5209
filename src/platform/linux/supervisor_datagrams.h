// Datagram sockets without a network namespace: by them names are asked for, and nothing else.
//
// No filter sees the address of a datagram in sendmsg(2). So a datagram socket is one end of a connected pair of unix
// sockets that keep messages apart, on which the kernel ignores addresses; the other end is the name service's. What
// makes it look like UDP: connect and sendto to port 53 of whatever address work and to others are refused, recvfrom
// gives the address that was asked (glibc's and c-ares' resolvers compare it), options of IP are accepted. What does
// not: recvmsg(2) gives no address, getsockname(2) and getpeername(2) another family.
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <map>

#include "base/unique_fd.h"
#include "platform/linux/supervisor_caller.h"

namespace leash::platform {

constexpr std::uint16_t kDnsPort = 53;

// Of one sandbox; used by its supervisor's thread alone.
class DatagramSockets {
 public:
  // One that was handed out.
  struct Conversation {
    sockaddr_storage peer = {};  // who was asked last
    base::UniqueFd service;      // the name service's end, until a question may come
  };

  // `name_sockets` is where the name service takes its ends; without one nobody answers. `identify`: it is told who
  // asks.
  DatagramSockets(int name_sockets, bool identify) : name_sockets_(name_sockets), identify_(identify) {}

  // socket(2).
  Answer Make(Caller& caller);
  // Null: it is no socket of these.
  Conversation* Find(int socket);
  // Whom it speaks to from now on: a name server, or with AF_UNSPEC nobody.
  Answer Ask(const Caller& caller, Conversation& conversation, const sockaddr_storage& address, socklen_t size) const;

 private:
  static constexpr std::size_t kMost = 4096;
  void MakeRoom();

  const int name_sockets_;
  const bool identify_;
  std::map<std::uint64_t, Conversation> conversations_;  // by SO_COOKIE
};

}  // namespace leash::platform
