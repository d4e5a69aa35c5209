#include "core/output_collector.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "absl/time/clock.h"
#include "base/event_loop.h"
#include "base/status.h"

namespace leash::core {
namespace {

// A program that writes without end must not take its host down with it.
constexpr std::size_t kMaxBytesPerStream = std::size_t{256} << 20;

void SetNonBlocking(const base::UniqueFd& fd) {
  if (fd) (void)::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
}

}  // namespace

OutputCollector::OutputCollector(std::shared_ptr<ChildState> child)
    : child_(std::move(child)), stdout_(std::move(child_->stdout_pipe)), stderr_(std::move(child_->stderr_pipe)) {
  child_->stdin_pipe.reset();
  SetNonBlocking(stdout_);
  SetNonBlocking(stderr_);
}

absl::StatusOr<bool> OutputCollector::Drain(base::UniqueFd& pipe, std::string& into) {
  std::array<char, 65536> buffer;
  while (pipe) {
    const ssize_t size = ::read(pipe.get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return true;
    if (size < 0) return base::ErrnoError(ErrorCode::kIo, errno, "cannot read the command's output");
    if (size == 0) break;
    into.append(buffer.data(), static_cast<std::size_t>(size));
    if (into.size() > kMaxBytesPerStream) {
      return base::Error(ErrorCode::kIo,
                         "the command wrote more than 256 MiB; read its output through Spawn() instead");
    }
  }
  pipe.reset();
  return false;
}

absl::Status OutputCollector::DrainBoth() {
  LEASH_RETURN_IF_ERROR(Drain(stdout_, output_.stdout_bytes).status());
  return Drain(stderr_, output_.stderr_bytes).status();
}

absl::StatusOr<Output> OutputCollector::Finish() {
  // The command has ended. What it wrote is in the pipes; a background process that still holds them is not waited for.
  absl::StatusOr<std::optional<ExitStatus>> status = child_->WaitUntil(absl::InfiniteFuture());
  if (!status.ok()) return status.status();
  LEASH_RETURN_IF_ERROR(DrainBoth());
  output_.status = **status;
  output_.usage = child_->Usage();
  return std::move(output_);
}

absl::StatusOr<Output> OutputCollector::CollectBlocking() {
  while (true) {
    std::array<pollfd, 3> entries = {pollfd{child_->EndFd(), POLLIN, 0}, pollfd{stdout_.get(), POLLIN, 0},
                                     pollfd{stderr_.get(), POLLIN, 0}};  // poll(2) skips a negative descriptor
    if (::poll(entries.data(), entries.size(), -1) < 0 && errno != EINTR) {
      return base::ErrnoError(ErrorCode::kIo, errno, "cannot wait for the command's output");
    }
    if (const absl::Status drained = DrainBoth(); !drained.ok()) {
      child_->KillTree().IgnoreError();
      return drained;
    }
    if (entries[0].revents != 0) return Finish();
  }
}

void OutputCollector::Watch(base::UniqueFd& pipe, std::string& into) {
  if (!pipe) return;
  base::EventLoop::Shared().WhenReadable(pipe.get(), absl::InfiniteFuture(),
                                         [self = shared_from_this(), &pipe, &into](bool) {
                                           if (!pipe) return;
                                           const auto more = self->Drain(pipe, into);
                                           if (!more.ok()) {
                                             self->failure_.Update(more.status());
                                             self->child_->KillTree().IgnoreError();
                                           } else if (*more) {
                                             self->Watch(pipe, into);
                                           }
                                         });
}

void OutputCollector::CollectAsync(std::function<void(absl::StatusOr<Output>)> done) {
  done_ = std::move(done);
  Watch(stdout_, output_.stdout_bytes);
  Watch(stderr_, output_.stderr_bytes);
  base::EventLoop::Shared().WhenReadable(child_->EndFd(), absl::InfiniteFuture(), [self = shared_from_this()](bool) {
    absl::StatusOr<Output> output = self->failure_.ok() ? self->Finish() : absl::StatusOr<Output>(self->failure_);
    std::exchange(self->done_, nullptr)(std::move(output));
  });
}

}  // namespace leash::core
