#include "core/sandbox_state.h"

#include <utility>

#include "absl/time/clock.h"
#include "base/event_loop.h"
#include "base/file_system.h"
#include "base/path.h"
#include "base/status.h"
#include "base/text.h"
#include "core/hint.h"
#include "core/planner.h"
#include "fmt/format.h"
#include "leash/sandbox.h"

namespace leash::core {
namespace {

// What programs said before they ended waits in the kernel for others that take it. Not for those that do not.
constexpr absl::Duration kLastWords = absl::Seconds(2);

}  // namespace

SandboxState::SandboxState(Plan plan, WorkingDir scratch, std::unique_ptr<PreparedSandbox> prepared,
                           SandboxNetwork network, SandboxCalls calls, std::unique_ptr<Guard> guard,
                           std::shared_ptr<ViolationLog> violations, bool keep_scratch)
    : plan_(std::move(plan)),
      keep_scratch_(keep_scratch),
      scratch_(std::move(scratch)),
      network_(std::move(network)),
      calls_(std::move(calls)),
      why_not_all_connections_(network_.why_not_all()),
      published_(network_.published()),
      prepared_(std::move(prepared)),
      guard_(std::move(guard)),
      violations_(std::move(violations)) {
  calls_.Serve(*prepared_);
}

absl::StatusOr<std::shared_ptr<ChildState>> SandboxState::Spawn(const SpawnRequest& request, absl::Time deadline) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return base::Error(ErrorCode::kClosed, "the sandbox has been closed");
  }
  if (deadline != absl::InfiniteFuture()) LEASH_RETURN_IF_ERROR(base::EventLoop::Start());
  // Not under the lock: this waits for the loop thread, whose callbacks may well use this sandbox.
  LEASH_ASSIGN_OR_RETURN(std::unique_ptr<Process> process, prepared_->Spawn(request));
  auto child = std::make_shared<ChildState>(std::move(process), deadline, guard_);
  const std::lock_guard lock(mutex_);
  if (closed_) {  // Close() came between and may not have seen this one
    child->KillTree().IgnoreError();
    child->WaitUntil(absl::Now() + absl::Seconds(1)).IgnoreError();
    return base::Error(ErrorCode::kClosed, "the sandbox has been closed");
  }
  std::erase_if(children_, [](const auto& old) {
    const auto status = old->WaitUntil(absl::InfinitePast());
    return !status.ok() || status->has_value();
  });
  child->WatchDeadline();
  children_.push_back(child);
  return child;
}

absl::Status SandboxState::Close() {
  // Not ended under the lock, which a callback may be waiting for.
  SandboxNetwork network;
  SandboxCalls calls;
  {
    const std::lock_guard lock(mutex_);
    network = std::move(network_);
    calls = std::move(calls_);
  }
  network.StopListening();
  absl::Status result = CloseOnce();
  network.End(kLastWords);
  calls.End(*prepared_);
  if (violations_ != nullptr && violations_->HasListener()) {
    prepared_->SettleReports();
    violations_->StopListening();
  }
  return result;
}

absl::Status SandboxState::CloseOnce() {
  const std::lock_guard lock(mutex_);
  if (closed_) return absl::OkStatus();
  closed_ = true;
  prepared_->BeginKillAll();
  // Most commands leave nothing in the scratch directory, and the dying can put nothing into one that is gone.
  if (!keep_scratch_ && guard_ == nullptr) scratch_.RemoveIfEmpty();
  absl::Status result = prepared_->KillAll();
  // Everything is dead by now: this only reaps.
  for (const auto& child : children_) child->WaitUntil(absl::Now() + absl::Seconds(1)).IgnoreError();
  children_.clear();
  if (guard_ != nullptr) {
    result.Update(guard_->Check());
    if (!guard_->Found().empty()) scratch_.KeepEvidence();
  }
  result.Update(keep_scratch_ ? scratch_.Keep() : scratch_.Remove());
  return result;
}

ViolationReport SandboxState::Violations() {
  if (violations_ == nullptr) {
    ViolationReport report;
    report.not_seen.emplace_back("anything: the sandbox was not asked to report what it refuses");
    return report;
  }
  prepared_->SettleReports();
  return violations_->Snapshot();
}

void SandboxState::Listen(ViolationCallback callback) {
  if (violations_ != nullptr) violations_->Listen(std::move(callback));
}

IsolationState SandboxState::Isolation() const {
  HeldBy held = prepared_->Isolation();
  return {plan_.isolation,
          held.namespaces,
          held.supervisor,
          std::move(held.why_no_namespaces),
          std::move(held.why_no_supervisor),
          why_not_all_connections_};
}

void SandboxState::KeepScratch() {
  const std::lock_guard lock(mutex_);
  keep_scratch_ = true;
}

