#include "platform/linux/unblocked_calls.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/time.h>

#include <cerrno>

#include "platform/linux/internet_address.h"

namespace leash::platform {
namespace {

// Back to a socket that was never connected, without the error that the kernel leaves behind.
void Disconnect(int socket) {
  sockaddr none = {};
  none.sa_family = AF_UNSPEC;
  (void)::connect(socket, &none, sizeof(none));
  int error = 0;
  socklen_t size = sizeof(error);
  (void)::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size);
}

// The shortest time that a call on a blocking socket can be made to wait, while this lives.
class Impatience {
 public:
  // SO_RCVTIMEO or SO_SNDTIMEO.
  Impatience(int socket, int option) : socket_(socket), option_(option), needed_(IsBlocking(socket)) {
    if (!needed_) return;
    socklen_t size = sizeof(before_);
    (void)::getsockopt(socket_, SOL_SOCKET, option_, &before_, &size);
    const timeval shortest = {0, 1};
    (void)::setsockopt(socket_, SOL_SOCKET, option_, &shortest, sizeof(shortest));
  }
  ~Impatience() {
    if (needed_) (void)::setsockopt(socket_, SOL_SOCKET, option_, &before_, sizeof(before_));
  }
  Impatience(const Impatience&) = delete;
  Impatience& operator=(const Impatience&) = delete;
  bool needed() const { return needed_; }

 private:
  const int socket_;
  const int option_;
  const bool needed_;
  timeval before_ = {};
};

// On a socket that is not connected yet nobody else uses the time for sending.
Answer ShortConnect(int socket, const sockaddr_storage& address) {
  const Impatience impatience(socket, SO_SNDTIMEO);
  const auto connect = [&] {
    return ::connect(socket, reinterpret_cast<const sockaddr*>(&address), SizeOf(address)) == 0 ? 0 : -errno;
  };
  const Answer answer = connect();
  // The handshake over loopback is over by now, but the time was up when the kernel looked.
  if (impatience.needed() && answer == -EINPROGRESS && TcpStateOf(socket) == TCP_ESTABLISHED) return connect();
  return answer;
}

}  // namespace

int TcpStateOf(int socket) {
  tcp_info info = {};
  socklen_t size = sizeof(info);
  return ::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 ? int{info.tcpi_state} : int{TCP_CLOSE};
}

bool IsBlocking(int socket) { return (::fcntl(socket, F_GETFL) & O_NONBLOCK) == 0; }

Answer ConnectOverLoopback(int socket, const sockaddr_storage& listener) {
  // Connected already, or on the way: the kernel says so, and makes no other.
  if (TcpStateOf(socket) != TCP_CLOSE) return ShortConnect(socket, listener);
  const Answer answer = ShortConnect(socket, listener);
  if (answer != 0 && answer != -EINPROGRESS) return answer;
  if (TcpStateOf(socket) == TCP_ESTABLISHED) return answer;
  Disconnect(socket);
  return -EAGAIN;
}

// Asks first: the shortest time is a tick of the kernel's clock, some milliseconds.
Answer AcceptNow(int listener, base::UniqueFd& accepted) {
  accepted.reset();
  pollfd polled = {listener, POLLIN, 0};
  if (::poll(&polled, 1, 0) == 0) return -EAGAIN;
  const Impatience impatience(listener, SO_RCVTIMEO);
  do {
    accepted.reset(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
  } while (!accepted && (errno == EINTR || errno == ECONNABORTED));
  return accepted ? 0 : -errno;
}

}  // namespace leash::platform
