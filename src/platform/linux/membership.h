// Finding and ending everything that descends from a command, without a process-id namespace.
//
// Each command is started with a mark of its own: a value of RLIMIT_RTTIME (getrlimit(2)). The limit bounds the
// processor time of real-time threads, far above any that could exist, so it has no effect of its own; it is
// inherited by every descendant, whatever it does about sessions, groups and parents; anyone of the same user can
// read it with prlimit(2); and the system call table forbids setting it. So a process bears the mark if and only if
// it descends from the command.
//
// Inside a sandbox of leash's all processes bear that one's mark already. A leash in there has to go by who descends
// from whom: see KillDescendants.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace leash::platform {

// 62 bits: 40 of the sandbox's id, 22 of the command's number in it. A sandbox has at most 4 million commands before
// numbers repeat, which only makes killing one command kill a very old one as well.
class Mark {
 public:
  static Mark OfCommand(std::uint64_t sandbox_id, std::uint64_t number);
  static Mark OfSandbox(std::uint64_t sandbox_id);  // matches all its commands

  std::uint64_t value() const { return value_; }
  bool Matches(std::uint64_t limit) const { return (limit & mask_) == value_; }

 private:
  Mark(std::uint64_t value, std::uint64_t mask) : value_(value), mask_(mask) {}
  std::uint64_t value_;
  std::uint64_t mask_;
};

// How long ending processes may take before it is an error.
inline constexpr absl::Duration kKillPatience = absl::Seconds(10);

// SIGKILL to every process that bears the mark, again until several whole looks at /proc find none alive.
// Errors: kIo when some are still alive after `patience`, or /proc cannot be read.
absl::Status KillMarked(const Mark& mark, absl::Duration patience);

// Whether this process is in a sandbox of leash's.
bool BearsMark();

// SIGKILL to every process that descends from `root`, but not to that, until several whole looks at /proc find none
// alive. What has lost its parent descends from whoever adopted it: PR_SET_CHILD_SUBREAPER(2). Errors as above.
absl::Status KillDescendants(pid_t root, absl::Duration patience);

}  // namespace leash::platform
