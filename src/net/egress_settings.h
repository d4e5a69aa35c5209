// The limits and deadlines of the egress proxy, each with the reason for its default.
#pragma once

#include <cstddef>

#include "absl/time/time.h"

namespace leash::net {

struct EgressSettings {
  // From accept to a complete request: a client that sends its head byte by byte is not waited for.
  absl::Duration handshake = absl::Seconds(30);
  // A policy that asks a person takes as long as a person.
  absl::Duration policy = absl::Minutes(5);
  absl::Duration resolve = absl::Seconds(15);
  // All attempts on all addresses of one host.
  absl::Duration connect = absl::Seconds(20);
  // Between attempts on further addresses (RFC 8305, section 5).
  absl::Duration next_attempt = absl::Milliseconds(250);
  // From a connection to an upstream proxy to its answer: it resolves and connects in this time.
  absl::Duration proxy_answer = absl::Seconds(60);
  // How long a name is looked up here that an upstream proxy will look up as well. Company networks may know no names
  // of the world, and some let such questions go unanswered.
  absl::Duration proxied_name = absl::Seconds(2);
  // Without a byte either way. Event streams and shells are idle for long; what is dead is found by TCP's keep-alives.
  absl::Duration idle_tunnel = absl::Hours(2);
  // Between two requests on a connection that is kept alive.
  absl::Duration idle_http = absl::Minutes(2);
  // No byte of a response that has been asked for.
  absl::Duration response = absl::Minutes(10);

  // Connections at once; what comes beyond is closed at once, and does not wait for others to end.
  std::size_t connections = 16384;
  // Bytes that wait for a slower side, a direction of a connection. Reading stops above.
  std::size_t buffered = std::size_t{256} * 1024;
  // Addresses of a host that are tried.
  std::size_t addresses = 8;
  // How long a resolved host is remembered at most.
  absl::Duration remember = absl::Seconds(60);
};

}  // namespace leash::net
