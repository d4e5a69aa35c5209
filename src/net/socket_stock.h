// Sockets of a sandbox's network, kept at hand: so that a connection to it seldom waits for one to be made.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "base/socket_source.h"
#include "base/unique_fd.h"
#include "net/egress_context.h"
#include "net/loop_handles.h"

namespace leash::net {

// For use on the loop's thread alone.
class SocketStock {
 public:
  // Of the family that was asked for; empty when the network has none of it.
  using Taken = std::function<void(base::UniqueFd socket)>;

  SocketStock(uv_loop_s* loop, std::unique_ptr<base::SocketSource> source);
  SocketStock(const SocketStock&) = delete;
  SocketStock& operator=(const SocketStock&) = delete;

  bool ok() const { return watch_.ok(); }
  // Asks for the first ones.
  void Fill(int family) { Refill(Of(family)); }
  // `taken` is called once, unless `asker` has gone; perhaps before this returns. How long it may take is for the
  // asker's deadline.
  void Take(int family, const Presence& asker, Taken taken);
  // connect(2) of one of them to a server on the loopback of its network.
  int Connect(int socket, int family, std::uint16_t port) const { return source_->Connect(socket, family, port); }
  // Those who have not been given one yet and still wait.
  std::size_t waiting();

 private:
  struct Waiter {
    std::weak_ptr<void> asker;
    Taken taken;
  };
  struct Family {
    int number = 0;
    std::vector<base::UniqueFd> sockets = {};
    std::deque<Waiter> waiters = {};
    bool asked = false;  // and not answered yet
    bool none = false;
  };

  Family& Of(int family);
  void Refill(Family& family);
  void Deliver();
  void Serve(Family& family);

  const std::unique_ptr<base::SocketSource> source_;
  std::array<Family, 2> families_;
  SocketWatch watch_;
  Timer again_;
};

}  // namespace leash::net
