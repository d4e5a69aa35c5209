#include "net/sockets.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

namespace leash::net {
namespace {

#if defined(SOCK_NONBLOCK) && defined(SOCK_CLOEXEC)  // POSIX.1-2024
constexpr int kFlags = SOCK_NONBLOCK | SOCK_CLOEXEC;
int AcceptOne(int listener) { return ::accept4(listener, nullptr, nullptr, kFlags); }
void SetFlags(int) {}
#else
constexpr int kFlags = 0;
int AcceptOne(int listener) { return ::accept(listener, nullptr, nullptr); }
void SetFlags(int fd) {
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
  ::fcntl(fd, F_SETFD, FD_CLOEXEC);
}
#endif

void SetOption(int fd, int level, int option, int value) {
  (void)::setsockopt(fd, level, option, &value, sizeof(value));
}

}  // namespace

base::UniqueFd NewSocket(int family, int type) {
  base::UniqueFd fd(::socket(family, type | kFlags, 0));
  if (fd) SetFlags(fd.get());
  return fd;
}

base::UniqueFd Accept(int listener) {
  int fd;
  do {
    fd = AcceptOne(listener);
  } while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
  if (fd >= 0) SetFlags(fd);
  return base::UniqueFd(fd);
}

void SetUpStream(int fd) {
  SetOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  SetOption(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
#if defined(TCP_KEEPIDLE) && defined(TCP_KEEPINTVL)
  SetOption(fd, IPPROTO_TCP, TCP_KEEPIDLE, 120);
  SetOption(fd, IPPROTO_TCP, TCP_KEEPINTVL, 30);
#endif
}

void ResetOnClose(int fd) {
  const linger now = {1, 0};
  (void)::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

ssize_t Receive(int fd, void* buffer, std::size_t size) {
  ssize_t got;
  do {
    got = ::recv(fd, buffer, size, 0);
  } while (got < 0 && errno == EINTR);
  return got;
}

ssize_t Send(int fd, const void* data, std::size_t size) {
  ssize_t sent;
  do {
    sent = ::send(fd, data, size, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent;
}

bool IsWritable(int fd) {
  pollfd one = {fd, POLLOUT, 0};
  return ::poll(&one, 1, 0) == 1;
}

bool WouldBlock() { return errno == EAGAIN || errno == EWOULDBLOCK; }

}  // namespace leash::net
