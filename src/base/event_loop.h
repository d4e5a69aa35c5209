// The one thread that leash takes for itself.
#pragma once

#include <functional>
#include <memory>

#include "absl/time/time.h"

namespace leash::base {

// A libuv loop on a thread of its own, started with the first use and living as long as the process: never stopped,
// so that nothing is torn down under a caller at exit. Every method may be called from any thread; callbacks run on
// the loop's thread and must not block it.
//
// Two things need it. Asynchronous calls wait here rather than on a thread each. And processes are started from it:
// PR_SET_PDEATHSIG(2) fires when the *thread* that made the child ends, so a child must hang on a thread that outlives
// every caller's.
class EventLoop {
 public:
  static EventLoop& Shared();

  // Runs `task` on the loop's thread.
  void Post(std::function<void()> task);
  // Runs `task` on the loop's thread and waits for it. Called on that thread itself, it just runs.
  void RunSync(const std::function<void()>& task);
  // Calls `ready` once, when `fd` is readable (true) or `deadline` has passed (false). `fd` must stay open until then.
  void WhenReadable(int fd, absl::Time deadline, std::function<void(bool readable)> ready);

 private:
  EventLoop();
  ~EventLoop() = delete;

  struct Rep;
  Rep* rep_;
};

}  // namespace leash::base
