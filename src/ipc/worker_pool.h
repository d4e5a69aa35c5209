// Threads for handlers that block.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace leash::ipc {

// Starts a thread when there is work and none is idle, up to `most`; they stay until the pool goes. Any thread may
// call.
class WorkerPool {
 public:
  explicit WorkerPool(std::size_t most) : most_(most) {}
  // Drops work that has not begun, and waits for what has, unless a thread of the pool does it: that one goes on alone.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // False: the system gives no thread, and there is none yet.
  bool Run(std::function<void()> work);

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<std::function<void()>> waiting;  // guarded by mutex
    std::size_t idle = 0;                       // guarded by mutex
    bool ends = false;                          // guarded by mutex
  };
  static void Work(const std::shared_ptr<State>& state);
  bool StartThread();

  const std::size_t most_;
  const std::shared_ptr<State> state_ = std::make_shared<State>();
  std::vector<std::thread> threads_;  // guarded by state_->mutex
};

}  // namespace leash::ipc
