// Ports of this machine that lead to servers inside a sandbox.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace leash {

// TCP. What connects to `host_port` is connected to `inside_port` of the sandbox's own loopback, 127.0.0.1 or ::1; who
// connected is not known there. Where nobody listens inside, the connection is reset.
struct PublishedPort {
  // An address of this machine, "192.0.2.1" or "2001:db8::1", or "0.0.0.0" or "::" for all of a family. Empty: its
  // loopback, 127.0.0.1 and, where there is IPv6, ::1. Whoever reaches the address reaches the server, other users of
  // this machine too.
  std::string address = {};
  std::uint16_t host_port = 0;    // 0: any that is free; see Sandbox::PublishedPorts
  std::uint16_t inside_port = 0;  // from 1024 on: programs in a sandbox have no right to the others

  // "[ADDRESS:]HOST_PORT[:INSIDE_PORT][/tcp]", with an IPv6 address in brackets. One port given is both. Ranges of
  // equal length, "8000-8009:9000-9009", are as many ports. ErrorCode::kInvalidArgument, naming the character.
  static absl::StatusOr<std::vector<PublishedPort>> Parse(std::string_view text);
  // "127.0.0.1:8080:80", as Parse reads it.
  std::string ToString() const;

  bool operator==(const PublishedPort&) const = default;
};

}  // namespace leash
