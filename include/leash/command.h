// A command to run in a sandbox.
#pragma once

#include <coroutine>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "leash/process.h"
#include "leash/pty.h"

namespace leash {

namespace core {
class SandboxState;
struct TerminalRequest;
}  // namespace core

// Built by chaining, then run by exactly one of Output(), Status(), Spawn() and SpawnPty(); it can be run again, and
// copied. Program, arguments, paths and values are bytes: any but NUL. Not thread-safe; different commands of one
// sandbox may be run from different threads at once.
//
// The program is looked up as execvp(3) does, in the PATH that the command will have, on the sandbox's side: a
// name with a slash is relative to the directory the command starts in.
class Command {
 public:
  Command(std::shared_ptr<core::SandboxState> sandbox, std::string program);

  Command& Arg(std::string_view arg);
  Command& Args(std::initializer_list<std::string_view> args);
  Command& Args(const std::vector<std::string>& args);
  // Beats what the sandbox sets, and the sandbox's own configuration.
  Command& Env(std::string_view name, std::string_view value);
  Command& EnvRemove(std::string_view name);
  // Must be inside what the sandbox may reach; default: SandboxConfig::start_dir, else the working directory.
  Command& CurrentDir(std::string_view path);
  Command& Stdin(leash::Stdio stdio);
  Command& Stdout(leash::Stdio stdio);
  Command& Stderr(leash::Stdio stdio);
  // Wall-clock limit of this command; the shorter of this and ResourceLimits::wall_time counts.
  Command& Timeout(absl::Duration timeout);

  // Runs to the end and collects. Streams that were not set: stdin null, stdout and stderr collected.
  // Errors: kProgramNotFound, kProgramNotExecutable, kTimeout (the tree is killed), kSpawnFailed, kNotEnforced.
  // A command that ran and failed is not an error: see Output::status.
  absl::StatusOr<leash::Output> Output();
  // Runs to the end. Streams that were not set are the caller's own.
  absl::StatusOr<ExitStatus> Status();
  // Starts it. Streams that were not set are the caller's own.
  absl::StatusOr<Child> Spawn();
  // Starts it on a terminal of its own, in a session of its own. Streams that were not set are the terminal's.
  // Errors: those of Spawn(), and kInvalidArgument for settings of something that is no terminal.
  absl::StatusOr<Pty> SpawnPty(const PtyOptions& options = {});

  // Asynchronous Output(): `done` is called once on leash's loop thread, which it must not block.
  void Output(std::function<void(absl::StatusOr<leash::Output>)> done);

  // For coroutines: `auto output = co_await command.OutputAsync();`. The coroutine resumes on leash's loop thread.
  class OutputAwaiter {
   public:
    explicit OutputAwaiter(Command& command) : command_(&command) {}
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> handle) {
      command_->Output([this, handle](absl::StatusOr<leash::Output> output) {
        result_ = std::move(output);
        handle.resume();
      });
    }
    absl::StatusOr<leash::Output> await_resume() { return *std::move(result_); }

   private:
    Command* command_;
    std::optional<absl::StatusOr<leash::Output>> result_;
  };
  OutputAwaiter OutputAsync() { return OutputAwaiter(*this); }

 private:
  std::shared_ptr<core::SandboxState> sandbox_;
  std::string program_;
  std::vector<std::string> args_;
  std::vector<std::pair<std::string, std::optional<std::string>>> env_;  // nullopt: remove
  std::optional<std::string> current_dir_;
  std::optional<Stdio> stdin_, stdout_, stderr_;
  std::optional<absl::Duration> timeout_;

  // A stream that is nullopt is the terminal's.
  absl::StatusOr<Child> Start(const std::optional<Stdio>& in, const std::optional<Stdio>& out,
                              const std::optional<Stdio>& err, core::TerminalRequest* terminal = nullptr);
};

}  // namespace leash
