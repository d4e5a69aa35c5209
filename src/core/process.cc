#include "leash/process.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/time/clock.h"
#include "base/event_loop.h"
#include "base/status.h"
#include "base/write_all.h"
#include "core/backend.h"
#include "core/child_state.h"
#include "core/output_collector.h"
#include "leash/command.h"

namespace leash {
namespace {

absl::Status NoStream(const char* name) {
  return base::Error(ErrorCode::kInvalidArgument, std::string("the command's ") + name + " is not a pipe of ours");
}

absl::StatusOr<std::size_t> ReadFrom(const base::UniqueFd& pipe, std::span<char> buffer, const char* name) {
  if (!pipe) return NoStream(name);
  while (true) {
    const ssize_t size = ::read(pipe.get(), buffer.data(), buffer.size());
    if (size >= 0) return static_cast<std::size_t>(size);
    if (errno != EINTR)
      return base::ErrnoError(ErrorCode::kIo, errno, std::string("cannot read the command's ") + name);
  }
}

// write(2) without SIGPIPE: blocked for this thread, and taken back if this write raised it.
class NoSigpipe {
 public:
  NoSigpipe() {
    sigset_t pending;
    ::sigpending(&pending);
    was_pending_ = ::sigismember(&pending, SIGPIPE) == 1;
    ::sigemptyset(&pipe_);
    ::sigaddset(&pipe_, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~NoSigpipe() {
    if (!was_pending_) {
      const timespec now = {};
      while (::sigtimedwait(&pipe_, nullptr, &now) < 0 && errno == EINTR) {
      }
    }
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  sigset_t pipe_;
  sigset_t before_;
  bool was_pending_ = false;
};

}  // namespace

Child::Child(std::shared_ptr<core::ChildState> state) : state_(std::move(state)) {}
Child::Child(Child&&) noexcept = default;
Child& Child::operator=(Child&&) noexcept = default;
Child::~Child() = default;

pid_t Child::Pid() const { return state_->Pid(); }
int Child::EndFd() const { return state_->EndFd(); }
ResourceUsage Child::Usage() const { return state_->Usage(); }

absl::StatusOr<ExitStatus> Child::Wait() {
  LEASH_ASSIGN_OR_RETURN(const std::optional<ExitStatus> status, state_->WaitUntil(absl::InfiniteFuture()));
  return *status;
}

absl::StatusOr<std::optional<ExitStatus>> Child::WaitFor(absl::Duration timeout) {
  return state_->WaitUntil(absl::Now() + timeout);
}

void Child::Wait(std::function<void(absl::StatusOr<ExitStatus>)> done) {
  base::EventLoop::Shared().WhenReadable(state_->EndFd(), absl::InfiniteFuture(),
                                         [state = state_, done = std::move(done)](bool) { done(Child(state).Wait()); });
}

absl::StatusOr<Output> Child::WaitWithOutput() {
  return std::make_shared<core::OutputCollector>(state_)->CollectBlocking();
}

void Command::Output(std::function<void(absl::StatusOr<leash::Output>)> done) {
  absl::StatusOr<Child> child =
      Start(stdin_.value_or(Stdio::Null()), stdout_.value_or(Stdio::Pipe()), stderr_.value_or(Stdio::Pipe()));
  // One rule for callers: `done` always runs on the loop thread, never inside this call.
  base::EventLoop::Shared().Post(
      [child = std::make_shared<absl::StatusOr<Child>>(std::move(child)), done = std::move(done)]() mutable {
        if (!child->ok()) return done(child->status());
        (*child)->WaitWithOutput(std::move(done));
      });
}

void Child::WaitWithOutput(std::function<void(absl::StatusOr<Output>)> done) {
  std::make_shared<core::OutputCollector>(state_)->CollectAsync(std::move(done));
}

absl::Status Child::Kill() { return state_->KillTree(); }
absl::Status Child::Signal(int signal) { return state_->Signal(signal); }

absl::Status Child::WriteStdin(std::string_view bytes) {
  if (!state_->stdin_pipe) return NoStream("stdin");
  const NoSigpipe guard;
  if (base::WriteAll(state_->stdin_pipe.get(), bytes)) return absl::OkStatus();
  return base::ErrnoError(ErrorCode::kIo, errno, "cannot write to the command's stdin");
}

void Child::CloseStdin() { state_->stdin_pipe.reset(); }
absl::StatusOr<std::size_t> Child::ReadStdout(std::span<char> b) { return ReadFrom(state_->stdout_pipe, b, "stdout"); }
absl::StatusOr<std::size_t> Child::ReadStderr(std::span<char> b) { return ReadFrom(state_->stderr_pipe, b, "stderr"); }
int Child::ReleaseStdin() { return state_->stdin_pipe.release(); }
int Child::ReleaseStdout() { return state_->stdout_pipe.release(); }
int Child::ReleaseStderr() { return state_->stderr_pipe.release(); }

void AdoptOrphans() { core::HostBackend().AdoptOrphans(); }
void ReapOrphans(const Child& except) { core::HostBackend().ReapOrphans(except.Pid()); }

}  // namespace leash
