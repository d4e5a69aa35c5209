#include "platform/linux/landlock_sandbox.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "base/event_loop.h"
#include "base/file_system.h"
#include "base/log.h"
#include "base/path_fd.h"
#include "base/status.h"
#include "base/unique_fd.h"
#include "core/carve_out.h"
#include "fmt/format.h"
#include "platform/linux/borrowed_clone.h"
#include "platform/linux/egress_intake.h"
#include "platform/linux/host_network.h"
#include "platform/linux/host_sockets.h"
#include "platform/linux/landlock.h"
#include "platform/linux/launch_child.h"
#include "platform/linux/launch_error.h"
#include "platform/linux/limits.h"
#include "platform/linux/membership.h"
#include "platform/linux/seccomp_filter.h"
#include "platform/linux/supervisor.h"
#include "platform/linux/supervisor_support.h"
#include "platform/linux/terminal.h"

namespace leash::platform {
namespace {

class LandlockProcess final : public core::Process {
 public:
  LandlockProcess(pid_t pid, base::UniqueFd pidfd, bool leads_group, Mark mark, std::shared_ptr<HeldLimits> limits,
                  const CgroupEvents& before)
      : pid_(pid),
        pidfd_(std::move(pidfd)),
        leads_group_(leads_group),
        mark_(mark),
        limits_(std::move(limits)),
        before_(before) {}

  pid_t Pid() const override { return pid_; }
  int EndFd() const override { return pidfd_.get(); }

  absl::StatusOr<std::optional<core::ProcessEnd>> TryWait() override {
    siginfo_t info = {};
    rusage usage = {};
    // The system call itself, because libc's waitid(2) leaves out its fifth argument.
    while (::syscall(SYS_waitid, P_PIDFD, pidfd_.get(), &info, WEXITED | WNOHANG, &usage) != 0) {
      if (errno == EINTR) continue;
      // A host that ignores SIGCHLD, or waits for any child, has reaped ours.
      return base::ErrnoError(ErrorCode::kIo, errno, "cannot learn how the command ended");
    }
    if (info.si_pid == 0) return std::optional<core::ProcessEnd>();
    core::ProcessEnd end;
    end.status = info.si_code == CLD_EXITED ? ExitStatus::Exited(info.si_status) : ExitStatus::Signaled(info.si_status);
    end.usage.user_time = absl::DurationFromTimeval(usage.ru_utime);
    end.usage.system_time = absl::DurationFromTimeval(usage.ru_stime);
    end.usage.peak_memory_bytes = static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
    limits_->Account(before_, end.status, killed_, end.usage);
    return std::optional<core::ProcessEnd>(end);
  }

  absl::Status Signal(int signal) override {
    const int result = leads_group_
                           ? ::kill(-pid_, signal)
                           : static_cast<int>(::syscall(SYS_pidfd_send_signal, pidfd_.get(), signal, nullptr, 0));
    if (result != 0) return base::ErrnoError(ErrorCode::kIo, errno, fmt::format("cannot signal process {}", pid_));
    return absl::OkStatus();
  }

  absl::Status KillTree() override {
    killed_ = true;
    if (BearsMark()) {
      // Its descendants first: without it they are no longer known to be its own. Stopped, so that it makes no more.
      (void)::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGSTOP, nullptr, 0);
      const absl::Status killed = KillDescendants(pid_, kKillPatience);
      (void)::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
      return killed;
    }
    (void)::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
    return KillMarked(mark_, kKillPatience);
  }

