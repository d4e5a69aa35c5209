// What a Child handle and its sandbox share: the process, its streams, its deadline, and its end.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/unique_fd.h"
#include "core/backend.h"
#include "core/guard.h"
#include "leash/error.h"
#include "leash/process.h"

namespace leash::core {

class ChildState : public std::enable_shared_from_this<ChildState> {
 public:
  // `guard`, if any, is asked to check when the end has been seen, before anybody learns of it.
  ChildState(std::unique_ptr<Process> process, absl::Time deadline, std::shared_ptr<Guard> guard)
      : process_(std::move(process)), deadline_(deadline), guard_(std::move(guard)) {}

  // Watches the deadline from the loop thread, so that it holds whether or not anybody waits.
  void WatchDeadline();

  pid_t Pid() const { return process_->Pid(); }
  int EndFd() const { return process_->EndFd(); }

  // Blocks until the end or until `until`; nullopt when that passed first.
  absl::StatusOr<std::optional<ExitStatus>> WaitUntil(absl::Time until);
  // Zero before the end has been seen.
  ResourceUsage Usage();
  absl::Status KillTree();
  absl::Status Signal(int signal);

  // Streams that the caller asked to be piped. Used by one thread at a time.
  base::UniqueFd stdin_pipe, stdout_pipe, stderr_pipe;

 private:
  absl::StatusOr<std::optional<ExitStatus>> Poll();

  const std::unique_ptr<Process> process_;
  const absl::Time deadline_;
  const std::shared_ptr<Guard> guard_;
  std::mutex mutex_;
  // How it ended, when it has. A status is made of it anew for every caller: one that several threads shared would be
  // released by whichever comes last.
  struct End {
    std::optional<ExitStatus> status;
    ResourceUsage usage;
    ErrorCode error = ErrorCode::kUnknown;
    std::string message;
  };
  std::optional<End> end_;  // guarded by mutex_
  bool timed_out_ = false;  // guarded by mutex_
};

// Waits with poll(2) until `fd` is readable or `until` has passed; true when readable. Interruptions are resumed.
bool WaitReadable(int fd, absl::Time until);

}  // namespace leash::core
