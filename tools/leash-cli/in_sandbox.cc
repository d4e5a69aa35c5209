#include "in_sandbox.h"

#include <memory>
#include <utility>
#include <vector>

#include "base/descriptor_limit.h"
#include "base/host_port.h"
#include "base/log.h"
#include "base/random.h"
#include "base/status.h"
#include "base/text.h"
#include "fmt/format.h"
#include "leash/leash.h"
#include "messages.h"
#include "network_summary.h"
#include "options.h"
#include "report.h"
#include "values.h"

namespace leash::cli {
namespace {

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

void TellOfQuarantine(const std::vector<Quarantined>& found) {
  for (const Quarantined& one : found) {
    PrintMessage(fmt::format("the program changed {}, which is protected: {}{}", base::Printable(one.path),
                             one.moved_to.empty() ? "it was removed" : "moved to " + base::Printable(one.moved_to),
                             one.restored ? "; the former one is back" : ""));
  }
}

// Gives the exit status: `code`, unless that was a success and the report's file could not be written.
int TellOfViolations(const Settings& settings, const base::UniqueFd& file, const ViolationReport& report, int code) {
  if (settings.report) {
    for (const std::string& line : ReportLines(report)) PrintMessage(line);
  }
  if (!file) return code;
  const absl::Status written = WriteReportFile(file, *settings.report_file, report);
  if (written.ok()) return code;
  Fail(written);
  return code == 0 ? kExitFailure : code;
}

// Hears of each decision about the network, for the audit log and for the report.
absl::StatusOr<std::shared_ptr<AuditLog>> ListenToNetwork(const Settings& settings,
                                                          const std::shared_ptr<NetworkSummary>& summary,
                                                          SandboxConfig& config) {
  std::shared_ptr<AuditLog> log;
  NetworkEventCallback write;
  if (settings.audit_log.has_value()) {
    LEASH_ASSIGN_OR_RETURN(const std::string name, base::RandomName());
    LEASH_ASSIGN_OR_RETURN(log, AuditLog::Open(*settings.audit_log));
    base::Log(base::LogLevel::kInfo, "the audit log knows this sandbox as {}", name);
    write = log->ForSandbox(name);
    config.identify_programs = true;
  }
  config.on_network_event = [write, summary](const NetworkEvent& event) {
    if (write) write(event);
    summary->Add(event);
  };
  return log;
}

// Which port was free, nobody else can tell. The others are as they were asked for.
void TellOfPorts(const std::vector<PublishedPort>& asked, const std::vector<PublishedPort>& published) {
  for (std::size_t i = 0; i < published.size(); ++i) {
    const PublishedPort& port = published[i];
    const std::string text = fmt::format(
        "listening on {} for port {} of the sandbox",
        base::HostPort(port.address.empty() ? "127.0.0.1" : port.address, port.host_port), port.inside_port);
    if (asked[i].host_port == 0) {
      PrintMessage(text);
    } else {
      base::Log(base::LogLevel::kInfo, "{}", text);
    }
  }
}

template <NetworkPolicy N>
int With(const Settings& settings, N network, const Body& body) {
  base::UniqueFd report_file;
  if (settings.report_file.has_value()) {
    absl::StatusOr<base::UniqueFd> opened = OpenReportFile(*settings.report_file);
    if (!opened.ok()) return Fail(opened.status());
    report_file = *std::move(opened);
  }
  if (!N::kDeniesAll || !settings.config.listen.empty()) base::RaiseDescriptorLimit();  // two for each connection
  SandboxConfig config = settings.config;
  const auto summary = std::make_shared<NetworkSummary>();
  const absl::StatusOr<std::shared_ptr<AuditLog>> log = ListenToNetwork(settings, summary, config);
  if (!log.ok()) return Fail(log.status());
  absl::StatusOr<Sandbox<N>> sandbox = Sandbox<N>::Create({std::move(config), std::move(network)});
  if (!sandbox.ok()) return Fail(sandbox.status());
  TellOfPorts(settings.config.listen, sandbox->PublishedPorts());
  const std::string scratch = sandbox->ScratchDir();
  const absl::StatusOr<Ended> ended =
      body(settings, [&](std::string program) { return sandbox->Command(std::move(program)); });
  const absl::Status closed = sandbox->Close();
  int code = ended.ok() ? ended->status.ShellCode() : Fail(ended.status());
  if (ended.ok()) TellOfLimits(settings.config.limits, *ended);
  if (!closed.ok()) {
    Fail(closed);
    if (code == 0) code = kExitFailure;
  }
  TellOfQuarantine(sandbox->Quarantined());
  if (settings.config.report_violations) {
    code = TellOfViolations(settings, report_file, sandbox->Violations(), code);
  }
  if (settings.report && !N::kDeniesAll) {
    for (const std::string& text : summary->Lines()) PrintMessage(text);
  }
  if (*log != nullptr && !(*log)->status().ok()) {
    Fail((*log)->status());
    if (code == 0) code = kExitFailure;
  }
  if (settings.config.keep_scratch) PrintMessage("kept " + scratch);
  return code;
}

}  // namespace

int InSandbox(const CommandLine& line, const Body& body) {
  const absl::StatusOr<Loaded> loaded = LoadSettings(line);
  if (!loaded.ok()) return Fail(loaded.status());
  if (!loaded->config_path.empty()) base::Log(base::LogLevel::kInfo, "configuration: {}", loaded->config_path);
  return InSandboxOf(loaded->settings, body);
}

int InSandboxOf(const Settings& settings, const Body& body) {
  AdoptOrphans();
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
