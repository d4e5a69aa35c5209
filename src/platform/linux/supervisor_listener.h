// How the listener of a command's filter comes to the supervisor.
#pragma once

#include <pthread.h>

#include <cstdint>

#include "absl/status/status.h"
#include "platform/linux/launch_child.h"
#include "platform/linux/supervisor.h"

namespace leash::platform {

// The command stops halfway (LaunchOrder::stop) for its listener to be taken, and the thread that starts it is
// suspended in clone(2) by then. It must be: only who waits for a vfork(2) is spared when the kernel ends the process
// that shares its memory, which a full control group can make it do (oom_kill.c, in_vfork). So a thread of its own
// takes the listener, for as long as one command starts.
class ListenerTaker {
 public:
  // Both must stay until Finish() has returned. Errors: kSpawnFailed.
  absl::Status Start(LaunchOrder& order, Supervisor& supervisor);
  // After the command has executed its program, or ended.
  void Finish();

 private:
  static void* Run(void* self);
  void Take();

  std::uint32_t state_ = 0;  // a BorrowedState
  LaunchOrder* order_ = nullptr;
  Supervisor* supervisor_ = nullptr;
  pthread_t thread_ = {};
};

}  // namespace leash::platform
