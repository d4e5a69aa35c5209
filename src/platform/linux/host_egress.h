// Where the traffic of a sandbox without a network namespace comes out: listeners on the host's loopback, which the
// supervisor leads the programs' connections to.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "core/backend.h"
#include "platform/linux/connection_table.h"

namespace leash::platform {

// What the supervisor needs: shared with the intake.
struct HostEgress {
  std::shared_ptr<ConnectionTable> connections;
  base::UniqueFd name_sockets;  // the other end of EgressIntake::name_sockets
  bool identify = false;        // the table is to know who connects
};

// Errors: kNotEnforced.
absl::StatusOr<HostEgress> MakeHostEgress(bool identify, core::EgressIntake& intake);

}  // namespace leash::platform
