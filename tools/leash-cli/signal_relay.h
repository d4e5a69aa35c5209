// Handing the signals that leash gets on to the program it runs.
#pragma once

#include <csignal>

#include "absl/status/statusor.h"
#include "leash/process.h"

namespace leash::cli {

// How a command ended, and what it used.
struct Ended {
  ExitStatus status = ExitStatus::Exited(0);
  ResourceUsage usage;
};

// SIGINT, SIGTERM and SIGHUP.
bool AsksToEnd(int signal);

// From its construction on, SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 and SIGWINCH wait instead of ending
// leash; for a terminal SIGTSTP and SIGCONT as well. Make it before any thread is started, so that every thread has
// them blocked. A signal that was ignored when leash started (nohup, a background job of a simple shell) is not handed
// on: ignoring it was the caller's wish.
//
// They stay blocked when this object goes: what comes after the program's end must not keep leash from tidying up.
class SignalRelay {
 public:
  enum class For { kStreams, kTerminal };
  explicit SignalRelay(For use);
  ~SignalRelay();
  SignalRelay(const SignalRelay&) = delete;
  SignalRelay& operator=(const SignalRelay&) = delete;

  // Waits for the end of `child`, on the calling thread. Each signal goes to the child's process group. The child may
  // take its time over the first SIGINT, SIGTERM or SIGHUP; the second one kills it and all its descendants.
  absl::StatusOr<Ended> WaitFor(Child& child);

  // The parts of it, for a loop of the caller's own. Readable when a signal waits:
  int fd() const { return fd_; }
  // The next signal that waits; 0: none, or one that is dealt with already.
  int Take(const Child& child);
  // What WaitFor does with one.
  void HandOn(Child& child, int signal);

 private:
  sigset_t signals_;
  int fd_;  // that reads them
  int requests_to_end_ = 0;
};

}  // namespace leash::cli
