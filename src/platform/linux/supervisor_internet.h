// TCP and UDP without a network namespace: every connection is led to the egress proxy or to a server of the same
// sandbox, and a datagram socket is no socket of the network at all.
//
// A TCP socket is the program's own, in the host's network. The supervisor connects it on behalf: to a listener of
// leash's (connection_table.h), and where it was to go is for the proxy to judge; or to a program of the sandbox
// (inside_loopback.h), whose socket it has bound, and for which it accepts. It also sets options of IP, of which some
// would lead a connection past its address.
#pragma once

#include <sys/socket.h>

#include <functional>
#include <optional>

#include "absl/time/time.h"
#include "base/unique_fd.h"
#include "platform/linux/host_network.h"
#include "platform/linux/supervisor_caller.h"
#include "platform/linux/supervisor_datagrams.h"

namespace leash::platform {

// A call that the caller waits for: to be made again until it gives something else than -EAGAIN, or `until`.
struct WaitingCall {
  std::function<Answer(Caller&)> again;
  int readable = -1;  // when this can be read, and not before; -1: after a while
  absl::Time until;
  Answer late = -EAGAIN;
};

// Of one sandbox; used by its supervisor's thread alone.
class InternetSockets {
 public:
  explicit InternetSockets(HostNetwork network)
      : network_(std::move(network)), datagrams_(network_.name_sockets.get(), network_.identify) {}

  // Makes the caller's call on behalf, or gives an errno. None: it is not about such a socket. Never blocks. When the
  // caller must wait, fills in `waiting` and gives -EAGAIN.
  std::optional<Answer> Perform(Caller& caller, std::optional<WaitingCall>& waiting);

 private:
  std::optional<Answer> Connect(Caller& caller, std::optional<WaitingCall>& waiting);
  Answer ConnectStream(Caller& caller, base::UniqueFd socket, int family, const sockaddr_storage& address,
                       socklen_t size, std::optional<WaitingCall>& waiting);
  std::optional<Answer> Bind(Caller& caller);
  std::optional<Answer> Listen(Caller& caller);
  Answer Accept(Caller& caller, std::optional<WaitingCall>& waiting);
  Answer AcceptOn(Caller& caller, int listener, int flags);
  Answer Name(Caller& caller);
  Answer SendTo(Caller& caller);
  Answer ReceiveFrom(Caller& caller, std::optional<WaitingCall>& waiting);
  Answer Receive(Caller& caller, int socket);
  Answer SetOption(Caller& caller);

  const HostNetwork network_;
  DatagramSockets datagrams_;
};

}  // namespace leash::platform