 private:
  const pid_t pid_;
  const base::UniqueFd pidfd_;
  const bool leads_group_;
  const Mark mark_;
  const std::shared_ptr<HeldLimits> limits_;
  const CgroupEvents before_;
  std::atomic<bool> killed_ = false;
};

// PR_SET_PDEATHSIG(2) follows the thread that made the child, so that must be one which lasts as long as the process:
// the main thread, or leash's own. (A program that ends its main thread alone ends the children it started there.)
absl::Status OnLastingThread(const std::function<void()>& task) {
  if (::syscall(SYS_gettid) == ::getpid()) {
    task();
    return absl::OkStatus();
  }
  LEASH_RETURN_IF_ERROR(base::EventLoop::Start());
  base::EventLoop::Shared().RunSync(task);
  return absl::OkStatus();
}

// Starts the child and returns once it has executed its program or failed.
absl::StatusOr<BorrowedChild> Launch(LaunchOrder& order) {
  order.parent = ::getpid();
  LEASH_ASSIGN_OR_RETURN(BorrowedChild child, CloneBorrowed(&RunLaunchChild, &order, SIGCHLD));
  if (order.failed_stage == LaunchStage::kNone) return child;
  siginfo_t info;
  while (::waitid(P_PIDFD, static_cast<id_t>(child.pidfd.get()), &info, WEXITED) != 0 && errno == EINTR) {
  }
  return LaunchError(order.failed_stage, order.failed_errno, order.program);
}

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (const std::string& text : strings) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

bool AdoptsOrphans() {
  int reaper = 0;
  return ::prctl(PR_GET_CHILD_SUBREAPER, &reaper, 0, 0, 0) == 0 && reaper == 1;
}

// A reaper of orphans without a child has no descendants at all: what lives of a command is a child of something that
// lives, and so in the end a child of the reaper.
bool HasNoDescendants() {
  siginfo_t info;
  return AdoptsOrphans() && ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) != 0 && errno == ECHILD;
}

// Inside another sandbox commands cannot be marked (membership.h). What is started must then be found by descent.
absl::Status CheckDescendantsAreSeen() {
  if (!BearsMark()) return absl::OkStatus();
  if (!AdoptsOrphans()) {
    return base::Error(
        ErrorCode::kNotEnforced,
        "inside a sandbox of leash's, without namespaces, only a process that adopts its orphans can "
        "tell which are its own: call leash::AdoptOrphans() first, or let the outer sandbox allow nesting");
  }
  const base::UniqueFd processes(::open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!processes) {
    return base::Error(
        ErrorCode::kNotEnforced,
        "inside a sandbox of leash's that has no namespaces, /proc is closed, so that a command's processes "
        "could not be found to be ended; give the outer one --namespaces require");
  }
  return absl::OkStatus();
}

class LandlockSandbox final : public core::PreparedSandbox {
 public:
  LandlockSandbox(core::Plan plan, std::uint64_t id, std::string canary, LandlockFeatures features,
                  std::shared_ptr<HeldLimits> limits, std::shared_ptr<AuditWatch> audit, base::UniqueFd ruleset,
                  base::UniqueFd start_dir, std::unique_ptr<Supervisor> supervisor, std::shared_ptr<CallDoor> calls,
                  core::HeldBy held_by, core::EgressIntake egress, std::shared_ptr<InsideLoopback> loopback)
      : plan_(std::move(plan)),
        id_(id),
        canary_(std::move(canary)),
        features_(features),
        limits_(std::move(limits)),
        audit_(std::move(audit)),
        ruleset_(std::move(ruleset)),
        start_dir_(std::move(start_dir)),
        supervisor_(std::move(supervisor)),
        calls_(std::move(calls)),
        held_by_(std::move(held_by)),
        egress_(std::move(egress)),
        loopback_(std::move(loopback)),
        filter_(SeccompFilter({.network_denied = !core::HasSockets(plan_),
                               .supervised = supervisor_ != nullptr,
                               .reported = plan_.report_violations && supervisor_ != nullptr})) {}

