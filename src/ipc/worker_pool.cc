#include "ipc/worker_pool.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
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
    // Not by closing it: a host that has forked has it open twice.
    for (; state_->woken < state_->idle && ::write(state_->wake.get(), "", 1) == 1; ++state_->woken) {
    }
  }
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
      lock.unlock();
      char byte = 0;
      const bool told = ::read(state->sleep.get(), &byte, 1) == 1;  // no signal is delivered here
      lock.lock();
      --state->idle;
      if (told) --state->woken;
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

bool WorkerPool::MakePipe() {
  if (state_->wake) return true;
  std::array<int, 2> ends = {-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return false;
  state_->sleep.reset(ends[0]);
  state_->wake.reset(ends[1]);
  return true;
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
  const std::lock_guard lock(state->mutex);
  if (state->ends || !MakePipe()) return false;
  const bool needs_another = state->idle <= state->waiting.size() && threads_.size() < most_;
  if (needs_another && !StartThread() && threads_.empty()) return false;
  state->waiting.push_back(std::move(work));
  if (state->idle > state->woken && ::write(state->wake.get(), "", 1) == 1) ++state->woken;
  return true;
}

}  // namespace leash::ipc
