#include "platform/linux/supervisor_listener.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/status.h"
#include "base/unique_fd.h"
#include "platform/linux/borrowed_state.h"

namespace leash::platform {

absl::Status ListenerTaker::Start(LaunchOrder& order, Supervisor& supervisor) {
  state_ = kBorrowed;
  order_ = &order;
  supervisor_ = &supervisor;
  order.stop = &state_;
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const int error = ::pthread_create(&thread_, nullptr, &Run, this);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (error == 0) return absl::OkStatus();
  return base::ErrnoError(ErrorCode::kSpawnFailed, error, "cannot make a thread to start the command");
}

void ListenerTaker::Finish() {
  SetBorrowedState(&state_, kGivenBack);
  ::pthread_join(thread_, nullptr);
}

void* ListenerTaker::Run(void* self) {
  static_cast<ListenerTaker*>(self)->Take();
  return nullptr;
}

void ListenerTaker::Take() {
  if (WaitWhile(&state_, kBorrowed) != kStopped) return;  // it ended before it came to that
  const base::UniqueFd child(static_cast<int>(::syscall(SYS_pidfd_open, order_->child, 0)));
  base::UniqueFd listener(static_cast<int>(::syscall(SYS_pidfd_getfd, child.get(), order_->listener, 0)));
  if (listener) {
    supervisor_->Serve(std::move(listener));
    order_->listener = -1;
  }
  SetBorrowedState(&state_, kContinued);
}

}  // namespace leash::platform