  absl::StatusOr<std::unique_ptr<core::Process>> Spawn(const core::SpawnRequest& request) override {
    const Mark mark = Mark::OfCommand(id_, next_number_.fetch_add(1, std::memory_order_relaxed));
    // First, since a limit on processes allows for the threads that the user has already.
    if (supervisor_ != nullptr) LEASH_RETURN_IF_ERROR(supervisor_->Start());
    LEASH_ASSIGN_OR_RETURN(const std::vector<LimitValue> limits, limits_->ForCommand(mark.value(), false));
    const CgroupEvents before = limits_->Events();
    const std::vector<char*> argv = Pointers(request.argv);
    const std::vector<char*> environment = Pointers(request.environment);

    LaunchOrder order;
    order.program = request.program.c_str();
    order.argv = argv.data();
    order.environment = environment.data();
    Terminal terminal;
    if (request.terminal != nullptr) {
      LEASH_ASSIGN_OR_RETURN(terminal, OpenTerminal(*request.terminal));
      LEASH_RETURN_IF_ERROR(GrantTerminal(terminal));
      order.terminal = terminal.master.get();
    }
    std::array<base::UniqueFd, 3> streams;  // above 2, so that connecting one does not overwrite the next
    for (std::size_t i = 0; i < streams.size(); ++i) {
      if (request.stdio[i] < 0) continue;  // the terminal's
      streams[i].reset(::fcntl(request.stdio[i], F_DUPFD_CLOEXEC, 3));
      if (!streams[i]) return base::ErrnoError(ErrorCode::kSpawnFailed, errno, "cannot connect the command's streams");
      order.stdio[i] = streams[i].get();
    }
    base::UniqueFd directory;
    order.current_dir = start_dir_.get();
    if (!request.current_dir.empty()) {
      LEASH_ASSIGN_OR_RETURN(directory, base::OpenCanonical(request.current_dir));
      order.current_dir = directory.get();
    }
    order.control_groups = limits_->EntryDescriptors();
    order.ruleset = ruleset_.get();
    if (supervisor_ != nullptr) order.supervisor = supervisor_->Socket();
    order.restrict_flags = plan_.report_violations ? features_.report_flags : features_.quiet_flags;
    order.filter = {static_cast<unsigned short>(filter_.size()), const_cast<sock_filter*>(filter_.data())};
    for (const LimitValue& limit : limits) order.limits[order.limit_count++] = limit;
    order.new_session = !plan_.security.allow_tty_write || request.terminal != nullptr;
    order.canary = canary_.empty() ? nullptr : canary_.c_str();
    order.signals_scoped = features_.scoped != 0;
    order.sockets_refused = !core::HasSockets(plan_);
    order.network_supervised = core::HasSockets(plan_);

    absl::StatusOr<BorrowedChild> started = base::Error(ErrorCode::kSpawnFailed, "the command was not started");
    LEASH_RETURN_IF_ERROR(OnLastingThread([&] { started = Launch(order); }));
    if (!started.ok()) return started.status();
    if (audit_ != nullptr) {  // what SelfTest() was refused by Landlock
      audit_->AddCommand(started->pid, (order.canary != nullptr ? 1U : 0U) + (order.signals_scoped ? 1U : 0U));
    }
    if (request.terminal != nullptr) request.terminal->master = std::move(terminal.master);
    base::Log(base::LogLevel::kInfo, "started {} as process {}", request.program, started->pid);
    return std::make_unique<LandlockProcess>(started->pid, std::move(started->pidfd), order.new_session, mark, limits_,
                                             before);
  }

  absl::Status KillAll() override {
    const bool nothing_started = next_number_.load(std::memory_order_relaxed) == 0;
    if (!nothing_started && !HasNoDescendants()) {
      LEASH_RETURN_IF_ERROR(BearsMark() ? KillDescendants(::getpid(), kKillPatience)
                                        : KillMarked(Mark::OfSandbox(id_), kKillPatience));
    }
    if (audit_ != nullptr) audit_->AllEnded();
    return limits_->Remove();
  }

  void SettleReports() override {
    if (audit_ != nullptr) audit_->Settle();
  }
  core::HeldBy Isolation() const override { return held_by_; }
  void ServeCalls(core::CallSink sink) override { calls_->Set(std::move(sink)); }
  core::EgressIntake TakeEgress() override { return std::exchange(egress_, {}); }
  absl::StatusOr<core::InsideSockets> MakeInsideSockets() override {
    LEASH_ASSIGN_OR_RETURN(std::unique_ptr<base::SocketSource> source, MakeHostSockets(loopback_));
    return core::InsideSockets{std::move(source), &Splice};
  }

  // Landlock cannot take a name out of a directory that may be written. What is closed is carved out of the grants.
  std::vector<std::string> Unguarded() const override { return plan_.guarded; }

 private:
  // Opened by the command itself: /dev/tty, which is whatever terminal controls the one who opens it, and the
  // terminal's own name, which /dev/stderr leads to. The rules are on the nodes, so another terminal that gets the same
  // name later is not meant. The rest of /dev/pts stays closed.
  absl::Status GrantTerminal(const Terminal& terminal) const {
    LEASH_ASSIGN_OR_RETURN(const base::UniqueFd controlling, base::OpenCanonical(kControllingTerminal));
    LEASH_RETURN_IF_ERROR(GrantNode(kControllingTerminal, controlling.get()));
    return GrantNode(TerminalName(terminal.master), terminal.slave.get());
  }

