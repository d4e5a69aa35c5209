#include "net/relay.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/status.h"
#include "net/sockets.h"

namespace leash::net {
namespace {

constexpr std::size_t kPipeSize = std::size_t{1} << 20;
constexpr std::size_t kPipesKept = 16;
// Turns a tunnel takes before others have theirs.
constexpr int kTurns = 4;

}  // namespace

std::unique_ptr<RelayBuffers::Pipe> RelayBuffers::TakePipe() {
  if (!pipes_.empty()) {
    auto pipe = std::move(pipes_.back());
    pipes_.pop_back();
    return pipe;
  }
  int ends[2];
  if (::pipe(ends) != 0) return nullptr;
  auto pipe = std::make_unique<Pipe>(Pipe{base::UniqueFd(ends[0]), base::UniqueFd(ends[1])});
  for (const int end : ends) {
    ::fcntl(end, F_SETFD, FD_CLOEXEC);
    ::fcntl(end, F_SETFL, O_NONBLOCK);
  }
#ifdef F_SETPIPE_SZ
  (void)::fcntl(ends[0], F_SETPIPE_SZ, static_cast<int>(kPipeSize));  // a user has a limit on that: then it is smaller
#endif
  return pipe;
}

void RelayBuffers::GiveBack(std::unique_ptr<Pipe> empty) {
  if (pipes_.size() < kPipesKept) pipes_.push_back(std::move(empty));
}

Relay::Relay(uv_loop_s* loop, const EgressSettings& settings, RelayBuffers& buffers, Sockets sockets, std::string held,
             Inspector inspect, std::function<void(End)> done)
    : settings_(settings),
      buffers_(buffers),
      sockets_(std::move(sockets)),
      held_(std::move(held)),
      inspect_(std::move(inspect)),
      done_(std::move(done)),
      idle_(loop, [this] { Finish(End::kIdle); }),
      soon_(loop, [this] { Ready(true, true); }) {
  sockets_.client.OnReady(
      [this](int events) { Ready((events & SocketWatch::kReadable) != 0, (events & SocketWatch::kWritable) != 0); });
  sockets_.upstream.OnReady(
      [this](int events) { Ready((events & SocketWatch::kWritable) != 0, (events & SocketWatch::kReadable) != 0); });
  up_.from = down_.to = sockets_.client.get();
  down_.from = up_.to = sockets_.upstream.get();
  if (!inspect_) up_.pending = std::move(held_);
  idle_.Start(settings_.idle_tunnel);
  if (up_.HasUnsent() || !held_.empty()) {
    soon_.Start(absl::ZeroDuration());
  } else {
    Settle();
  }
}

Relay::~Relay() {
  ReturnPipe(up_);
  ReturnPipe(down_);
}

std::pair<NetworkOutcome, std::string> Relay::OutcomeOf(End end) {
  switch (end) {
    case End::kDone:
    case End::kStopped:
      break;
    case End::kBroken:
      return {NetworkOutcome::kBroken, base::ErrnoText(errno)};
    case End::kIdle:
      return {NetworkOutcome::kTimedOut, "nothing was said for too long"};
  }
  return {NetworkOutcome::kDone, ""};
}

// What can be done upwards, downwards, or both.
void Relay::Ready(bool up, bool down) {
  const std::uint64_t before = up_.bytes + down_.bytes;
  if (up && inspect_ && !Inspect()) return Finish(End::kStopped);
  if ((up && !inspect_ && !Pump(up_)) || (down && !Pump(down_))) return Finish(End::kBroken);
  if (up_.told && down_.told) return Finish(End::kDone);
  if (up_.bytes + down_.bytes != before) idle_.Start(settings_.idle_tunnel);
  Settle();
}

// Watches what there is to wait for.
void Relay::Settle() {
  sockets_.client.Watch(EventsFor(up_, down_));
  sockets_.upstream.Watch(EventsFor(down_, up_));
}

int Relay::EventsFor(const Direction& reads, const Direction& writes) const {
  int events = SocketWatch::kNothing;
  if (!reads.ended && !reads.HasUnsent()) events |= SocketWatch::kReadable;
  if (writes.HasUnsent()) events |= SocketWatch::kWritable;
  return events;
}

// False: it is to stop here.
bool Relay::Inspect() {
  const ssize_t got = up_.ended ? 0 : Receive(up_.from, buffers_.bytes().data(), buffers_.bytes().size());
  if (got < 0 && !WouldBlock()) up_.ended = true;
  if (got == 0) up_.ended = true;
  if (got > 0) held_.append(buffers_.bytes().data(), static_cast<std::size_t>(got));
  if (held_.empty() && !up_.ended) return true;
  switch (inspect_(held_, up_.ended)) {
    case Inspected::kMore:
      if (!up_.ended) return true;
      [[fallthrough]];
    case Inspected::kStop:
      return false;
    case Inspected::kPass:
      inspect_ = nullptr;
      up_.bytes += held_.size();
      up_.pending = std::exchange(held_, {});
      return true;
  }
  return false;
}

// False: a side has vanished.
bool Relay::Pump(Direction& direction) {
  for (int turn = 0; turn < kTurns; ++turn) {
    if (!Drain(direction)) return false;
    if (direction.HasUnsent()) return true;
    const ssize_t got = direction.ended ? 0 : Take(direction);
    if (got < 0) {
      if (!WouldBlock()) return false;
      direction.bulk = false;
      ReturnPipe(direction);
      return true;
    }
    if (got == 0) {
      direction.ended = true;
      if (!std::exchange(direction.told, true)) (void)::shutdown(direction.to, SHUT_WR);
      return true;
    }
    direction.bytes += static_cast<std::uint64_t>(got);
    // Less than there was room for: it is all there was.
    if (!direction.bulk && !direction.HasUnsent()) return true;
  }
  return true;
}

// Sends what waits. False: the side has vanished.
bool Relay::Drain(Direction& direction) {
  while (direction.sent < direction.pending.size()) {
    const ssize_t sent =
        Send(direction.to, direction.pending.data() + direction.sent, direction.pending.size() - direction.sent);
    if (sent < 0) return WouldBlock();
    direction.sent += static_cast<std::size_t>(sent);
  }
  if (direction.sent > 0) {
    direction.pending = {};  // given back: most tunnels idle most of the time
    direction.sent = 0;
  }
  while (direction.in_pipe > 0) {
    const ssize_t moved = buffers_.splice()(direction.pipe->out.get(), direction.to, direction.in_pipe);
    if (moved < 0) return WouldBlock();
    direction.in_pipe -= static_cast<std::size_t>(moved);
  }
  return true;
}

// As recv(2), with what was read sent on as far as that goes.
ssize_t Relay::Take(Direction& direction) {
  if (direction.bulk && direction.pipe == nullptr) direction.pipe = buffers_.TakePipe();
  if (direction.pipe != nullptr) {
    const ssize_t moved = buffers_.splice()(direction.from, direction.pipe->in.get(), kPipeSize);
    if (moved > 0) direction.in_pipe = static_cast<std::size_t>(moved);
    return moved;
  }
  auto& bytes = buffers_.bytes();
  const ssize_t got = Receive(direction.from, bytes.data(), bytes.size());
  if (got <= 0) return got;
  const auto size = static_cast<std::size_t>(got);
  direction.bulk = size == bytes.size() && buffers_.splice() != nullptr;
  const ssize_t sent = Send(direction.to, bytes.data(), size);
  if (sent < 0 && !WouldBlock()) return -1;
  const std::size_t gone = sent < 0 ? 0 : static_cast<std::size_t>(sent);
  if (gone < size) direction.pending.assign(bytes.data() + gone, size - gone);
  return got;
}

void Relay::ReturnPipe(Direction& direction) {
  if (direction.pipe != nullptr && direction.in_pipe == 0) buffers_.GiveBack(std::move(direction.pipe));
  direction.pipe.reset();
}

void Relay::Finish(End end) {
  const int error = errno;
  idle_.Stop();
  soon_.Stop();
  sockets_.client.Watch(SocketWatch::kNothing);
  sockets_.upstream.Watch(SocketWatch::kNothing);
  const auto done = done_;
  errno = error;
  done(end);
}

}  // namespace leash::net
