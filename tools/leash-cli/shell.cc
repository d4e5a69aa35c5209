// leash shell: an interactive shell in a sandbox.
#include <cstdlib>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/status.h"
#include "commands.h"
#include "in_sandbox.h"
#include "messages.h"
#include "signal_relay.h"
#include "terminal_relay.h"

namespace leash::cli {
namespace {

// The user's own if the sandbox can run it, else what every system has.
std::vector<std::string> Candidates() {
  std::vector<std::string> shells;
  if (const char* own = std::getenv("SHELL"); own != nullptr && own[0] == '/') shells.emplace_back(own);
  shells.emplace_back("/bin/bash");
  shells.emplace_back("/bin/sh");
  return shells;
}

bool CannotRun(const absl::Status& status) {
  const ErrorCode code = GetErrorCode(status);
  return code == ErrorCode::kProgramNotFound || code == ErrorCode::kProgramNotExecutable;
}

bool Sets(const Settings& settings, std::string_view name) {
  for (const auto& [set, value] : settings.config.env) {
    if (set == name) return true;
  }
  return false;
}

}  // namespace

int Shell(const CommandLine& line) {
  SignalRelay signals(SignalRelay::For::kTerminal);
  return InSandbox(line, [&](const Settings& settings, const MakeCommand& make) -> absl::StatusOr<Ended> {
    absl::StatusOr<Ended> status = base::Error(ErrorCode::kProgramNotFound, "there is no shell");
    for (const std::string& shell : Candidates()) {
      Command command = make(shell);
      command.Args(line.words);
      if (!Sets(settings, "SHELL")) command.Env("SHELL", shell);
      status = RunOnTerminal(command, signals, RequestToEnd::kHangsUp);
      if (status.ok() || !CannotRun(status.status())) break;
      base::Log(base::LogLevel::kInfo, "{}", std::string(status.status().message()));
    }
    return status;
  });
}

}  // namespace leash::cli
