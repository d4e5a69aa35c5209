#include "net/dialer.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "base/status.h"
#include "fmt/format.h"
#include "net/sockets.h"

namespace leash::net {

struct Dialer::Attempt {
  Endpoint endpoint;
  Stream stream;
};

Dialer::Dialer(uv_loop_s* loop, const EgressSettings& settings, std::vector<Endpoint> endpoints,
               std::function<void(absl::StatusOr<Upstream>)> done)
    : loop_(loop),
      settings_(settings),
      endpoints_(std::move(endpoints)),
      done_(std::move(done)),
      last_error_(base::Error(ErrorCode::kIo, "there is no address to connect to")),
      next_attempt_(loop, [this] { TryNext(); }),
      deadline_(loop, [this] { Finish(base::Error(ErrorCode::kTimeout, "no answer to the connection in time")); }) {}

Dialer::~Dialer() = default;

void Dialer::Start() {
  deadline_.Start(settings_.connect);
  TryNext();
}

void Dialer::TryNext() {
  if (next_ >= endpoints_.size()) {
    if (attempts_.empty()) Finish(last_error_);
    return;
  }
  auto attempt = std::make_unique<Attempt>();
  attempt->endpoint = endpoints_[next_++];
  sockaddr_storage address;
  const socklen_t size = attempt->endpoint.ToSockaddr(address);
  base::UniqueFd fd = NewSocket(address.ss_family, SOCK_STREAM);
  if (!fd) return Failed(nullptr, errno);
  SetUpStream(fd.get());
  const int result = ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), size);
  if (result != 0 && errno != EINPROGRESS && errno != EINTR) return Failed(nullptr, errno);
  attempt->stream = Stream(loop_, std::move(fd));
  if (!attempt->stream) return Failed(nullptr, ENOMEM);
  Attempt* const raw = attempt.get();
  attempts_.push_back(std::move(attempt));
  // A host on this machine has answered by now: no need to be woken for it.
  if (result == 0 || IsWritable(raw->stream.get())) return Answered(*raw);
  raw->stream.OnReady([this, raw](int) { Answered(*raw); });
  raw->stream.Watch(SocketWatch::kWritable);
  next_attempt_.Start(settings_.next_attempt);
}

void Dialer::Answered(Attempt& attempt) {
  int error = 0;
  socklen_t length = sizeof(error);
  if (::getsockopt(attempt.stream.get(), SOL_SOCKET, SO_ERROR, &error, &length) != 0) error = errno;
  if (error != 0) return Failed(&attempt, error);
  Finish(Upstream{std::move(attempt.stream), attempt.endpoint});
}

void Dialer::Failed(Attempt* attempt, int error) {
  last_error_ = base::ErrnoError(ErrorCode::kIo, error, "cannot connect");
  std::erase_if(attempts_, [&](const auto& one) { return one.get() == attempt; });
  if (next_ < endpoints_.size()) {
    next_attempt_.Start(absl::ZeroDuration());
  } else if (attempts_.empty()) {
    Finish(last_error_);
  }
}

void Dialer::Finish(absl::StatusOr<Upstream> result) {
  next_attempt_.Stop();
  deadline_.Stop();
  attempts_.clear();
  const auto done = done_;  // it may destroy this
  done(std::move(result));
}

}  // namespace leash::net
