#include "leash/explain.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "base/host_port.h"
#include "base/path.h"
#include "base/status.h"
#include "base/text.h"
#include "core/backend.h"
#include "core/paper_disk.h"
#include "core/planner.h"
#include "fmt/format.h"
#include "leash/doctor.h"
#include "nlohmann/json.hpp"

namespace leash {
namespace {

// The scratch directory is made when the sandbox is; until then this stands for it.
constexpr char kScratchName[] = "leash-SCRATCH/work";

absl::StatusOr<core::Plan> PlanOf(const SandboxConfig& config, bool network_denied, core::HostFacts& host) {
  host = core::HostFactsOfProcess(core::HostBackend().Profile());
  host.scratch_dir = fmt::format("/tmp/{}", kScratchName);
  LEASH_ASSIGN_OR_RETURN(core::Plan plan, core::MakePlan(config, network_denied, host));
  for (const core::LimitNote& note : core::HostBackend().LimitNotes(plan)) {
    if (note.held) continue;
    plan.notes.push_back(fmt::format("the limit on {} {}: {}", LimitName(note.limit),
                                     plan.best_effort_limits ? "is left out" : "cannot be enforced, so nothing is run",
                                     note.by));
  }
  return plan;
}

struct LimitRow {
  Limit limit;
  std::string_view name;
  std::string_view unit;
  std::optional<std::uint64_t> value;
};

std::array<LimitRow, 6> LimitRows(const ResourceLimits& limits) {
  const auto milliseconds = [](const std::optional<absl::Duration>& duration) -> std::optional<std::uint64_t> {
    if (!duration.has_value()) return std::nullopt;
    return static_cast<std::uint64_t>(absl::ToInt64Milliseconds(*duration));
  };
  return {{{Limit::kMemory, "memory", "bytes", limits.memory_bytes},
           {Limit::kCpuTime, "cpu_time", "ms", milliseconds(limits.cpu_time)},
           {Limit::kWallTime, "wall_time", "ms", milliseconds(limits.wall_time)},
           {Limit::kFileSize, "file_size", "bytes", limits.file_size_bytes},
           {Limit::kOpenFiles, "open_files", "", limits.open_files},
           {Limit::kProcesses, "processes", "", limits.processes}}};
}

const core::LimitNote* NoteOn(const std::vector<core::LimitNote>& notes, Limit limit) {
  const auto note = std::find_if(notes.begin(), notes.end(), [&](const auto& one) { return one.limit == limit; });
  return note == notes.end() ? nullptr : &*note;
}

// JSON is UTF-8 and paths are bytes: what is not UTF-8 is replaced, and shown as such.
std::string Dump(const nlohmann::ordered_json& json) {
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string ToJson(const core::Plan& plan) {
  nlohmann::ordered_json json;
  json["isolation"] = IsolationName(plan.isolation);
  json["namespaces"] = NamespacesName(plan.namespaces);
  json["network"] = plan.network_denied ? "denied" : "policy";
  json["listen"] = nlohmann::ordered_json::array();
  for (const PublishedPort& port : plan.published) {
    json["listen"].push_back(
        {{"address", port.address}, {"host_port", port.host_port}, {"inside_port", port.inside_port}});
  }
  json["start_dir"] = plan.start_dir;
  json["working_dir"] = plan.working_dir;
  json["scratch_dir"] = plan.scratch_dir;
  json["keep_terminal"] = plan.security.allow_tty_write;
  json["accept_degraded_kernel"] = plan.accept_degraded_kernel;
  json["report_violations"] = plan.report_violations;
  json["paths"] = nlohmann::ordered_json::array();
  for (const core::PathRule& rule : plan.rules) {
    json["paths"].push_back({{"path", rule.path},
                             {"access", FormatAccess(rule.access)},
                             {"kind", core::RuleKindName(rule.kind)},
                             {"reason", rule.reason},
                             {"device", rule.device}});
  }
  json["guarded"] = plan.guarded;
  json["environment"] = nlohmann::ordered_json::object();
  for (const auto& [name, value] : plan.environment) json["environment"][name] = value;
  json["limits"] = nlohmann::ordered_json::object();
  for (const LimitRow& row : LimitRows(plan.limits)) {
    if (!row.value) continue;
    const std::string key = row.unit.empty() ? std::string(row.name) : fmt::format("{}_{}", row.name, row.unit);
    json["limits"][key] = *row.value;
  }
  json["best_effort_limits"] = plan.best_effort_limits;
  json["allow_nested"] = plan.security.allow_nested;
  json["limit_mechanisms"] = nlohmann::ordered_json::object();
  const std::vector<core::LimitNote> notes = core::HostBackend().LimitNotes(plan);
  for (const LimitRow& row : LimitRows(plan.limits)) {
    const core::LimitNote* note = NoteOn(notes, row.limit);
    if (note != nullptr) json["limit_mechanisms"][std::string(row.name)] = {{"held", note->held}, {"by", note->by}};
  }
  json["system_calls"] = nlohmann::ordered_json::array();
  for (const core::SystemCallNote& note : core::HostBackend().SystemCallNotes(plan)) {
    json["system_calls"].push_back(
        {{"group", note.group}, {note.supervised ? "supervised" : "refused", note.names}, {"why", note.why}});
  }
  json["notes"] = plan.notes;
  return Dump(json);
}

std::string ToText(const core::Plan& plan) {
  std::string text = fmt::format(
      "isolation    {}\nnamespaces   {}\nnetwork      {}\nstarts in    {}\nmay write    {}\nHOME, TMPDIR {}\n"
      "terminal     {}\n",
      IsolationName(plan.isolation), NamespacesName(plan.namespaces), plan.network_denied ? "denied" : "by policy",
      base::Printable(plan.start_dir), base::Printable(plan.working_dir), plan.scratch_dir,
      plan.security.allow_tty_write ? "kept" : "none: a session of its own");
  for (const PublishedPort& port : plan.published) {
    text += fmt::format("listens on   {}{}, for port {} inside\n", port.address.empty() ? "loopback:" : "",
                        port.address.empty() ? (port.host_port == 0 ? "any free port" : std::to_string(port.host_port))
                                             : base::HostPort(port.address, port.host_port),
                        port.inside_port);
  }
  if (plan.accept_degraded_kernel) text += "weakened     an old kernel's gaps are accepted\n";
  if (plan.security.allow_nested)
    text += "weakened     programs may make sandboxes inside; Landlock's file rules are left out\n";
  if (plan.best_effort_limits) text += "weakened     limits that cannot be held here are left out\n";
  if (plan.report_violations) text += "reports      what is refused\n";
  text += "\npaths (the longest one that holds a file decides)\n";
  for (const core::PathRule& rule : plan.rules) {
    text += fmt::format("  {:<4} {}  ({}: {})\n", FormatAccess(rule.access), base::Printable(rule.path),
                        core::RuleKindName(rule.kind), rule.reason);
  }
  if (!plan.guarded.empty()) text += "\nguarded: they stay as they are where the rules let them be written\n";
  for (const std::string& path : plan.guarded) text += fmt::format("  {}\n", base::Printable(path));
  text += "\nenvironment\n";
  for (const auto& [name, value] : plan.environment) text += fmt::format("  {}={}\n", name, base::Printable(value));
  text += "\nlimits\n";
  bool any = false;
  const std::vector<core::LimitNote> notes = core::HostBackend().LimitNotes(plan);
  for (const LimitRow& row : LimitRows(plan.limits)) {
    if (!row.value) continue;
    any = true;
    const core::LimitNote* note = NoteOn(notes, row.limit);
    text += fmt::format("  {} {}{}{}  ({})\n", row.name, *row.value, row.unit.empty() ? "" : " ", row.unit,
                        note == nullptr || !note->held ? "not held: see the notes" : note->by);
  }
  if (!any) text += "  as the caller's own\n";
  const std::vector<core::SystemCallNote> calls = core::HostBackend().SystemCallNotes(plan);
  const auto list = [&](bool supervised, std::string_view title) {
    if (std::none_of(calls.begin(), calls.end(), [&](const auto& note) { return note.supervised == supervised; }))
      return;
    text += title;
    for (const core::SystemCallNote& note : calls) {
      if (note.supervised != supervised) continue;
      text += fmt::format("  {}: {}\n    {}\n", note.group, note.why, fmt::join(note.names, " "));
    }
  };
  list(false, "\nsystem calls refused (*: with some arguments)\n");
  list(true, "\nsystem calls that leash makes for the command where the rules let it (*: with some arguments)\n");
  for (const std::string& note : plan.notes) text += fmt::format("\nnote: {}\n", note);
  return text;
}

}  // namespace

absl::StatusOr<std::string> Explain(const SandboxConfig& config, bool network_denied, ExplainFormat format) {
  core::HostFacts host;
  LEASH_ASSIGN_OR_RETURN(const core::Plan plan, PlanOf(config, network_denied, host));
  return format == ExplainFormat::kJson ? ToJson(plan) : ToText(plan);
}

absl::StatusOr<std::string> ExplainPath(const SandboxConfig& config, bool network_denied, const std::string& path,
                                        ExplainFormat format) {
  core::HostFacts host;
  LEASH_ASSIGN_OR_RETURN(const core::Plan plan, PlanOf(config, network_denied, host));
  if (path.empty() || path.find('\0') != std::string::npos) {
    return base::Error(ErrorCode::kInvalidArgument, fmt::format("'{}' is not a path", base::Printable(path)));
  }
  if (path.front() != '/' && host.current_dir.empty()) {
    return base::Error(ErrorCode::kIo, "cannot tell the current directory");
  }
  const std::string absolute = path.front() == '/' ? path : base::JoinPath(host.current_dir, path);
  const std::string canonical = base::CanonicalPrefix(*host.files, absolute);
  const core::PathRule* rule = core::DecidingRule(plan, canonical);
  const std::string access = FormatAccess(rule == nullptr ? Access::kNone : rule->access);
  if (format == ExplainFormat::kJson) {
    nlohmann::ordered_json json = {{"path", canonical}, {"access", access}};
    if (rule != nullptr) {
      json["rule"] = {{"path", rule->path}, {"kind", core::RuleKindName(rule->kind)}, {"reason", rule->reason}};
    }
    return Dump(json);
  }
  if (rule == nullptr) return fmt::format("{} {}  (no rule reaches it)\n", access, base::Printable(canonical));
  return fmt::format("{} {}  ({}: {}, by the rule on {})\n", access, base::Printable(canonical),
                     core::RuleKindName(rule->kind), rule->reason, base::Printable(rule->path));
}

absl::StatusOr<std::string> ExplainOn(std::string_view platform, const SandboxConfig& config, bool network_denied) {
  std::string known;
  for (const core::PlatformModel& model : core::PlatformModels()) {
    known += fmt::format("{}{}", known.empty() ? "" : ", ", model.name);
    if (model.name != platform) continue;
    core::HostFacts host = core::HostFactsOfProcess(model.profile());
    const core::PaperDisk disk(*host.files, *host.profile);
    host.files = &disk;
    host.scratch_dir = fmt::format("{}/{}", model.temporary, kScratchName);
    LEASH_ASSIGN_OR_RETURN(const core::Plan plan, core::MakePlan(config, network_denied, host));
    return model.describe(plan);
  }
  return base::Error(ErrorCode::kInvalidArgument, fmt::format("'{}' is no platform that leash can explain here: {}",
                                                              base::Printable(platform), known));
}

std::vector<Mechanism> ProbeMechanisms() { return core::HostBackend().Probe(); }

}  // namespace leash
