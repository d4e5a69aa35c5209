// Carries the bytes of a tunnel, both ways, until both sides have said all.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "base/unique_fd.h"
#include "leash/network_event.h"
#include "net/egress_settings.h"
#include "net/loop_handles.h"
#include "net/relay_buffers.h"
#include "net/stream.h"

namespace leash::net {

// One tunnel. For use on the loop's thread alone. When one side has said all, the other is told so (shutdown(2)), and
// may go on.
class Relay {
 public:
  enum class End {
    kDone,     // both sides have said all
    kBroken,   // a side has vanished: errno tells how
    kIdle,     // nothing for as long as EgressSettings::idle_tunnel
    kStopped,  // the inspector said so; the sockets and what was held can be taken
  };
  enum class Inspected { kMore, kPass, kStop };
  // Sees what the client has said so far, until it says kPass or kStop; nothing of it goes on meanwhile. What the
  // upstream says does: in some protocols it speaks first. The last call is at the client's end, with `complete` set.
  using Inspector = std::function<Inspected(std::string_view so_far, bool complete)>;

  struct Sockets {
    Stream client, upstream;
  };

  // `held` is what was read from the client already. Without an inspector everything passes.
  Relay(uv_loop_s* loop, const EgressSettings& settings, RelayBuffers& buffers, Sockets sockets, std::string held,
        Inspector inspect, std::function<void(End end)> done);
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  // `done` is called once, perhaps before this returns; it may destroy this object.
  void Start();
  // Whether the upstream has been told that the client says no more.
  bool up_told() const { return up_.told; }
  std::uint64_t bytes_up() const { return up_.bytes; }
  std::uint64_t bytes_down() const { return down_.bytes; }
  // The client has got all that the upstream ever said, and knows it.
  bool down_told() const { return down_.told; }

  // What an end other than kStopped means for the one who asked, and in words; to be asked before errno changes.
  static std::pair<NetworkOutcome, std::string> OutcomeOf(End end);

  // After kStopped.
  Sockets TakeSockets() { return std::move(sockets_); }
  std::string TakeHeld() { return std::move(held_); }

 private:
  struct Direction {
    explicit Direction(RelayBuffers& buffers) : piped(buffers) {}

    int from = -1, to = -1;
    std::string pending;   // was read, and the other side has no room for it
    std::size_t sent = 0;  // of pending
    PipedBytes piped;
    bool bulk = false;  // so much that it pays to leave it in the kernel
    bool ended = false;
    bool told = false;
    std::uint64_t bytes = 0;

    bool HasUnsent() const { return sent < pending.size() || piped.held() > 0; }
  };

  void Ready(bool up, bool down);
  void Settle();
  bool Inspect();
  bool Pump(Direction& direction);
  bool Drain(Direction& direction);
  ssize_t Take(Direction& direction);
  int EventsFor(const Direction& reads, const Direction& writes) const;
  void Finish(End end);

  const EgressSettings& settings_;
  RelayBuffers& buffers_;
  Sockets sockets_;
  std::string held_;
  Inspector inspect_;  // empty: has let it pass
  const std::function<void(End)> done_;
  Direction up_, down_;
  Timer idle_;
};

}  // namespace leash::net
