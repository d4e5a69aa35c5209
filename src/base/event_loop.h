// The one thread that leash takes for itself.
#pragma once

#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

struct uv_loop_s;

namespace leash::base {

// A libuv loop on a thread of its own, started with the first use and living as long as the process: never stopped,
// so that nothing is torn down under a caller at exit. Every method may be called from any thread; callbacks run on
// the loop's thread and must not block it.
//
// libuv ends the process when the kernel later refuses to watch a descriptor for want of memory (epoll_ctl(2), ENOMEM).
//
// Two things need it. Asynchronous calls and deadlines wait here rather than on a thread each. And processes that a
// short-lived thread asks for are started from it, since PR_SET_PDEATHSIG(2) ends them with the thread that made them.
class EventLoop {
 public:
  // Starts it, unless it runs. Errors: kIo with the system's reason (no descriptor, no thread); another call may do.
  static absl::Status Start();
  // Starts it at its first use. Who has not called Start() gets the end of the process where that fails.
  static EventLoop& Shared();

  // The loop itself, for use on its thread alone.
  uv_loop_s* Handle();
  bool IsCurrentThread() const;
  // Runs `task` on the loop's thread.
  void Post(std::function<void()> task);
  // Runs `task` on the loop's thread and waits for it. Called on that thread itself, it just runs.
  void RunSync(const std::function<void()>& task);
  // Calls `ready` once, when `fd` is readable (true) or `deadline` has passed (false). Any number may wait for one
  // descriptor, which must be open when this is called.
  void WhenReadable(int fd, absl::Time deadline, std::function<void(bool readable)> ready);

 private:
  struct Rep;
  explicit EventLoop(Rep* rep) : rep_(rep) {}
  ~EventLoop() = delete;
  static absl::StatusOr<EventLoop*> Make();

  Rep* const rep_;
};

}  // namespace leash::base
