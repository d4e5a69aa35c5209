// libuv handles as values with owners. For use on the loop's thread alone.
#pragma once

#include <cstdint>
#include <functional>

#include "absl/time/time.h"

struct uv_loop_s;

namespace leash::base {

// Tells when a descriptor can be read or written. The descriptor is the caller's, and outlives this.
class SocketWatch {
 public:
  enum Events : int { kNothing = 0, kReadable = 1, kWritable = 2, kBoth = 3 };
  // Gets the events that were asked for and have come; all of those when the descriptor has an error, which the next
  // call on it gives. It may destroy or move the watch.
  using Ready = std::function<void(int events)>;

  SocketWatch() = default;
  SocketWatch(uv_loop_s* loop, int fd, Ready ready = nullptr);
  ~SocketWatch();
  // The new one watches nothing for nobody, until it is told to: who gave it away hears no more.
  SocketWatch(SocketWatch&& other) noexcept;
  SocketWatch& operator=(SocketWatch&& other) noexcept;

  // False: the system has no room for another watched descriptor; nobody is ever called then.
  bool ok() const { return node_ != nullptr; }
  void OnReady(Ready ready);
  // A change costs three system calls, so it is made only when it is needed: to hear of more at once, to hear of less
  // when something has come that nobody wanted.
  void Watch(int events);

 private:
  struct Node;
  Node* node_ = nullptr;  // freed by the loop, after this has gone
};

// Calls once, some time after. Cheap to push back again and again: the handle is moved only when it fires too early.
class Timer {
 public:
  // `expired` may destroy this object.
  Timer(uv_loop_s* loop, std::function<void()> expired);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  void Start(absl::Duration delay);
  void Stop();

 private:
  struct Node;
  Node* node_;
};

// Milliseconds of the loop's clock: cached once a round.
std::uint64_t LoopNow(const uv_loop_s* loop);

}  // namespace leash::base
