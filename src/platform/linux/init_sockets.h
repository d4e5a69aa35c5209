// Sockets of a sandbox's network, made by its init process.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "base/socket_source.h"
#include "platform/linux/init_process.h"

namespace leash::platform {

absl::StatusOr<std::unique_ptr<base::SocketSource>> MakeInitSockets(std::shared_ptr<const InitProcess> init);

}  // namespace leash::platform
