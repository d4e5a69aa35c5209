#include "base/loop_handles.h"

#include <uv.h>

#include <utility>

namespace leash::base {

struct SocketWatch::Node {
  uv_poll_t poll;
  Ready ready;
  int wanted = kNothing;
  int armed = kNothing;

  void Arm(int events) {
    static_assert(int{kReadable} == int{UV_READABLE} && int{kWritable} == int{UV_WRITABLE});
    armed = events;
    if (events == kNothing) {
      uv_poll_stop(&poll);
    } else {
      uv_poll_start(&poll, events, &Come);
    }
  }

  static void Come(uv_poll_t* poll, int status, int come) {
    auto& node = *static_cast<Node*>(poll->data);
    if (status < 0) {  // libuv has stopped the handle
      come = kBoth;
      node.armed = kNothing;
    }
    const int useful = come & node.wanted;
    if (useful != come && status == 0) node.Arm(node.wanted);
    if (useful == kNothing) return;
    const Ready ready = node.ready;  // it may be replaced meanwhile
    if (ready) ready(useful);
  }
};

SocketWatch::SocketWatch(uv_loop_t* loop, int fd, Ready ready) : node_(new Node{{}, std::move(ready)}) {
  node_->poll.data = node_;
  if (uv_poll_init(loop, &node_->poll, fd) == 0) return;
  delete node_;
  node_ = nullptr;
}

SocketWatch::~SocketWatch() {
  if (node_ == nullptr) return;
  uv_close(reinterpret_cast<uv_handle_t*>(&node_->poll),
           [](uv_handle_t* handle) { delete static_cast<Node*>(handle->data); });
}

SocketWatch::SocketWatch(SocketWatch&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {
  OnReady(nullptr);
  Watch(kNothing);
}

SocketWatch& SocketWatch::operator=(SocketWatch&& other) noexcept {
  SocketWatch taken(std::move(other));
  std::swap(node_, taken.node_);
  return *this;
}

void SocketWatch::OnReady(Ready ready) {
  if (node_ != nullptr) node_->ready = std::move(ready);
}

void SocketWatch::Watch(int events) {
  if (node_ == nullptr) return;
  node_->wanted = events;
  if ((events & ~node_->armed) != 0) node_->Arm(events);
}

struct Timer::Node {
  uv_timer_t timer;
  std::function<void()> expired;
  std::uint64_t due = 0;

  static void Fired(uv_timer_t* timer) {
    auto* node = static_cast<Node*>(timer->data);
    const std::uint64_t now = uv_now(timer->loop);
    if (node->due > now) {
      uv_timer_start(timer, &Fired, node->due - now, 0);
    } else {
      node->expired();
    }
  }
};

Timer::Timer(uv_loop_t* loop, std::function<void()> expired) : node_(new Node{{}, std::move(expired)}) {
  uv_timer_init(loop, &node_->timer);
  node_->timer.data = node_;
}

Timer::~Timer() {
  uv_close(reinterpret_cast<uv_handle_t*>(&node_->timer),
           [](uv_handle_t* handle) { delete static_cast<Node*>(handle->data); });
}

void Timer::Start(absl::Duration delay) {
  const std::uint64_t now = uv_now(node_->timer.loop);
  const std::int64_t wait = absl::ToInt64Milliseconds(delay);
  node_->due = now + static_cast<std::uint64_t>(wait > 0 ? wait : 0);
  const auto* handle = reinterpret_cast<const uv_handle_t*>(&node_->timer);
  if (uv_is_active(handle) != 0 && now + uv_timer_get_due_in(&node_->timer) <= node_->due) return;
  uv_timer_start(&node_->timer, &Node::Fired, node_->due - now, 0);
}

void Timer::Stop() { uv_timer_stop(&node_->timer); }

std::uint64_t LoopNow(const uv_loop_t* loop) { return uv_now(loop); }

}  // namespace leash::base
