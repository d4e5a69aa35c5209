// Unix sockets of type SOCK_STREAM: unix(7).
#pragma once

#include <sys/types.h>

#include <string>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace leash::base {

// Who made a connection, as this process's namespaces number it; what the system does not tell stays as it is here.
struct UnixPeer {
  pid_t pid = 0;
  uid_t uid = static_cast<uid_t>(-1);
  gid_t gid = static_cast<gid_t>(-1);
};
UnixPeer PeerOf(int socket);

// Listens at `path`, with mode 0600 from the first moment on, for nobody else to connect; does not block,
// close-on-exec. The directory is the caller's to protect. Errors: kIo; kInvalidArgument for a path that is too long
// for an address.
absl::StatusOr<UniqueFd> ListenUnix(const std::string& path);
// The next connection, close-on-exec; empty, with errno, when there is none or no room.
UniqueFd AcceptUnix(int listener);

}  // namespace leash::base
