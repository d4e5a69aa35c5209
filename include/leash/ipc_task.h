// A coroutine that gives one value to whoever awaits it: for handlers that wait without a thread.
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

namespace leash {

// Starts when it is awaited, by one only. What it throws is thrown there. Destroying it destroys the coroutine, which
// must not be running on another thread then.
template <typename T>
class IpcTask {
 public:
  struct promise_type {
    struct Final {
      bool await_ready() const noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> ended) const noexcept {
        return ended.promise().awaiting;
      }
      void await_resume() const noexcept {}
    };

    IpcTask get_return_object() { return IpcTask(std::coroutine_handle<promise_type>::from_promise(*this)); }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    Final final_suspend() const noexcept { return {}; }
    template <typename U>
    void return_value(U&& given) {
      value.emplace(std::forward<U>(given));
    }
    void unhandled_exception() noexcept { thrown = std::current_exception(); }

    std::coroutine_handle<> awaiting;
    std::optional<T> value;
    std::exception_ptr thrown;
  };

  IpcTask(IpcTask&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  IpcTask& operator=(IpcTask&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~IpcTask() {
    if (handle_) handle_.destroy();
  }

  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) {
    handle_.promise().awaiting = awaiting;
    return handle_;
  }
  T await_resume() {
    if (handle_.promise().thrown) std::rethrow_exception(handle_.promise().thrown);
    return *std::move(handle_.promise().value);
  }

 private:
  explicit IpcTask(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  std::coroutine_handle<promise_type> handle_;
};

}  // namespace leash
