#include "base/unix_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/status.h"
#include "fmt/format.h"

namespace leash::base {
namespace {

void SetFlags(int fd) {
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
  ::fcntl(fd, F_SETFD, FD_CLOEXEC);
}

}  // namespace

UnixPeer PeerOf(int socket) {
  UnixPeer peer;
#if defined(SO_PEERCRED)
  ucred credentials = {};
  socklen_t size = sizeof(credentials);
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0) {
    peer = {credentials.pid, credentials.uid, credentials.gid};
  }
#else
  if (::getpeereid(socket, &peer.uid, &peer.gid) != 0) peer = {};
#endif
  return peer;
}

absl::StatusOr<UniqueFd> ListenUnix(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return Error(ErrorCode::kInvalidArgument, fmt::format("{} is too long for a socket", path));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  const auto failed = [&] { return ErrnoError(ErrorCode::kIo, errno, fmt::format("cannot listen at {}", path)); };
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM, 0));
  if (!socket) return failed();
  SetFlags(socket.get());
  // A socket that does not listen yet refuses everyone, whatever its mode is until the next line.
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      ::chmod(path.c_str(), S_IRUSR | S_IWUSR) != 0 || ::listen(socket.get(), SOMAXCONN) != 0) {
    return failed();
  }
  return socket;
}

UniqueFd AcceptUnix(int listener) {
#if defined(SOCK_NONBLOCK) && defined(SOCK_CLOEXEC)  // POSIX.1-2024
  return UniqueFd(::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
#else
  UniqueFd socket(::accept(listener, nullptr, nullptr));
  if (socket) SetFlags(socket.get());
  return socket;
#endif
}

}  // namespace leash::base
