#include "ipc/worker_pool.h"

#include <system_error>
#include <utility>

#include "base/blocked_signals.h"

namespace leash::ipc {

WorkerPool::~WorkerPool() {
  std::deque<std::function<void()>> dropped;
  std::vector<std::thread> threads;
  {
    const std::lock_guard lock(state_->mutex);
    state_->ends = true;
    dropped.swap(state_->waiting);
    threads.swap(threads_);
  }
  state_->changed.notify_all();
  dropped.clear();  // outside the lock: work may own anything
  for (std::thread& thread : threads) {
    if (thread.get_id() == std::this_thread::get_id()) {
      thread.detach();
    } else {
      thread.join();
    }
  }
}

void WorkerPool::Work(const std::shared_ptr<State>& state) {
  std::unique_lock lock(state->mutex);
  while (true) {
    while (state->waiting.empty() && !state->ends) {
      ++state->idle;
      state->changed.wait(lock);
      --state->idle;
    }
    if (state->ends) return;
    std::function<void()> work = std::move(state->waiting.front());
    state->waiting.pop_front();
    lock.unlock();
    work();
    work = nullptr;
    lock.lock();
  }
}

bool WorkerPool::StartThread() {
  // The host's signals are the host's: none is delivered here.
  const base::BlockedSignals blocked;
  try {
    threads_.emplace_back([state = state_] { Work(state); });
    return true;
  } catch (const std::system_error&) {
    return false;
  }
}

bool WorkerPool::Run(std::function<void()> work) {
  const std::shared_ptr<State> state = state_;  // the work may end the pool before it is told to begin
  {
    const std::lock_guard lock(state->mutex);
    if (state->ends) return false;
    const bool needs_another = state->idle <= state->waiting.size() && threads_.size() < most_;
    if (needs_another && !StartThread() && threads_.empty()) return false;
    state->waiting.push_back(std::move(work));
  }
  state->changed.notify_one();
  return true;
}

}  // namespace leash::ipc
