// One connection from outside to a server inside a sandbox.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>

#include "base/unique_fd.h"
#include "net/egress_context.h"
#include "net/egress_settings.h"
#include "net/loop_handles.h"
#include "net/relay.h"
#include "net/socket_stock.h"

namespace leash::net {

// Where a published port leads: the loopback addresses of the sandbox, the one that a server was last found on first.
struct PublishedTarget {
  std::uint16_t port = 0;
  std::array<int, 2> families = {};
};

// What the connections of one sandbox share.
struct PublisherContext {
  uv_loop_s* loop = nullptr;
  EgressSettings settings;
  RelayBuffers buffers;
  SocketStock stock;
};

// For use on the loop's thread alone.
class PublishedConnection {
 public:
  // `target` outlives this. `done` is called once, from within this object's own code.
  PublishedConnection(PublisherContext& context, base::UniqueFd client, PublishedTarget& target,
                      std::function<void()> done);
  ~PublishedConnection();
  PublishedConnection(const PublishedConnection&) = delete;
  PublishedConnection& operator=(const PublishedConnection&) = delete;

  void Start();
  // Whether the server may have said something that the client has not got yet.
  bool Carries() const;

 private:
  void TryNext();
  void Connect(int family, base::UniqueFd socket);
  void Connected();
  void Refuse();
  void RelayEnded(Relay::End end);
  void Finish();

  PublisherContext& context_;
  Stream client_;
  Stream inside_;
  PublishedTarget& target_;
  const std::array<int, 2> families_;
  std::size_t next_ = 0;
  const std::function<void()> done_;
  const Presence presence_;
  std::unique_ptr<Relay> relay_;
  Timer deadline_;
};

}  // namespace leash::net
