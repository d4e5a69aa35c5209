// The Linux backend: which kind of sandbox, and what the machine can do.
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <utility>

#include "base/log.h"
#include "base/status.h"
#include "core/backend.h"
#include "fmt/format.h"
#include "platform/linux/audit_watch.h"
#include "platform/linux/cgroup_place.h"
#include "platform/linux/landlock_sandbox.h"
#include "platform/linux/limits.h"
#include "platform/linux/membership.h"
#include "platform/linux/namespace_sandbox.h"
#include "platform/linux/probe.h"
#include "platform/linux/profile.h"
#include "platform/linux/sandbox_cgroup.h"
#include "platform/linux/seccomp_table.h"
#include "platform/linux/supervisor_support.h"

namespace leash::platform {
namespace {

struct InitGroundwork final : core::Groundwork {
  explicit InitGroundwork(absl::StatusOr<std::unique_ptr<InitProcess>> started) : init(std::move(started)) {}
  absl::StatusOr<std::unique_ptr<InitProcess>> init;
};

absl::Status CheckNesting(bool namespaces) {
  if (!namespaces) {
    return base::Error(ErrorCode::kNotEnforced, "sandboxes inside a sandbox need namespaces, which are turned off");
  }
  // user_namespaces(7): without it nobody below can map root's identity, and so nothing below can make a namespace.
  // With it a command could give a file capabilities that count outside.
  if (::geteuid() == 0) {
    return base::Error(ErrorCode::kNotEnforced,
                       "sandboxes inside a sandbox are for ordinary users: the kernel has root's identity mapped again "
                       "only by who may give files capabilities (CAP_SETFCAP); start leash as another user");
  }
  return absl::OkStatus();
}

// The rows of a group that are refused, or those that are supervised.
void AddNote(const SyscallGroup& group, const std::string& why, bool supervised,
             std::vector<core::SystemCallNote>& notes) {
  core::SystemCallNote note{std::string(group.title), why, supervised, {}};
  std::string_view last;
  for (const SyscallRule& rule : group.rules) {
    if ((rule.errno_value == kAskSupervisor) != supervised || rule.name == std::exchange(last, rule.name)) continue;
    note.names.push_back(fmt::format("{}{}", rule.name, rule.first.test == ArgTest::kNone ? "" : "*"));
  }
  if (!note.names.empty()) notes.push_back(std::move(note));
}

class LinuxBackend final : public core::Backend {
 public:
  const core::PlatformProfile& Profile() const override { return LinuxProfile(); }

  std::unique_ptr<core::Groundwork> Begin(Namespaces namespaces) override {
    if (namespaces == Namespaces::kOff) return nullptr;
    return std::make_unique<InitGroundwork>(InitProcess::Start());
  }

  absl::StatusOr<std::unique_ptr<core::PreparedSandbox>> Prepare(const core::Plan& plan, std::uint64_t id,
                                                                 const std::string& canary,
                                                                 std::unique_ptr<core::Groundwork> groundwork,
                                                                 std::shared_ptr<core::ViolationSink> sink) override {
    LEASH_ASSIGN_OR_RETURN(std::shared_ptr<HeldLimits> limits, HeldLimits::Make(plan, id));
    if (plan.security.allow_nested) LEASH_RETURN_IF_ERROR(CheckNesting(groundwork != nullptr));
    ReportSources report = {sink, sink == nullptr ? nullptr : AuditWatch::Open(sink)};
    if (groundwork == nullptr) {
      return PrepareLandlockSandbox(plan, id, canary, std::move(limits), std::move(report), "switched off");
    }
    absl::StatusOr<std::unique_ptr<InitProcess>>& init = static_cast<InitGroundwork&>(*groundwork).init;
    bool refused = true;
    absl::Status reason = init.ok() ? (*init)->WaitUntilStarted() : init.status();
    if (reason.ok()) {
      auto sandbox = PrepareNamespaceSandbox(plan, id, limits, report, *std::move(init), refused);
      if (sandbox.ok()) return sandbox;
      reason = sandbox.status();
    }
    // What is wrong with the plan is wrong without namespaces too.
    if (!refused) return reason;
    if (plan.namespaces == Namespaces::kRequire || plan.security.allow_nested) {
      return base::Error(ErrorCode::kNotEnforced,
                         fmt::format("{}, and {}; see: leash doctor",
                                     plan.security.allow_nested ? "sandboxes inside a sandbox need namespaces"
                                                                : "namespaces were required",
                                     std::string(reason.message())));
    }
    base::Log(base::LogLevel::kInfo, "no namespaces: {}", std::string(reason.message()));
    return PrepareLandlockSandbox(plan, id, canary, std::move(limits), std::move(report),
                                  std::string(reason.message()));
  }

  absl::Status KillLeftovers(std::uint64_t id) override {
    const absl::Status killed = KillMarked(Mark::OfSandbox(id), kKillPatience);
    RemoveLeftoverCgroups(CgroupFactsOfProcess(), id);
    return killed;
  }

  void AdoptOrphans() override { (void)::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); }

  void ReapOrphans(pid_t except) override {
    siginfo_t info = {};
    // Looks first and reaps then: the one that is waited for elsewhere must keep its status.
    while (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0 && info.si_pid != except) {
      ::waitpid(info.si_pid, nullptr, 0);
      info = {};
    }
  }

  std::vector<Mechanism> Probe() override { return ProbeLinux(); }

  std::vector<core::LimitNote> LimitNotes(const core::Plan& plan) override { return LimitNotesFor(plan); }

  std::vector<core::SystemCallNote> SystemCallNotes(const core::Plan& plan) override {
    std::vector<core::SystemCallNote> notes;
    // With namespaces there is no supervisor; whether there are any is known when the sandbox is made.
    const bool denied = !core::HasSockets(plan);
    const bool supervised = plan.namespaces != Namespaces::kRequire && SupervisorSupportOfProcess().available();
    const bool unsupervised = plan.namespaces != Namespaces::kOff || !supervised;
    for (const SyscallGroup& group : SyscallTable()) {
      const bool with = supervised && AppliesTo(group.scope, {.network_denied = denied, .supervised = true});
      const bool without = unsupervised && AppliesTo(group.scope, {.network_denied = denied,
                                                                   .nested_allowed = plan.security.allow_nested});
      if (!with && !without) continue;
      std::string why(group.why);
      if (supervised && unsupervised && with != without) {
        why = fmt::format("{} namespaces: {}", with ? "without" : "with", why);
      }
      AddNote(group, why, false, notes);
      AddNote(group, why, true, notes);
    }
    return notes;
  }
};

}  // namespace
}  // namespace leash::platform

namespace leash::core {

Backend& HostBackend() {
  static platform::LinuxBackend* const backend = new platform::LinuxBackend;
  return *backend;
}

}  // namespace leash::core
