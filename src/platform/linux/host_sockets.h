// Sockets by which published ports lead to servers of a sandbox without a network of its own.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "base/socket_source.h"
#include "platform/linux/inside_loopback.h"

namespace leash::platform {

// Errors: kUnsupported, as InsideLoopback::Check() has them; kIo.
absl::StatusOr<std::unique_ptr<base::SocketSource>> MakeHostSockets(std::shared_ptr<InsideLoopback> loopback);

}  // namespace leash::platform
