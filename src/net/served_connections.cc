#include "net/served_connections.h"

#include "absl/time/clock.h"
#include "base/event_loop.h"

namespace leash::net {
namespace {

constexpr absl::Duration kStep = absl::Milliseconds(2);

}  // namespace

void WaitOffLoop(const std::function<bool()>& over, absl::Duration most) {
  base::EventLoop& loop = base::EventLoop::Shared();
  if (loop.IsCurrentThread()) return;
  const absl::Time end = absl::Now() + most;
  while (true) {
    bool is_over = false;
    loop.RunSync([&] { is_over = over(); });
    if (is_over || absl::Now() >= end) return;
    absl::SleepFor(kStep);
  }
}

}  // namespace leash::net