  absl::Status GrantNode(const std::string& path, int node) const {
    const core::PathRule* rule = core::DecidingRule(plan_, path);
    if (rule != nullptr && rule->kind == core::RuleKind::kDeny) return absl::OkStatus();
    return AddDeviceRule(features_, ruleset_.get(), node, path);
  }

  const core::Plan plan_;
  const std::uint64_t id_;
  const std::string canary_;
  const LandlockFeatures features_;
  const std::shared_ptr<HeldLimits> limits_;
  const std::shared_ptr<AuditWatch> audit_;
  const base::UniqueFd ruleset_;
  const base::UniqueFd start_dir_;
  const std::unique_ptr<Supervisor> supervisor_;  // null: this machine does not let one work
  const std::shared_ptr<CallDoor> calls_;
  const core::HeldBy held_by_;
  core::EgressIntake egress_;                       // until it is taken
  const std::shared_ptr<InsideLoopback> loopback_;  // of a plan that has sockets
  const std::span<const sock_filter> filter_;
  std::atomic<std::uint64_t> next_number_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<core::PreparedSandbox>> PrepareLandlockSandbox(const core::Plan& plan, std::uint64_t id,
                                                                              const std::string& canary,
                                                                              std::shared_ptr<HeldLimits> limits,
                                                                              ReportSources report,
                                                                              std::string why_no_namespaces) {
  const SupervisorSupport& support = SupervisorSupportOfProcess();
  if (core::HasSockets(plan) && !support.available()) {
    return base::Error(
        ErrorCode::kUnsupported,
        fmt::format("a network policy other than one that denies everything, and published ports, need "
                    "namespaces or a supervisor, and there are none: {}; {}; use --network deny, or see: "
                    "leash doctor",
                    why_no_namespaces, support.why_not));
  }
  LEASH_RETURN_IF_ERROR(CheckCalls(plan, support));
  LEASH_RETURN_IF_ERROR(CheckDescendantsAreSeen());
  const LandlockFeatures features = DetectLandlock();
  LEASH_RETURN_IF_ERROR(CheckLandlock(features, plan.accept_degraded_kernel));
  const base::UnansweredQuestions unanswered;
  const std::vector<core::SubtreeGrant> grants = core::CarveOut(plan.rules, base::HostFileSystem());
  LEASH_RETURN_IF_ERROR(unanswered.status());
  LEASH_ASSIGN_OR_RETURN(base::UniqueFd ruleset, MakeRuleset(features, grants));
  LEASH_ASSIGN_OR_RETURN(base::UniqueFd start_dir, base::OpenCanonical(plan.start_dir));
  std::unique_ptr<Supervisor> supervisor;
  core::EgressIntake intake;
  std::shared_ptr<InsideLoopback> loopback;
  const auto door = std::make_shared<CallDoor>();
  if (support.available()) {
    LEASH_ASSIGN_OR_RETURN(base::UniqueFd socket_ruleset, MakeSocketRuleset(grants));
    std::optional<Observation> observation;
    if (report.sink != nullptr) {
      observation = {report.sink, SeccompFilter({.network_denied = !core::HasSockets(plan), .supervised = true}), false,
                     report.audit != nullptr};
    }
    std::optional<HostNetwork> network;
    if (core::HasSockets(plan)) {
      LEASH_ASSIGN_OR_RETURN(network, MakeHostNetwork(plan.identify_programs, plan.network_denied ? nullptr : &intake));
      loopback = network->loopback;
    }
    std::optional<HostCalls> calls;
    if (!plan.call_socket.empty()) {
      LEASH_ASSIGN_OR_RETURN(calls, HostCalls::OfListener(plan.call_socket, door));
    }
    supervisor = std::make_unique<Supervisor>(plan, std::move(socket_ruleset), observation, std::move(network),
                                              std::move(calls));
  } else {
    base::Log(base::LogLevel::kInfo, "no supervisor: {}", support.why_not);
    if (report.sink != nullptr) report.sink->NotSeen(NotObserved(support));
  }
  core::HeldBy held_by{false, support.available(), std::move(why_no_namespaces), support.why_not};
  return std::make_unique<LandlockSandbox>(plan, id, canary, features, std::move(limits), std::move(report.audit),
                                           std::move(ruleset), std::move(start_dir), std::move(supervisor), door,
                                           std::move(held_by), std::move(intake), std::move(loopback));
}

}  // namespace leash::platform
