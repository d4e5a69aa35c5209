#include "in_sandbox.h"

#include <utility>

#include "base/log.h"
#include "leash/leash.h"
#include "messages.h"
#include "options.h"

namespace leash::cli {
namespace {

template <NetworkPolicy N>
int With(const Settings& settings, N network, const Body& body) {
  absl::StatusOr<Sandbox<N>> sandbox = Sandbox<N>::Create({settings.config, std::move(network)});
  if (!sandbox.ok()) return Fail(sandbox.status());
  const std::string scratch = sandbox->ScratchDir();
  const absl::StatusOr<ExitStatus> status =
      body(settings, [&](std::string program) { return sandbox->Command(std::move(program)); });
  const absl::Status closed = sandbox->Close();
  int code = status.ok() ? status->ShellCode() : Fail(status.status());
  if (!closed.ok()) {
    Fail(closed);
    if (code == 0) code = kExitFailure;
  }
  if (settings.config.keep_scratch) PrintMessage("kept " + scratch);
  return code;
}

}  // namespace

int InSandbox(const CommandLine& line, const Body& body) {
  AdoptOrphans();
  const absl::StatusOr<Loaded> loaded = LoadSettings(line);
  if (!loaded.ok()) return Fail(loaded.status());
  const Settings& settings = loaded->settings;
  if (!loaded->config_path.empty()) base::Log(base::LogLevel::kInfo, "configuration: {}", loaded->config_path);
  switch (settings.network) {
    case NetworkMode::kDeny:
      return With(settings, DenyAll(), body);
    case NetworkMode::kAllow:
      return With(settings, AllowAll(), body);
    case NetworkMode::kAllowList:
      return With(settings, AllowList(settings.allow_domains), body);
  }
  return kExitFailure;
}

}  // namespace leash::cli
