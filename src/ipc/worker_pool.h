// Threads for handlers that block.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/unique_fd.h"

namespace leash::ipc {

// Starts a thread when there is work and none is idle, up to `most`; they stay until the pool goes. Any thread may
// call.
//
// Those that are idle sleep on a pipe, not on a condition variable. Writing to a pipe tells the kernel that the writer
// is about to sleep itself, so the thread runs at once where the writer did; one that is woken by futex(2) waits for
// another processor to wake up first, which takes longer than all the rest of a short call.
class WorkerPool {
 public:
  explicit WorkerPool(std::size_t most) : most_(most) {}
  // Drops work that has not begun, and waits for what has, unless a thread of the pool does it: that one goes on alone.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // False: the system gives no thread or no pipe, and there is none yet.
  bool Run(std::function<void()> work);

 private:
  struct State {
    std::mutex mutex;
    std::deque<std::function<void()>> waiting;  // guarded by mutex, as what follows
    std::size_t idle = 0;                       // threads that sleep, or have not seen yet that they are to wake
    std::size_t woken = 0;                      // of those: bytes on the pipe, or read and not accounted for
    bool ends = false;
    base::UniqueFd sleep;  // a pipe, made once before there is a thread
    base::UniqueFd wake;
  };
  static void Work(const std::shared_ptr<State>& state);
  bool MakePipe();
  bool StartThread();

  const std::size_t most_;
  const std::shared_ptr<State> state_ = std::make_shared<State>();
  std::vector<std::thread> threads_;  // guarded by state_->mutex
};

}  // namespace leash::ipc
