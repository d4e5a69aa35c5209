// The network of a sandbox that has none of its own: on the host's loopback, where the supervisor leads its programs.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "core/backend.h"
#include "platform/linux/connection_table.h"
#include "platform/linux/inside_loopback.h"

namespace leash::platform {

// What the supervisor needs.
struct HostNetwork {
  std::shared_ptr<InsideLoopback> loopback;
  // Shared with the intake. Null: programs reach nobody but each other.
  std::shared_ptr<ConnectionTable> connections;
  base::UniqueFd name_sockets;  // the other end of EgressIntake::name_sockets
  bool identify = false;        // the table is to know who connects
};

// With a way to the egress proxy when there is an `intake`. Errors: kNotEnforced.
absl::StatusOr<HostNetwork> MakeHostNetwork(bool identify, core::EgressIntake* intake);

}  // namespace leash::platform
