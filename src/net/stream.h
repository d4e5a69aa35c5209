// A connected socket together with its watch. It goes from stage to stage as one value, so that it is registered with
// the loop once and not by each of them.
#pragma once

#include <utility>

#include "base/unique_fd.h"
#include "net/loop_handles.h"
#include "net/sockets.h"

namespace leash::net {

class Stream {
 public:
  Stream() = default;
  // Watches nothing yet. Without room to watch it (SocketWatch::ok), the socket is closed.
  Stream(uv_loop_s* loop, base::UniqueFd fd) : fd_(std::move(fd)), watch_(loop, fd_.get()) {
    if (!watch_.ok()) fd_.reset();
  }
  Stream(Stream&&) noexcept = default;
  Stream& operator=(Stream&& other) noexcept {
    watch_ = std::move(other.watch_);  // goes before its descriptor
    fd_ = std::move(other.fd_);
    return *this;
  }

  explicit operator bool() const { return static_cast<bool>(fd_); }
  int get() const { return fd_.get(); }
  void OnReady(SocketWatch::Ready ready) { watch_.OnReady(std::move(ready)); }
  void Watch(int events) { watch_.Watch(events); }
  // Closes it so that the other side sees a reset, at once, rather than the end of a conversation that was cut short,
  // or that there was not.
  void Reset() {
    ResetOnClose(fd_.get());
    *this = {};
  }

 private:
  base::UniqueFd fd_;
  SocketWatch watch_;
};

}  // namespace leash::net
