#include "net/socket_stock.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace leash::net {
namespace {

// Asked for more when there are fewer. An answer brings some more than that.
constexpr std::size_t kLow = 8;
// After none could be asked for, or made, or received: the system is short of descriptors.
constexpr absl::Duration kPause = absl::Milliseconds(50);

}  // namespace

SocketStock::SocketStock(uv_loop_s* loop, std::unique_ptr<base::SocketSource> source)
    : source_(std::move(source)), watch_(loop, source_->Fd(), [this](int) { Deliver(); }), again_(loop, [this] {
        for (Family& family : families_) {
          if (!family.waiters.empty()) Refill(family);
        }
      }) {
  families_[0].number = AF_INET;
  families_[1].number = AF_INET6;
  watch_.Watch(SocketWatch::kReadable);
}

SocketStock::Family& SocketStock::Of(int family) { return families_[family == AF_INET6 ? 1 : 0]; }

void SocketStock::Take(int family, const Presence& asker, Taken taken) {
  Family& from = Of(family);
  from.waiters.push_back({asker.handle(), std::move(taken)});
  Serve(from);
}

std::size_t SocketStock::waiting() {
  std::size_t count = 0;
  for (Family& family : families_) {
    std::erase_if(family.waiters, [](const Waiter& waiter) { return waiter.asker.expired(); });
    count += family.waiters.size();
  }
  return count;
}

void SocketStock::Refill(Family& family) {
  if (family.asked || family.none || family.sockets.size() >= kLow) return;
  family.asked = source_->Request(family.number);
  if (!family.asked) again_.Start(kPause);
}

void SocketStock::Deliver() {
  base::SocketSource::Delivery delivery;
  while (source_->Receive(delivery)) {
    Family& family = Of(delivery.family);
    family.asked = false;
    if (delivery.sockets.empty() && delivery.error == EAFNOSUPPORT) {
      family.none = true;
    } else if (delivery.sockets.empty()) {
      again_.Start(kPause);
      continue;
    }
    for (base::UniqueFd& socket : delivery.sockets) family.sockets.push_back(std::move(socket));
    Serve(family);
    delivery = {};
  }
}

// A callback may take another one.
void SocketStock::Serve(Family& family) {
  while (!family.waiters.empty() && (family.none || !family.sockets.empty())) {
    const Waiter waiter = std::move(family.waiters.front());
    family.waiters.pop_front();
    if (waiter.asker.expired()) continue;
    base::UniqueFd socket;
    if (!family.none) {
      socket = std::move(family.sockets.back());
      family.sockets.pop_back();
    }
    waiter.taken(std::move(socket));
  }
  Refill(family);
}

}  // namespace leash::net
