#include "core/child_state.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "absl/time/clock.h"
#include "base/event_loop.h"
#include "base/status.h"

namespace leash::core {

bool WaitReadable(int fd, absl::Time until) {
  while (true) {
    int timeout = -1;
    if (until != absl::InfiniteFuture()) {
      const auto left = absl::ToInt64Milliseconds(until - absl::Now() + absl::Milliseconds(1) - absl::Nanoseconds(1));
      timeout = static_cast<int>(std::clamp<std::int64_t>(left, 0, INT_MAX));
    }
    pollfd entry = {fd, POLLIN, 0};
    const int ready = ::poll(&entry, 1, timeout);
    if (ready > 0) return true;
    if (ready == 0 && absl::Now() >= until) return false;
    if (ready < 0 && errno != EINTR) return true;  // the caller's own call then reports the reason
  }
}

void ChildState::WatchDeadline() {
  if (deadline_ == absl::InfiniteFuture()) return;
  base::EventLoop::Shared().WhenReadable(EndFd(), deadline_, [self = shared_from_this()](bool ended) {
    if (ended) return;
    {
      const std::lock_guard lock(self->mutex_);
      if (self->end_.has_value()) return;
      self->timed_out_ = true;
    }
    self->KillTree().IgnoreError();
  });
}

absl::StatusOr<std::optional<ExitStatus>> ChildState::Poll() {
  const std::lock_guard lock(mutex_);
  if (!end_.has_value()) {
    absl::StatusOr<std::optional<ProcessEnd>> end = process_->TryWait();
    if (end.ok() && !end->has_value()) return std::optional<ExitStatus>();
    // Looked at whatever is the matter with the end; what cannot be undone shows when the sandbox is closed.
    if (guard_ != nullptr) guard_->Check().IgnoreError();
    if (!end.ok()) {
      end_ = {std::nullopt, {}, GetErrorCode(end.status()), std::string(end.status().message())};
    } else if (timed_out_) {
      (*end)->usage.ended_by = Limit::kWallTime;
      end_ = {std::nullopt, (*end)->usage, ErrorCode::kTimeout,
              "timed out: the wall-clock limit has passed; the command was killed"};
    } else {
      end_ = {(*end)->status, (*end)->usage, ErrorCode::kUnknown, ""};
    }
  }
  if (!end_->status.has_value()) return base::Error(end_->error, end_->message);
  return end_->status;
}

absl::StatusOr<std::optional<ExitStatus>> ChildState::WaitUntil(absl::Time until) {
  while (true) {
    LEASH_ASSIGN_OR_RETURN(const std::optional<ExitStatus> status, Poll());
    if (status.has_value()) return status;
    if (!WaitReadable(EndFd(), until)) return std::optional<ExitStatus>();
  }
}

ResourceUsage ChildState::Usage() {
  const std::lock_guard lock(mutex_);
  return end_.has_value() ? end_->usage : ResourceUsage{};
}

absl::Status ChildState::KillTree() { return process_->KillTree(); }

absl::Status ChildState::Signal(int signal) {
  // Not after the end: the process id may belong to somebody else by then.
  const std::lock_guard lock(mutex_);
  if (end_.has_value()) return base::Error(ErrorCode::kClosed, "the command has already ended");
  return process_->Signal(signal);
}

}  // namespace leash::core
