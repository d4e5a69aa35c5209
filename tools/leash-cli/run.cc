// leash run: one program in one sandbox, with leash's own streams.
#include <optional>
#include <string>
#include <utility>

#include "base/log.h"
#include "base/status.h"
#include "base/text.h"
#include "commands.h"
#include "fmt/format.h"
#include "leash/leash.h"
#include "messages.h"
#include "options.h"
#include "signal_relay.h"

namespace leash::cli {
namespace {

template <NetworkPolicy N>
absl::StatusOr<ExitStatus> RunCommand(const Sandbox<N>& sandbox, const CommandLine& line, SignalRelay& relay) {
  const std::vector<std::string> arguments(line.words.begin() + 1, line.words.end());
  LEASH_ASSIGN_OR_RETURN(Child child, sandbox.Command(line.words.front()).Args(arguments).Spawn());
  return relay.WaitFor(child);
}

// The sandbox is closed before anything is reported, so that nothing of it is left when leash has spoken its last.
template <NetworkPolicy N>
int RunIn(const Settings& settings, N network, const CommandLine& line, SignalRelay& relay) {
  absl::StatusOr<Sandbox<N>> sandbox = Sandbox<N>::Create({settings.config, std::move(network)});
  if (!sandbox.ok()) return Fail(sandbox.status());
  const std::string scratch = sandbox->ScratchDir();
  const absl::StatusOr<ExitStatus> status = RunCommand(*sandbox, line, relay);
  const absl::Status closed = sandbox->Close();
  int code = status.ok() ? status->ShellCode() : Fail(status.status());
  if (!closed.ok()) {
    Fail(closed);
    if (code == 0) code = kExitFailure;
  }
  for (const Quarantined& one : sandbox->Quarantined()) {
    PrintMessage(fmt::format("the program changed {}, which is protected: {}{}", base::Printable(one.path),
                             one.moved_to.empty() ? "it was removed" : "moved to " + base::Printable(one.moved_to),
                             one.restored ? "; the former one is back" : ""));
  }
  if (settings.config.keep_scratch) PrintMessage("kept " + scratch);
  return code;
}

}  // namespace

int Run(const CommandLine& line) {
  if (line.words.empty()) {
    return Fail(base::Error(ErrorCode::kInvalidArgument, "run: no program was given; see 'leash help run'"));
  }
  SignalRelay relay;
  AdoptOrphans();
  const absl::StatusOr<Loaded> loaded = LoadSettings(line);
  if (!loaded.ok()) return Fail(loaded.status());
  const Settings& settings = loaded->settings;
  if (!loaded->config_path.empty()) base::Log(base::LogLevel::kInfo, "configuration: {}", loaded->config_path);
  switch (settings.network) {
    case NetworkMode::kDeny:
      return RunIn(settings, DenyAll(), line, relay);
    case NetworkMode::kAllow:
      return RunIn(settings, AllowAll(), line, relay);
    case NetworkMode::kAllowList:
      return RunIn(settings, AllowList(settings.allow_domains), line, relay);
  }
  return kExitFailure;
}

}  // namespace leash::cli
