// TCP and UDP without a network namespace: every connection is led to the egress proxy, and a datagram socket is no
// socket of the network at all.
//
// A TCP socket is the program's own, in the host's network. It can be connected by connect(2) alone, which the
// supervisor makes on behalf, to a listener of leash's (connection_table.h); where it was to go is for the proxy to
// judge. So are options of IP, of which some lead a connection past its address. It is neither bound nor listened on.
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
#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "absl/time/time.h"
#include "base/unique_fd.h"
#include "platform/linux/host_egress.h"
#include "platform/linux/supervisor_caller.h"

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
  explicit InternetSockets(HostEgress egress) : egress_(std::move(egress)) {}

  // Makes the caller's call on behalf, or gives an errno. None: it is not about such a socket. Never blocks. When the
  // caller must wait, fills in `waiting` and gives -EAGAIN.
  std::optional<Answer> Perform(Caller& caller, std::optional<WaitingCall>& waiting);

 private:
  // One that was handed out, by its cookie (SO_COOKIE), which no other socket ever has.
  struct Datagrams {
    sockaddr_storage peer = {};  // who was asked last
    base::UniqueFd service;      // the name service's end, until a question may come
  };
  static constexpr std::size_t kMostDatagrams = 4096;

  Answer Make(Caller& caller);
  std::optional<Answer> Connect(Caller& caller, std::optional<WaitingCall>& waiting);
  Answer ConnectStream(Caller& caller, base::UniqueFd socket, int family, const sockaddr_storage& address,
                       socklen_t size, std::optional<WaitingCall>& waiting);
  Answer Ask(Datagrams& datagrams, const sockaddr_storage& address, socklen_t size);
  std::optional<Answer> Bind(Caller& caller);
  std::optional<Answer> Listen(Caller& caller);
  Answer SendTo(Caller& caller);
  Answer ReceiveFrom(Caller& caller, std::optional<WaitingCall>& waiting);
  Answer Receive(Caller& caller, int socket);
  Answer SetOption(Caller& caller);
  Datagrams* Find(int socket);
  void MakeRoom();

  const HostEgress egress_;
  std::map<std::uint64_t, Datagrams> datagrams_;
};

}  // namespace leash::platform
