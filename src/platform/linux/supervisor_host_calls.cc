#include "platform/linux/supervisor_host_calls.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string_view>
#include <utility>

#include "base/status.h"
#include "fmt/format.h"
#include "platform/linux/supervisor_notification.h"
#include "platform/linux/supervisor_paths.h"

namespace leash::platform {
namespace {

constexpr std::size_t kPathOffset = offsetof(sockaddr_un, sun_path);

sockaddr_un AddressOf(std::string_view path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  return address;
}

base::UnixPeer PeerOf(const Caller& caller) {
  base::UnixPeer peer;
  peer.pid = std::max(caller.Process(), 0);
  peer.uid = static_cast<uid_t>(caller.User());
  peer.gid = static_cast<gid_t>(caller.Group());
  return peer;
}

int OptionOf(int socket, int option) {
  int value = -1;
  socklen_t size = sizeof(value);
  return ::getsockopt(socket, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

}  // namespace

void CallDoor::Set(core::CallSink sink) {
  const std::lock_guard lock(mutex_);
  sink_ = std::move(sink);
}

void CallDoor::Pass(base::UniqueFd connection, const base::UnixPeer& peer) {
  const std::lock_guard lock(mutex_);
  if (sink_) sink_(std::move(connection), peer);
}

absl::Status CheckCalls(const core::Plan& plan, const SupervisorSupport& support) {
  if (plan.call_socket.empty() || support.available()) return absl::OkStatus();
  return base::Error(ErrorCode::kUnsupported,
                     fmt::format("commands of the host need a supervisor, and this machine lets none work: {}; see: "
                                 "leash doctor",
                                 support.why_not));
}

HostCalls::HostCalls(std::string path, bool network, std::shared_ptr<CallDoor> door)
    : path_(std::move(path)), network_(network), door_(std::move(door)) {}

HostCalls HostCalls::OfPairs(std::string path, bool network, std::shared_ptr<CallDoor> door) {
  return {std::move(path), network, std::move(door)};
}

absl::StatusOr<HostCalls> HostCalls::OfListener(std::string path, std::shared_ptr<CallDoor> door) {
  HostCalls calls(std::move(path), true, std::move(door));
  const auto failed = [&] {
    return base::ErrnoError(ErrorCode::kIo, errno, fmt::format("cannot make a socket at {}", calls.path_));
  };
  const sockaddr_un address = AddressOf(calls.path_);
  if (calls.path_.size() >= sizeof(address.sun_path)) {
    return base::Error(ErrorCode::kInvalidArgument, fmt::format("{} is too long for a socket", calls.path_));
  }
  calls.listener_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!calls.listener_ || ::bind(calls.listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address))) {
    return failed();
  }
  calls.file_.reset(::open(calls.path_.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!calls.file_ || ::unlink(calls.path_.c_str()) != 0 || ::listen(calls.listener_.get(), 1) != 0) return failed();
  return calls;
}

std::optional<Answer> HostCalls::Perform(Caller& caller) {
  if (listener_) return caller.Number() == SYS_connect ? ConnectToListener(caller) : std::nullopt;
  if (caller.Number() == SYS_socket) return MakePair(caller);
  if (caller.Number() == SYS_connect) return AnswerConnect(caller);
  return std::nullopt;
}

Answer HostCalls::MakePair(Caller& caller) {
  const int type = caller.IntArgument(1);
  std::array<int, 2> ends = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | (type & SOCK_NONBLOCK), 0, ends.data()) != 0) return -errno;
  base::UniqueFd ours(ends[0]);
  const base::UniqueFd theirs(ends[1]);
  const base::UnixPeer peer = PeerOf(caller);
  if (!caller.Waits()) return -EPERM;  // died: what was read of it may be another's
  const Answer given = ReplyWithDescriptor(caller.Listener(), caller.Id(), theirs.get(), (type & SOCK_CLOEXEC) != 0);
  if (given != 0) return given;
  door_->Pass(std::move(ours), peer);
  return kAnswered;
}

Answer HostCalls::ReadsPath(const Caller& caller, bool& named) const {
  named = false;
  const std::uint64_t size = caller.Argument(2) & 0xffffffff;
  sockaddr_un address = {};
  if (size < kPathOffset + 1 || size > sizeof(sockaddr_storage)) return 0;
  const std::size_t copied = std::min<std::size_t>(size, sizeof(address));
  if (const Answer read = caller.Read(caller.Argument(1), &address, copied); read != 0) return read;
  if (address.sun_family != AF_UNIX) return -EAFNOSUPPORT;
  const std::string_view text(address.sun_path, copied - kPathOffset);
  named = text.substr(0, text.find('\0')) == path_;
  return 0;
}

// Decides nothing: there is no socket that connect(2) could lead anywhere, but for those of the sandbox's own network,
// on which it goes on. Without a network a standard stream that was inherited must not be led elsewhere.
Answer HostCalls::AnswerConnect(Caller& caller) const {
  bool named = false;
  const Answer read = ReadsPath(caller, named);
  if (read == 0) return named ? 0 : -ECONNREFUSED;
  if (!network_) return read == -EAFNOSUPPORT ? -EPERM : -EISCONN;  // cannot be read, and is connected all the same
  LetGoOn(caller.Listener(), caller.Id());
  return kAnswered;
}

std::optional<Answer> HostCalls::ConnectToListener(Caller& caller) {
  if ((caller.Argument(2) & 0xffffffff) < kPathOffset + path_.size()) return std::nullopt;  // as those of TCP are
  bool named = false;
  if (ReadsPath(caller, named) != 0 || !named) return std::nullopt;
  base::UniqueFd socket;
  if (const Answer taken = caller.Take(caller.IntArgument(0), socket); taken != 0) return taken;
  if (OptionOf(socket.get(), SO_DOMAIN) != AF_UNIX || OptionOf(socket.get(), SO_TYPE) != SOCK_STREAM)
    return -EPROTOTYPE;
  const base::UnixPeer peer = PeerOf(caller);
  if (!caller.Waits()) return -EPERM;
  // By the file that is held. It does not wait: the queue is empty, since whatever comes into it is taken below.
  const sockaddr_un address = AddressOf(NameOf(file_.get()));
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) return -errno;
  base::UniqueFd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!connection) return -errno;
  door_->Pass(std::move(connection), peer);
  return 0;
}

}  // namespace leash::platform
