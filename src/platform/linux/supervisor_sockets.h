// Unix sockets without a network namespace: who may make one where, and who may be connected to.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "base/unique_fd.h"
#include "core/plan.h"
#include "platform/linux/supervisor_caller.h"

namespace leash::platform {

// Of one sandbox; used by its supervisor's thread alone.
//
// Sockets of the connected types only, by path only: an abstract name would be one of the host's. SO_PEERCRED and the
// like name leash's process, with the right user: it made the call.
class UnixSockets {
 public:
  // A connect(2) to a server whose queue is full, which the caller waits for.
  struct Waiting {
    base::UniqueFd socket;
    base::UniqueFd server;
    absl::Time until;
  };

  // `plan` is borrowed; `ruleset` lets sockets be made where the plan does, see MakeSocketRuleset.
  UnixSockets(const core::Plan& plan, base::UniqueFd ruleset) : plan_(plan), ruleset_(std::move(ruleset)) {}

  // Each makes the caller's call on behalf, or gives an errno.
  Answer Bind(Caller& caller);
  Answer Listen(Caller& caller);
  // Never blocks. When the caller must wait, fills in `waiting` and gives -EAGAIN: call Retry() later.
  Answer Connect(Caller& caller, std::optional<Waiting>& waiting);
  // -EAGAIN: still full.
  static Answer Retry(const Waiting& waiting);

 private:
  // A socket file that this sandbox made. Held, so that its inode number stays its own.
  struct Bound {
    ino_t socket = 0;  // in sockfs; may be another socket's once this one is closed
    base::UniqueFd file;
    dev_t device = 0;
    ino_t inode = 0;
    bool listens = false;  // proved: connecting to the file led to the socket
  };
  static constexpr std::size_t kMostBound = 256;

  void Remember(Bound bound);
  bool HasRoom();
  Answer RefusalOf(int file, const std::string& path) const;

  const core::Plan& plan_;
  const base::UniqueFd ruleset_;
  std::vector<Bound> bound_;
};

}  // namespace leash::platform
