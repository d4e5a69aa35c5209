#include "platform/linux/supervisor_sockets.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "absl/time/clock.h"
#include "base/path.h"
#include "base/random.h"
#include "platform/linux/borrowed_clone.h"
#include "platform/linux/supervisor_bind.h"
#include "platform/linux/supervisor_paths.h"
#include "platform/linux/supervisor_rules.h"

namespace leash::platform {
namespace {

constexpr std::size_t kPathOffset = offsetof(sockaddr_un, sun_path);

// The socket that the call is about, if it is of a kind that may have an address.
Answer TakeSocket(Caller& caller, base::UniqueFd& socket) {
  if (const Answer taken = caller.Take(caller.IntArgument(0), socket); taken != 0) return taken;
  int family = 0;
  int type = 0;
  socklen_t size = sizeof(family);
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_DOMAIN, &family, &size) != 0) return -errno;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_TYPE, &type, &size) != 0) return -errno;
  return family == AF_UNIX && (type == SOCK_STREAM || type == SOCK_SEQPACKET) ? 0 : -EPERM;
}

struct Address {
  sockaddr_un value = {};
  socklen_t size = 0;
  std::string path;
};

Answer ReadAddress(const Caller& caller, Address& address) {
  const std::uint64_t size = caller.Argument(2) & 0xffffffff;
  if (size < sizeof(sa_family_t) || size > sizeof(address.value)) return -EINVAL;
  if (const Answer read = caller.Read(caller.Argument(1), &address.value, size); read != 0) return read;
  address.size = static_cast<socklen_t>(size);
  if (address.value.sun_family != AF_UNIX) return -EPERM;
  const std::string_view text(address.value.sun_path, size - kPathOffset);
  address.path = text.substr(0, text.find('\0'));
  return address.path.empty() ? -EPERM : 0;  // abstract, or a name that the kernel is to pick
}

// connect(2) to a file that is held, waiting no longer than the kernel's shortest time whatever the socket's mode: by
// its own timeout for sending, which on a socket that is not connected yet nobody else uses.
Answer ConnectTo(int socket, int file) {
  timeval before = {};
  socklen_t size = sizeof(before);
  const timeval shortest = {0, 1};
  (void)::getsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &before, &size);
  (void)::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &shortest, sizeof(shortest));
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  NameOf(file).copy(address.sun_path, sizeof(address.sun_path) - 1);
  const int done = ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  const int error = errno;
  (void)::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &before, sizeof(before));
  return done == 0 ? 0 : -error;
}

absl::Time WaitsUntil(int socket) {
  timeval timeout = {};
  socklen_t size = sizeof(timeout);
  (void)::getsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &timeout, &size);
  const absl::Duration limit = absl::DurationFromTimeval(timeout);
  return limit == absl::ZeroDuration() ? absl::InfiniteFuture() : absl::Now() + limit;
}

// Whether a living socket is bound to the file. Its server notices nothing: the kernel answers by the type before it
// looks at the queue, and connecting a datagram socket sends nothing.
bool IsLive(int file) {
  const base::UniqueFd asking(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  return !asking || ConnectTo(asking.get(), file) != -ECONNREFUSED;
}

// Whether connecting to `file` leads to `server`, which listens: a connection of our own comes out there.
bool LeadsTo(int file, int server) {
  int type = 0;
  socklen_t size = sizeof(type);
  if (::getsockopt(server, SOL_SOCKET, SO_TYPE, &type, &size) != 0) return false;
  const base::UniqueFd client(::socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const absl::StatusOr<std::uint64_t> random = base::RandomU64();
  if (!random.ok()) return false;
  const std::uint64_t word = *random;
  if (!client || ConnectTo(client.get(), file) != 0 ||
      ::send(client.get(), &word, sizeof(word), MSG_NOSIGNAL | MSG_DONTWAIT) != sizeof(word)) {
    return false;
  }
  pollfd ready = {server, POLLIN, 0};
  if (::poll(&ready, 1, 0) != 1) return false;
  timeval before = {};
  size = sizeof(before);
  const timeval shortest = {0, 1};
  (void)::getsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &before, &size);
  (void)::setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &shortest, sizeof(shortest));
  const base::UniqueFd accepted(::accept4(server, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  (void)::setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &before, sizeof(before));
  std::uint64_t heard = 0;
  return accepted && ::recv(accepted.get(), &heard, sizeof(heard), MSG_DONTWAIT) == sizeof(heard) && heard == word;
}

// Where a new name would be: its directory, held, and its canonical path.
Answer OpenPlace(Caller& caller, const std::string& path, base::UniqueFd& directory, std::string& name,
                 std::string& canonical) {
  const std::size_t slash = path.rfind('/');
  name = slash == std::string::npos ? path : path.substr(slash + 1);
  if (name.empty() || name == "." || name == "..") return -EINVAL;
  const std::string above = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  if (const Answer opened = OpenFor(caller, AT_FDCWD, above, true, directory); opened != 0) return opened;
  const FileFacts facts = FactsOf(directory.get());
  if (!S_ISDIR(facts.mode)) return -ENOTDIR;
  canonical = base::JoinPath(facts.path, name);
  return 0;
}

Answer BindIn(BindOrder& order) {
  const absl::StatusOr<BorrowedChild> child = CloneBorrowed(&RunBindChild, &order, 0);
  if (!child.ok()) return -ENOMEM;
  siginfo_t info;
  while (::waitid(P_PIDFD, static_cast<id_t>(child->pidfd.get()), &info, WEXITED | __WALL) != 0 && errno == EINTR) {
  }
  return order.answer;
}

}  // namespace

