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
  base::UniqueFd fd;
  std::unique_ptr<SocketWatch> watch;  // goes before fd
};

Dialer::Dialer(uv_loop_s* loop, const EgressSettings& settings, std::vector<Endpoint> endpoints,
               std::function<void(absl::StatusOr<Upstream>)> done)
    : loop_(loop),
      settings_(settings),
      endpoints_(std::move(endpoints)),
      done_(std::move(done)),
      last_error_(base::Error(ErrorCode::kIo, "there is no address to connect to")),
      next_attempt_(loop, [this] { early_.has_value() ? Finish(*std::exchange(early_, std::nullopt)) : TryNext(); }),
      deadline_(loop, [this] { Finish(base::Error(ErrorCode::kIo, "no answer to the connection in time")); }) {
  deadline_.Start(settings_.connect);
  TryNext();
  constructed_ = true;
}

Dialer::~Dialer() = default;

void Dialer::TryNext() {
  if (next_ >= endpoints_.size()) {
    if (attempts_.empty()) Finish(last_error_);
    return;
  }
  auto attempt = std::make_unique<Attempt>();
  attempt->endpoint = endpoints_[next_++];
  sockaddr_storage address;
  const socklen_t size = attempt->endpoint.ToSockaddr(address);
  attempt->fd = NewSocket(address.ss_family, SOCK_STREAM);
  if (!attempt->fd) return Failed(nullptr, errno);
  SetUpStream(attempt->fd.get());
  const int result = ::connect(attempt->fd.get(), reinterpret_cast<const sockaddr*>(&address), size);
  if (result != 0 && errno != EINPROGRESS && errno != EINTR) return Failed(nullptr, errno);
  Attempt* const raw = attempt.get();
  attempts_.push_back(std::move(attempt));
  if (result == 0) return Connected(*raw);
  raw->watch = std::make_unique<SocketWatch>(loop_, raw->fd.get(), [this, raw](int) {
    int error = 0;
    socklen_t length = sizeof(error);
    if (::getsockopt(raw->fd.get(), SOL_SOCKET, SO_ERROR, &error, &length) != 0) error = errno;
    error == 0 ? Connected(*raw) : Failed(raw, error);
  });
  if (!raw->watch->ok()) return Failed(raw, ENOMEM);
  raw->watch->Watch(SocketWatch::kWritable);
  next_attempt_.Start(settings_.next_attempt);
}

void Dialer::Connected(Attempt& attempt) {
  attempt.watch.reset();
  Finish(Upstream{std::move(attempt.fd), attempt.endpoint});
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
  if (!constructed_) {
    early_ = std::move(result);
    next_attempt_.Start(absl::ZeroDuration());
    return;
  }
  next_attempt_.Stop();
  deadline_.Stop();
  attempts_.clear();
  const auto done = done_;  // it may destroy this
  done(std::move(result));
}

}  // namespace leash::net
