// Sockets that are made elsewhere: in a network that this process is not in. A socket belongs for ever to the network
// in which it was made, whoever uses it.
#pragma once

#include <cstdint>
#include <vector>

#include "base/unique_fd.h"

namespace leash::base {

// For use by one thread at a time; nothing in it waits.
class SocketSource {
 public:
  struct Delivery {
    int family = 0;  // AF_INET or AF_INET6
    std::vector<UniqueFd> sockets;
    int error = 0;  // errno, when there are none: EAFNOSUPPORT for a family that the network does not have
  };

  virtual ~SocketSource() = default;
  // Asks for some TCP sockets, neither bound nor connected, close-on-exec, that do not block. False: cannot ask now.
  virtual bool Request(int family) = 0;
  // Becomes readable when there is something to receive. Open as long as this object.
  virtual int Fd() const = 0;
  // False: nothing has come.
  virtual bool Receive(Delivery& delivery) = 0;
  // connect(2) of such a socket to a server on the loopback of its network.
  virtual int Connect(int socket, int family, std::uint16_t port) = 0;
};

}  // namespace leash::base
