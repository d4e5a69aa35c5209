// A running command and how it ended.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "leash/limits.h"

namespace leash {

namespace core {
class ChildState;
}

// How a process ended: by exit(3) or by a signal.
class ExitStatus {
 public:
  static constexpr ExitStatus Exited(int code) { return ExitStatus(code, 0); }
  static constexpr ExitStatus Signaled(int signal) { return ExitStatus(0, signal); }

  bool Success() const { return signal_ == 0 && code_ == 0; }
  // The exit code, unless a signal ended it.
  std::optional<int> Code() const { return signal_ == 0 ? std::optional<int>(code_) : std::nullopt; }
  // The signal's number, if one ended it.
  std::optional<int> Signal() const { return signal_ != 0 ? std::optional<int>(signal_) : std::nullopt; }
  // One number as shells print it: the code, or 128 + the signal.
  int ShellCode() const { return signal_ == 0 ? code_ : 128 + signal_; }

  bool operator==(const ExitStatus&) const = default;

 private:
  constexpr ExitStatus(int code, int signal) : code_(code), signal_(signal) {}
  int code_;
  int signal_;
};

// What a command used up, with those of its descendants that were waited for (getrusage(2)).
struct ResourceUsage {
  absl::Duration user_time;
  absl::Duration system_time;
  std::uint64_t peak_memory_bytes = 0;  // of the largest single process
  // The limit that ended the command. For Limit::kMemory also when it failed after one of its descendants was ended:
  // which command of a sandbox the kernel's victim belonged to cannot be told, so of several at once each that failed
  // is said to be ended by it.
  std::optional<Limit> ended_by;
  // New processes and threads that the limit on them refused, in the whole sandbox while the command ran. Known only
  // where a control group holds that limit.
  std::uint64_t refused_processes = 0;

  bool operator==(const ResourceUsage&) const = default;
};

// Everything a finished command left behind.
struct Output {
  ExitStatus status = ExitStatus::Exited(0);
  ResourceUsage usage;
  std::string stdout_bytes;
  std::string stderr_bytes;
};

// What a command's standard stream is connected to.
class Stdio {
 public:
  enum class Kind { kInherit, kPipe, kNull, kDescriptor };

  static Stdio Inherit() { return Stdio(Kind::kInherit, -1); }
  static Stdio Pipe() { return Stdio(Kind::kPipe, -1); }
  static Stdio Null() { return Stdio(Kind::kNull, -1); }
  // A descriptor of the caller's, borrowed until the command has started. Datagram and listening sockets are refused:
  // such a descriptor would be a network of its own. So are network streams where programs have sockets, with a network
  // policy or published ports: they could connect it elsewhere.
  static Stdio Descriptor(int fd) { return Stdio(Kind::kDescriptor, fd); }

  Kind kind() const { return kind_; }
  int fd() const { return fd_; }

 private:
  Stdio(Kind kind, int fd) : kind_(kind), fd_(fd) {}
  Kind kind_;
  int fd_;
};

// A started command. Movable; one thread at a time, except Kill(), which any thread may call.
//
// Dropping a Child neither waits nor kills: the sandbox owns the process and ends it with itself.
class Child {
 public:
  explicit Child(std::shared_ptr<core::ChildState> state);
  Child(Child&&) noexcept;
  Child& operator=(Child&&) noexcept;
  ~Child();

  // The process id outside the sandbox. Stays reserved until the child has been waited for.
  pid_t Pid() const;

  // What the command used up. Zero until its end has been waited for.
  ResourceUsage Usage() const;
  // Becomes readable when the command has ended: for a host with an event loop of its own. Open as long as this object.
  int EndFd() const;

  // Waits for the end. May be called again; the answer stays the same. When a wall-time limit passes, the whole tree
  // is killed and the error is ErrorCode::kTimeout, here and on every later call.
  absl::StatusOr<ExitStatus> Wait();
  // As Wait, but gives nullopt when `timeout` passes first; the child goes on.
  absl::StatusOr<std::optional<ExitStatus>> WaitFor(absl::Duration timeout);
  absl::StatusOr<std::optional<ExitStatus>> TryWait() { return WaitFor(absl::ZeroDuration()); }
  // Asynchronous: `done` is called once on leash's loop thread, which it must not block.
  void Wait(std::function<void(absl::StatusOr<ExitStatus>)> done);

  // Closes stdin, drains the pipes and waits. More than 256 MiB on one stream is an error, and the command is killed.
  absl::StatusOr<Output> WaitWithOutput();
  // Asynchronous WaitWithOutput: `done` is called once on leash's loop thread, which it must not block.
  void WaitWithOutput(std::function<void(absl::StatusOr<Output>)> done);

  // SIGKILL to the command and to every process descended from it, however it daemonised. Returns when none is left.
  absl::Status Kill();
  // Sends a signal to the command's process group.
  absl::Status Signal(int signal);

  // Streams, when the command was given Stdio::Pipe(). Blocking; interrupted calls are resumed.
  absl::Status WriteStdin(std::string_view bytes);  // all of it, or an error (EPIPE as a status, never SIGPIPE)
  void CloseStdin();
  absl::StatusOr<std::size_t> ReadStdout(std::span<char> buffer);  // 0 at the end
  absl::StatusOr<std::size_t> ReadStderr(std::span<char> buffer);
  // The descriptor itself, now the caller's to close; -1 if there is none.
  int ReleaseStdin();
  int ReleaseStdout();
  int ReleaseStderr();

 private:
  std::shared_ptr<core::ChildState> state_;
};

// For a process whose only business is running commands, as `leash run` is: makes it the parent of processes that its
// commands orphan, in place of init (PR_SET_CHILD_SUBREAPER, Linux 3.4). Closing a sandbox then sees at once that
// nothing is left. It holds for the whole process, whose duty it becomes to call ReapOrphans() on SIGCHLD.
void AdoptOrphans();
// Reaps every child that has ended, up to the one that `except` stands for.
void ReapOrphans(const Child& except);

}  // namespace leash
