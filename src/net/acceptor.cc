#include "net/acceptor.h"

#include <utility>

#include "net/sockets.h"

namespace leash::net {
namespace {

constexpr int kAcceptsATurn = 64;
// After the system had no room for another connection.
constexpr absl::Duration kNoRoom = absl::Milliseconds(50);
constexpr absl::Duration kHeld = absl::Milliseconds(1);

}  // namespace

Acceptor::Acceptor(uv_loop_s* loop, std::function<bool()> holds)
    : loop_(loop), holds_(std::move(holds)), pause_(loop, [this] { Start(); }) {}

bool Acceptor::Add(base::UniqueFd listener, Accepted accepted) {
  SetUpStream(listener.get());
  listeners_.push_back(std::make_unique<Listener>(Listener{std::move(listener), std::move(accepted), {}}));
  Listener& added = *listeners_.back();
  added.watch = SocketWatch(loop_, added.socket.get());
  added.watch.OnReady([this, &added](int) { AcceptFrom(added); });
  return added.watch.ok();
}

void Acceptor::AcceptWaiting() {
  for (const auto& listener : listeners_) AcceptFrom(*listener);
}

void Acceptor::Stop() {
  pause_.Stop();
  listeners_.clear();
}

void Acceptor::AcceptFrom(const Listener& listener) {
  for (int turn = 0; turn < kAcceptsATurn; ++turn) {
    if (holds_ && holds_()) return Pause(kHeld);
    base::UniqueFd client = Accept(listener.socket.get());
    if (!client) {
      // No descriptor, or no memory: what waits in the queue would wake us without end.
      if (!WouldBlock()) Pause(kNoRoom);
      return;
    }
    listener.accepted(std::move(client));
  }
}

void Acceptor::Watch(int events) {
  for (const auto& listener : listeners_) listener->watch.Watch(events);
}

void Acceptor::Pause(absl::Duration time) {
  Watch(SocketWatch::kNothing);
  pause_.Start(time);
}

}  // namespace leash::net