Answer UnixSockets::Bind(Caller& caller) {
  base::UniqueFd socket;
  Address address;
  if (const Answer taken = TakeSocket(caller, socket); taken != 0) return taken;
  if (const Answer read = ReadAddress(caller, address); read != 0) return read;
  base::UniqueFd place;
  std::string name;
  std::string canonical;
  if (const Answer opened = OpenPlace(caller, address.path, place, name, canonical); opened != 0) return opened;
  if (!MayMakeSocket(plan_, canonical)) return -EPERM;
  struct stat info;
  if (::fstatat(place.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) return -EADDRINUSE;
  if (::fstat(socket.get(), &info) != 0) return -EPERM;
  if (!HasRoom()) return -ENOMEM;
  BindOrder order;
  base::UniqueFd start;
  if (!address.path.starts_with('/')) {
    if (const Answer opened = caller.OpenCurrentDirectory(start); opened != 0) return opened;
    order.directory = start.get();
  }
  order.umask = caller.Umask();
  if (order.umask < 0 || !caller.Waits()) return -EPERM;
  order.socket = socket.get();
  order.ruleset = ruleset_.get();
  order.address = address.value;
  order.size = address.size;
  if (const Answer bound = BindIn(order); bound != 0) return bound;
  Bound made;
  made.socket = info.st_ino;
  made.file.reset(::openat(place.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  // Not there: the program has led its own path elsewhere meanwhile. Nobody will be connected to that socket.
  if (made.file && ::fstat(made.file.get(), &info) == 0 && S_ISSOCK(info.st_mode)) {
    made.device = info.st_dev;
    made.inode = info.st_ino;
    Remember(std::move(made));
  }
  return 0;
}

// A socket that has no name of this sandbox's is inherited, and does not become a server.
Answer UnixSockets::Listen(Caller& caller) {
  base::UniqueFd socket;
  if (const Answer taken = TakeSocket(caller, socket); taken != 0) return taken;
  struct stat info;
  if (::fstat(socket.get(), &info) != 0) return -EPERM;
  const auto bound =
      std::find_if(bound_.begin(), bound_.end(), [&](const Bound& b) { return b.socket == info.st_ino; });
  if (bound == bound_.end() || !caller.Waits()) return -EPERM;
  if (::listen(socket.get(), caller.IntArgument(1)) != 0) return -errno;
  // What was found under the name after bind(2) need not be what was bound: whoever else may write there can have put
  // a server of his own in its place. So the file is only believed when it has been seen to lead here.
  if (!bound->listens) bound->listens = LeadsTo(bound->file.get(), socket.get());
  return 0;
}

Answer UnixSockets::Connect(Caller& caller, std::optional<Waiting>& waiting) {
  base::UniqueFd socket;
  Address address;
  if (const Answer taken = TakeSocket(caller, socket); taken != 0) return taken;
  if (const Answer read = ReadAddress(caller, address); read != 0) return read;
  base::UniqueFd server;
  if (const Answer opened = OpenFor(caller, AT_FDCWD, address.path, true, server); opened != 0) return opened;
  struct stat info;
  if (::fstat(server.get(), &info) != 0) return -EPERM;
  if (!S_ISSOCK(info.st_mode)) return -ECONNREFUSED;
  const bool own = std::any_of(bound_.begin(), bound_.end(), [&](const Bound& b) {
    return b.listens && b.device == info.st_dev && b.inode == info.st_ino;
  });
  const Peer peer = {FactsOf(server.get()).path, own};
  if (!MayConnect(plan_, peer)) return RefusalOf(server.get(), peer.path);
  if (!caller.Waits()) return -EPERM;
  const bool blocking = (::fcntl(socket.get(), F_GETFL) & O_NONBLOCK) == 0;
  const Answer connected = ConnectTo(socket.get(), server.get());
  if (connected == -EAGAIN && blocking) {
    const absl::Time until = WaitsUntil(socket.get());
    waiting = {std::move(socket), std::move(server), until};
  }
  return connected;
}

Answer UnixSockets::Retry(const Waiting& waiting) { return ConnectTo(waiting.socket.get(), waiting.server.get()); }

// Where the sandbox may write, a file without a server says so, for programs clear away what others left behind; and a
// socket of its own that does not listen yet is not there yet.
Answer UnixSockets::RefusalOf(int file, const std::string& path) const {
  if (!MayMakeSocket(plan_, path)) return -EPERM;
  struct stat info;
  if (::fstat(file, &info) != 0) return -EPERM;
  const bool made_here = std::any_of(bound_.begin(), bound_.end(),
                                     [&](const Bound& b) { return b.device == info.st_dev && b.inode == info.st_ino; });
  return made_here || !IsLive(file) ? -ECONNREFUSED : -EPERM;
}

void UnixSockets::Remember(Bound bound) {
  // An older one with that number is closed by now: what it proved stays, its number is not its own any more.
  for (Bound& older : bound_) {
    if (older.socket == bound.socket) older.socket = 0;
  }
  bound_.push_back(std::move(bound));
}

// Forgets those whose name has been removed, when there are many.
bool UnixSockets::HasRoom() {
  if (bound_.size() < kMostBound) return true;
  std::erase_if(bound_, [](const Bound& b) {
    struct stat info;
    return ::fstat(b.file.get(), &info) != 0 || info.st_nlink == 0;
  });
  return bound_.size() < kMostBound;
}

}  // namespace leash::platform
