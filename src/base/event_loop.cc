#include "base/event_loop.h"

#include <fcntl.h>
#include <uv.h>

#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/time/clock.h"
#include "base/blocked_signals.h"
#include "base/status.h"
#include "base/unique_fd.h"

namespace leash::base {

struct EventLoop::Rep {
  uv_loop_t loop;
  uv_async_t wake;
  std::mutex mutex;
  std::deque<std::function<void()>> tasks;  // guarded by mutex
  std::condition_variable running;
  bool runs = false;       // guarded by mutex
  std::thread::id thread;  // set before the first task can run

  void RunTasks() {
    std::deque<std::function<void()>> ready;
    {
      const std::lock_guard lock(mutex);
      ready.swap(tasks);
    }
    for (const auto& task : ready) task();
  }
};

namespace {

// One wait: a poll handle and a timer that share an ending.
struct Wait {
  uv_poll_t poll;
  uv_timer_t timer;
  int open_handles = 0;
  UniqueFd fd;  // our own duplicate: libuv takes a descriptor once, and two may wait for one end
  std::function<void(bool)> ready;

  static void Closed(uv_handle_t* handle) {
    auto* wait = static_cast<Wait*>(handle->data);
    if (--wait->open_handles == 0) delete wait;
  }
  void Finish(bool readable) {
    auto call = std::move(ready);
    uv_close(reinterpret_cast<uv_handle_t*>(&poll), &Closed);
    uv_close(reinterpret_cast<uv_handle_t*>(&timer), &Closed);
    call(readable);
  }
};

}  // namespace

absl::StatusOr<EventLoop*> EventLoop::Make() {
  const auto failed = [](int error) { return ErrnoError(ErrorCode::kIo, -error, "cannot start leash's event loop"); };
  auto rep = std::make_unique<Rep>();
  if (const int error = uv_loop_init(&rep->loop); error != 0) return failed(error);
  rep->wake.data = rep.get();
  if (const int error = uv_async_init(&rep->loop, &rep->wake,
                                      [](uv_async_t* handle) { static_cast<Rep*>(handle->data)->RunTasks(); });
      error != 0) {
    uv_loop_close(&rep->loop);
    return failed(error);
  }
  // The host's signals are the host's: none is delivered here.
  const BlockedSignals blocked;
  Rep* const running = rep.get();
  uv_thread_t thread;
  const int error = uv_thread_create(
      &thread,
      [](void* argument) {
        auto* const own = static_cast<Rep*>(argument);
        {
          const std::lock_guard lock(own->mutex);
          own->thread = std::this_thread::get_id();
          own->runs = true;
          own->running.notify_one();
        }
        uv_run(&own->loop, UV_RUN_DEFAULT);
      },
      running);
  if (error != 0) {
    uv_close(reinterpret_cast<uv_handle_t*>(&running->wake), nullptr);
    uv_run(&running->loop, UV_RUN_DEFAULT);
    uv_loop_close(&running->loop);
    return failed(error);
  }
  std::unique_lock lock(running->mutex);
  running->running.wait(lock, [&] { return running->runs; });
  return new EventLoop(rep.release());
}

namespace {

// Never destroyed: the loop's thread outlives main().
struct Holder {
  std::mutex mutex;
  EventLoop* loop = nullptr;  // guarded by mutex
};
Holder& TheHolder() {
  static Holder* const holder = new Holder;
  return *holder;
}

}  // namespace

absl::Status EventLoop::Start() {
  const std::lock_guard lock(TheHolder().mutex);
  if (TheHolder().loop != nullptr) return absl::OkStatus();
  LEASH_ASSIGN_OR_RETURN(TheHolder().loop, Make());
  return absl::OkStatus();
}

EventLoop& EventLoop::Shared() {
  static EventLoop* const loop = [] {
    if (const absl::Status started = Start(); !started.ok()) {
      std::fprintf(stderr, "leash: %s\n", std::string(started.message()).c_str());
      std::abort();
    }
    const std::lock_guard lock(TheHolder().mutex);
    return TheHolder().loop;
  }();
  return *loop;
}

bool EventLoop::IsCurrentThread() const { return std::this_thread::get_id() == rep_->thread; }

uv_loop_t* EventLoop::Handle() { return &rep_->loop; }

void EventLoop::Post(std::function<void()> task) {
  {
    const std::lock_guard lock(rep_->mutex);
    rep_->tasks.push_back(std::move(task));
  }
  uv_async_send(&rep_->wake);
}

void EventLoop::RunSync(const std::function<void()>& task) {
  if (IsCurrentThread()) return task();
  std::mutex mutex;
  std::condition_variable condition;
  bool done = false;
  Post([&] {
    task();
    const std::lock_guard lock(mutex);
    done = true;
    condition.notify_one();
  });
  std::unique_lock lock(mutex);
  condition.wait(lock, [&] { return done; });
}

void EventLoop::WhenReadable(int fd, absl::Time deadline, std::function<void(bool)> ready) {
  auto* wait = new Wait;
  wait->fd.reset(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
  Post([this, wait, deadline, ready = std::move(ready)]() mutable {
    wait->ready = std::move(ready);
    wait->poll.data = wait;
    wait->timer.data = wait;
    wait->open_handles = 2;
    uv_timer_init(&rep_->loop, &wait->timer);
    if (!wait->fd || uv_poll_init(&rep_->loop, &wait->poll, wait->fd.get()) != 0) {
      // The descriptor cannot be polled: say so as "readable", and the caller's own call reports the reason.
      wait->open_handles = 1;
      auto call = std::move(wait->ready);
      uv_close(reinterpret_cast<uv_handle_t*>(&wait->timer), &Wait::Closed);
      return call(true);
    }
    if (deadline != absl::InfiniteFuture()) {
      const auto left = absl::ToInt64Milliseconds(deadline - absl::Now() + absl::Milliseconds(1));
      uv_timer_start(
          &wait->timer, [](uv_timer_t* timer) { static_cast<Wait*>(timer->data)->Finish(false); },
          left > 0 ? static_cast<std::uint64_t>(left) : 0, 0);
    }
    uv_poll_start(&wait->poll, UV_READABLE,
                  [](uv_poll_t* poll, int, int) { static_cast<Wait*>(poll->data)->Finish(true); });
  });
}

}  // namespace leash::base
