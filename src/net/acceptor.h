// Listeners of one service, and how their clients are accepted. For use on the loop's thread alone.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "absl/time/time.h"
#include "base/unique_fd.h"
#include "net/loop_handles.h"

namespace leash::net {

class Acceptor {
 public:
  // Who lets `client` go closes it.
  using Accepted = std::function<void(base::UniqueFd client)>;

  // While `holds` says so, if there is one, nobody is accepted: clients wait in the kernel's queue.
  explicit Acceptor(uv_loop_s* loop, std::function<bool()> holds = nullptr);
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  // What it accepts has the listener's options (SetUpStream). False: the system has no room to watch it.
  bool Add(base::UniqueFd listener, Accepted accepted);
  void Start() { Watch(SocketWatch::kReadable); }
  // At once what waits, without being woken for it.
  void AcceptWaiting();
  // Closes the listeners.
  void Stop();

 private:
  struct Listener {
    base::UniqueFd socket;
    Accepted accepted;
    SocketWatch watch;  // goes before the socket
  };

  void AcceptFrom(const Listener& listener);
  void Watch(int events);
  void Pause(absl::Duration time);

  uv_loop_s* const loop_;
  const std::function<bool()> holds_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  Timer pause_;
};

}  // namespace leash::net
