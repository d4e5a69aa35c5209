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
#include "values.h"

namespace leash::cli {
namespace {

struct Ended {
  ExitStatus status = ExitStatus::Exited(0);
  ResourceUsage usage;
};

// The limit as it was given; a time has its own message (kTimeout), and the others end nothing.
std::string ValueOf(const ResourceLimits& limits, Limit limit) {
  switch (limit) {
    case Limit::kMemory:
      return FormatSize(limits.memory_bytes.value_or(0));
    case Limit::kFileSize:
      return FormatSize(limits.file_size_bytes.value_or(0));
    case Limit::kCpuTime:
      return absl::FormatDuration(limits.cpu_time.value_or(absl::ZeroDuration()));
    case Limit::kWallTime:
    case Limit::kOpenFiles:
    case Limit::kProcesses:
      break;
  }
  return "";
}

void TellOfLimits(const ResourceLimits& limits, const Ended& ended) {
  if (ended.usage.refused_processes > 0) {
    base::Log(base::LogLevel::kInfo, "the limit on processes refused {} new ones", ended.usage.refused_processes);
  }
  if (!ended.usage.ended_by.has_value()) return;
  const Limit limit = *ended.usage.ended_by;
  PrintMessage(fmt::format("{}ended by the limit on {} ({})",
                           ended.status.Signal().has_value() ? "" : "a process of the program was ", LimitName(limit),
                           ValueOf(limits, limit)));
}

template <NetworkPolicy N>
absl::StatusOr<Ended> RunCommand(const Sandbox<N>& sandbox, const CommandLine& line, SignalRelay& relay) {
  const std::vector<std::string> arguments(line.words.begin() + 1, line.words.end());
  LEASH_ASSIGN_OR_RETURN(Child child, sandbox.Command(line.words.front()).Args(arguments).Spawn());
  LEASH_ASSIGN_OR_RETURN(const ExitStatus status, relay.WaitFor(child));
  return Ended{status, child.Usage()};
}

// The sandbox is closed before anything is reported, so that nothing of it is left when leash has spoken its last.
template <NetworkPolicy N>
int RunIn(const Settings& settings, N network, const CommandLine& line, SignalRelay& relay) {
  absl::StatusOr<Sandbox<N>> sandbox = Sandbox<N>::Create({settings.config, std::move(network)});
  if (!sandbox.ok()) return Fail(sandbox.status());
  const std::string scratch = sandbox->ScratchDir();
  const absl::StatusOr<Ended> ended = RunCommand(*sandbox, line, relay);
  const absl::Status closed = sandbox->Close();
  int code = ended.ok() ? ended->status.ShellCode() : Fail(ended.status());
  if (ended.ok()) TellOfLimits(settings.config.limits, *ended);
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
