// Listens on ports of this machine for servers inside a sandbox, and carries what is said.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/socket_source.h"
#include "leash/published_port.h"
#include "net/egress_settings.h"
#include "net/relay.h"

namespace leash::net {

struct PublisherOptions {
  std::vector<PublishedPort> ports;
  // Sockets of the sandbox's network.
  std::unique_ptr<base::SocketSource> source;
  SpliceFunction splice = nullptr;
  // Of these: connections, connect, idle_tunnel.
  EgressSettings settings;
};

// Runs on the loop's thread (base/event_loop.h). Safe to use from any thread.
class Publisher {
 public:
  // Listens. Errors: kInvalidArgument for a port that cannot be one, kIo naming the port that cannot be listened on.
  static absl::StatusOr<std::unique_ptr<Publisher>> Start(PublisherOptions options);
  // Ends every connection.
  ~Publisher();
  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;

  // As they were asked for, with the ports that were free in place of 0.
  const std::vector<PublishedPort>& ports() const { return ports_; }
  // Connections at this moment.
  std::size_t connections() const;
  // Nobody new is served, and nothing is listened on any more.
  void StopListening();
  // For when the servers have ended: returns when their last words have been carried, or after `most`. On the loop's
  // thread itself, which must not wait, at once.
  void Drain(absl::Duration most);

 private:
  class Service;
  Publisher(std::unique_ptr<Service> service, std::vector<PublishedPort> ports);
  std::unique_ptr<Service> service_;  // for use on the loop's thread
  const std::vector<PublishedPort> ports_;
};

}  // namespace leash::net
