#include "net/relay.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "base/status.h"
#include "net/sockets.h"

namespace leash::net {
namespace {

// Turns a tunnel takes before others have theirs.
constexpr int kTurns = 4;

}  // namespace

Relay::Relay(uv_loop_s* loop, const EgressSettings& settings, RelayBuffers& buffers, Sockets sockets, std::string held,
             Inspector inspect, std::function<void(End)> done)
    : settings_(settings),
      buffers_(buffers),
      sockets_(std::move(sockets)),
      held_(std::move(held)),
      inspect_(std::move(inspect)),
      done_(std::move(done)),
      up_(buffers),
      down_(buffers),
      idle_(loop, [this] { Finish(End::kIdle); }) {
  sockets_.client.OnReady(
      [this](int events) { Ready((events & SocketWatch::kReadable) != 0, (events & SocketWatch::kWritable) != 0); });
  sockets_.upstream.OnReady(
      [this](int events) { Ready((events & SocketWatch::kWritable) != 0, (events & SocketWatch::kReadable) != 0); });
  up_.from = down_.to = sockets_.client.get();
  down_.from = up_.to = sockets_.upstream.get();
  if (!inspect_) up_.pending = std::move(held_);
}

// Most clients have spoken by now: looking is cheaper than being woken for it.
void Relay::Start() {
  idle_.Start(settings_.idle_tunnel);
  Ready(true, false);
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
      direction.piped.End();
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
  return direction.piped.Drain(direction.to);
}

// As recv(2), with what was read sent on as far as that goes.
ssize_t Relay::Take(Direction& direction) {
  if (direction.bulk && direction.piped.Begin()) return direction.piped.Take(direction.from, RelayBuffers::kPipeSize);
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

void Relay::Finish(End end) {
  const int error = errno;
  idle_.Stop();
  sockets_.client.Watch(SocketWatch::kNothing);
  sockets_.upstream.Watch(SocketWatch::kNothing);
  const auto done = done_;
  errno = error;
  done(end);
}

}  // namespace leash::net