absl::StatusOr<std::shared_ptr<SandboxState>> CreateSandboxState(const SandboxConfig& config, PolicyFunction policy,
                                                                 bool policy_sees_addresses) {
  const bool denies_all = policy == nullptr;
  LEASH_ASSIGN_OR_RETURN(NetworkRules rules, ReadNetworkRules(config, std::move(policy), policy_sees_addresses));
  Backend& backend = HostBackend();
  std::unique_ptr<Groundwork> groundwork = backend.Begin(config.namespaces);
  LEASH_ASSIGN_OR_RETURN(WorkingDir scratch, WorkingDir::Create());
  LEASH_ASSIGN_OR_RETURN(SandboxCalls calls, SandboxCalls::Start(config, scratch));
  const base::UnansweredQuestions unanswered;
  HostFacts host = HostFactsOfProcess(backend.Profile());
  host.scratch_dir = scratch.path();
  absl::StatusOr<Plan> made = MakePlan(config, denies_all, host);
  LEASH_RETURN_IF_ERROR(unanswered.status());
  LEASH_ASSIGN_OR_RETURN(Plan plan, std::move(made));
  std::string canary(base::ParentOf(scratch.path()));
  if (Decide(plan, canary) != Access::kNone) canary.clear();
  std::shared_ptr<ViolationLog> violations;
  if (plan.report_violations) {
    violations = std::make_shared<ViolationLog>([plan, profile = &backend.Profile()](const Violation& violation) {
      return HintFor(violation, plan, *profile);
    });
  }
  LEASH_ASSIGN_OR_RETURN(std::unique_ptr<PreparedSandbox> prepared,
                         backend.Prepare(plan, scratch.id(), canary, std::move(groundwork), violations));
  LEASH_ASSIGN_OR_RETURN(SandboxNetwork network, SandboxNetwork::Start(config, plan, std::move(rules), *prepared));
  std::unique_ptr<Guard> guard;
  if (const std::vector<std::string> unguarded = prepared->Unguarded(); !unguarded.empty()) {
    LEASH_ASSIGN_OR_RETURN(
        guard, Guard::Make(unguarded, base::JoinPath(base::ParentOf(scratch.path()), WorkingDir::kEvidence)));
  }
  return std::make_shared<SandboxState>(std::move(plan), std::move(scratch), std::move(prepared), std::move(network),
                                        std::move(calls), std::move(guard), std::move(violations), config.keep_scratch);
}

absl::Status CloseSandboxState(SandboxState& state) { return state.Close(); }
const std::string& WorkingDirOf(const SandboxState& state) { return state.plan().working_dir; }
const std::string& ScratchDirOf(const SandboxState& state) { return state.plan().scratch_dir; }
std::vector<Quarantined> QuarantinedOf(const SandboxState& state) { return state.FoundByGuard(); }
const std::vector<PublishedPort>& PublishedPortsOf(const SandboxState& state) { return state.published(); }
IsolationState IsolationOf(const SandboxState& state) { return state.Isolation(); }
ViolationReport ViolationsOf(SandboxState& state) { return state.Violations(); }
void ListenToViolationsOf(SandboxState& state, ViolationCallback callback) { state.Listen(std::move(callback)); }
void KeepScratchOf(SandboxState& state) { state.KeepScratch(); }

absl::Status PythonCodeStatus(std::string_view code) {
  // MAX_ARG_STRLEN, with its NUL.
  constexpr std::size_t kLongestArgument = std::size_t{128} << 10;
  if (code.find('\0') != std::string_view::npos) {
    return base::Error(ErrorCode::kInvalidArgument, "the Python code has a NUL byte in it");
  }
  if (code.size() < kLongestArgument) return absl::OkStatus();
  return base::Error(ErrorCode::kInvalidArgument,
                     fmt::format("the Python code has {} bytes, of which Linux hands on less than {}; put it into a "
                                 "file",
                                 code.size(), kLongestArgument));
}

absl::StatusOr<std::string> ReadableFileIn(const SandboxState& state, const std::string& path) {
  const HostFacts host = HostFactsOfProcess(HostBackend().Profile());
  const std::string absolute = path.starts_with('/') ? path : base::JoinPath(host.current_dir, path);
  std::optional<std::string> canonical = host.files->Canonical(absolute);
  if (path.empty() || !canonical.has_value()) {
    return base::Error(ErrorCode::kPathNotFound, fmt::format("script {} does not exist", base::Printable(absolute)));
  }
  if (Includes(Decide(state.plan(), *canonical), Access::kRead)) return *std::move(canonical);
  return base::Error(ErrorCode::kInvalidArgument,
                     fmt::format("the sandbox may not read {}; grant it", base::Printable(*canonical)));
}

}  // namespace leash::core
