// Who calls a command of the host, and how long it has to answer.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <stop_token>
#include <string>

#include "absl/time/time.h"

namespace leash {

// Lives as long as the handler of its call.
struct IpcContext {
  // The sandbox that the call came from: WorkingDir::id of its scratch directory. The socket is that sandbox's alone,
  // so this is known, not claimed.
  std::uint64_t sandbox_id = 0;
  // The name that was called: one handler may be registered under several.
  std::string command;
  // Who made the connection, as the kernel tells, and as this process's namespaces number it. A process may pass its
  // connection on to another one of its sandbox, and may have ended since: good for telling, not for deciding. 0 where
  // it cannot be known.
  pid_t pid = 0;
  uid_t uid = static_cast<uid_t>(-1);
  gid_t gid = static_cast<gid_t>(-1);
  // When the caller is told that there is no answer. The earlier of what it asked for and IpcLimits::call_time.
  absl::Time deadline = absl::InfiniteFuture();
  // Asked to stop when the caller cancels or goes away, when the deadline passes, and when the sandbox is closed. What
  // the handler answers afterwards is dropped. A std::stop_callback is called on leash's loop thread, which it must not
  // block.
  std::stop_token cancelled;
};

}  // namespace leash
