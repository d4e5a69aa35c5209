// Layer A of the Linux backend: no_new_privs, Landlock, seccomp, limits, a clean process.
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <functional>
#include <memory>
#include <span>
#include <utility>

#include "absl/time/time.h"
#include "base/event_loop.h"
#include "base/file_system.h"
#include "base/log.h"
#include "base/path_fd.h"
#include "base/status.h"
#include "base/unique_fd.h"
#include "core/backend.h"
#include "core/carve_out.h"
#include "fmt/format.h"
#include "platform/linux/landlock.h"
#include "platform/linux/launch_child.h"
#include "platform/linux/limits.h"
#include "platform/linux/membership.h"
#include "platform/linux/probe.h"
#include "platform/linux/profile.h"
#include "platform/linux/seccomp_filter.h"
#include "platform/linux/seccomp_table.h"

// glibc's own name for clone(2). ThreadSanitizer takes the other one for a fork and lets the child repair its runtime,
// which with CLONE_VM is the parent's.
extern "C" int __clone(int (*function)(void*), void* stack, int flags, void* argument, ...);  // NOLINT

namespace leash::platform {
namespace {

constexpr absl::Duration kKillPatience = absl::Seconds(10);

absl::Status StageError(LaunchStage stage, int error, const std::string& program) {
  const auto because = [&](ErrorCode code, std::string_view what) { return base::ErrnoError(code, error, what); };
  switch (stage) {
    case LaunchStage::kNone:
      break;
    case LaunchStage::kParentDied:
      return base::Error(ErrorCode::kSpawnFailed, "leash ended while starting a command");
    case LaunchStage::kSession:
      return because(ErrorCode::kSpawnFailed, "cannot make a session for the command");
    case LaunchStage::kStdio:
      return because(ErrorCode::kSpawnFailed, "cannot connect the command's streams");
    case LaunchStage::kCurrentDir:
      return because(ErrorCode::kSpawnFailed, "cannot enter the command's directory");
    case LaunchStage::kLimits:
      return because(ErrorCode::kNotEnforced, "cannot set the command's limits");
    case LaunchStage::kCapabilities:
      return because(ErrorCode::kNotEnforced, "cannot drop capabilities");
    case LaunchStage::kNoNewPrivs:
      return because(ErrorCode::kNotEnforced, "cannot set no_new_privs");
    case LaunchStage::kLandlock:
      return because(ErrorCode::kNotEnforced, "cannot enforce Landlock rules");
    case LaunchStage::kCloseDescriptors:
      return because(ErrorCode::kNotEnforced, "cannot close inherited descriptors (close_range)");
    case LaunchStage::kSeccomp:
      return because(ErrorCode::kNotEnforced, "cannot install the system call filter");
    case LaunchStage::kSelfTest:
      return base::Error(ErrorCode::kNotEnforced,
                         fmt::format("the sandbox's self-test failed ({}): something that must be refused was not, so "
                                     "nothing was run; see: leash doctor",
                                     error == 0 ? "the act succeeded" : base::ErrnoText(error)));
    case LaunchStage::kExec:
      switch (error) {
        case ENOENT:
          return because(ErrorCode::kProgramNotFound, fmt::format("cannot run {} or its interpreter", program));
        case ENOEXEC:
          return base::Error(
              ErrorCode::kProgramNotExecutable,
              fmt::format("cannot run {}: not a program, and no '#!' line names an interpreter", program));
        case EACCES:
        case EPERM:
        case ELOOP:
        case ETXTBSY:
          return because(ErrorCode::kProgramNotExecutable, fmt::format("cannot run {}", program));
        default:
          return because(ErrorCode::kSpawnFailed, fmt::format("cannot run {}", program));
      }
  }
  return base::Error(ErrorCode::kSpawnFailed, "cannot start the command");
}

class LinuxProcess final : public core::Process {
 public:
  LinuxProcess(pid_t pid, base::UniqueFd pidfd, bool leads_group, Mark mark)
      : pid_(pid), pidfd_(std::move(pidfd)), leads_group_(leads_group), mark_(mark) {}

  pid_t Pid() const override { return pid_; }
  int EndFd() const override { return pidfd_.get(); }

  absl::StatusOr<std::optional<ExitStatus>> TryWait() override {
    siginfo_t info = {};
    while (::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED | WNOHANG) != 0) {
      if (errno == EINTR) continue;
      // A host that ignores SIGCHLD, or waits for any child, has reaped ours.
      return base::ErrnoError(ErrorCode::kIo, errno, "cannot learn how the command ended");
    }
    if (info.si_pid == 0) return std::optional<ExitStatus>();
    return std::optional<ExitStatus>(info.si_code == CLD_EXITED ? ExitStatus::Exited(info.si_status)
                                                                : ExitStatus::Signaled(info.si_status));
  }

  absl::Status Signal(int signal) override {
    const int result = leads_group_
                           ? ::kill(-pid_, signal)
                           : static_cast<int>(::syscall(SYS_pidfd_send_signal, pidfd_.get(), signal, nullptr, 0));
    if (result != 0) return base::ErrnoError(ErrorCode::kIo, errno, fmt::format("cannot signal process {}", pid_));
    return absl::OkStatus();
  }

  absl::Status KillTree() override {
    (void)::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
    return KillMarked(mark_, kKillPatience);
  }

 private:
  const pid_t pid_;
  const base::UniqueFd pidfd_;
  const bool leads_group_;
  const Mark mark_;
};

// The stack that a child runs on until execve. One a start; with a guard page below.
class ChildStack {
 public:
  ChildStack() : base_(::mmap(nullptr, kSize, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0)) {
    if (base_ != MAP_FAILED && ::mprotect(Bottom(), kSize - kGuard, PROT_READ | PROT_WRITE) != 0) {
      ::munmap(base_, kSize);
      base_ = MAP_FAILED;
    }
  }
  ~ChildStack() {
    if (base_ != MAP_FAILED) ::munmap(base_, kSize);
  }
  ChildStack(const ChildStack&) = delete;
  ChildStack& operator=(const ChildStack&) = delete;

  bool ok() const { return base_ != MAP_FAILED; }
  void* Top() const { return static_cast<char*>(base_) + kSize; }

 private:
  static constexpr std::size_t kGuard = 4096;
  static constexpr std::size_t kSize = std::size_t{64} * 1024;
  char* Bottom() const { return static_cast<char*>(base_) + kGuard; }
  void* base_;
};

// PR_SET_PDEATHSIG(2) follows the thread that made the child, so that must be one which lasts as long as the process:
// the main thread, or leash's own. (A program that ends its main thread alone ends the children it started there.)
void OnLastingThread(const std::function<void()>& task) {
  if (::syscall(SYS_gettid) == ::getpid()) return task();
  base::EventLoop::Shared().RunSync(task);
}

// Starts the child and returns once it has executed its program or failed.
// The memory is shared until then (CLONE_VM), which makes starting cost the same from a host of any size.
absl::StatusOr<std::pair<pid_t, base::UniqueFd>> Launch(LaunchOrder& order) {
  const ChildStack stack;
  if (!stack.ok()) return base::ErrnoError(ErrorCode::kSpawnFailed, errno, "cannot make a stack for the command");
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  // No handler of the host may run in the child, on memory that is not its own.
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int pidfd = -1;
  order.parent = ::getpid();
  const pid_t pid =
      ::__clone(&RunLaunchChild, stack.Top(), CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &order, &pidfd);
  const int error = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) return base::ErrnoError(ErrorCode::kSpawnFailed, error, "cannot make a process for the command");
  base::UniqueFd owned(pidfd);
  if (order.failed_stage != LaunchStage::kNone) {
    siginfo_t info;
    while (::waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, WEXITED) != 0 && errno == EINTR) {
    }
    return StageError(order.failed_stage, order.failed_errno, order.program);
  }
  return std::pair(pid, std::move(owned));
}

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (const std::string& text : strings) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// A reaper of orphans (AdoptOrphans) without a child has no descendants at all: what lives of a command is a child of
// something that lives, and so in the end a child of the reaper.
bool HasNoDescendants() {
  int reaper = 0;
  siginfo_t info;
  return ::prctl(PR_GET_CHILD_SUBREAPER, &reaper, 0, 0, 0) == 0 && reaper == 1 &&
         ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) != 0 && errno == ECHILD;
}

class LinuxSandbox final : public core::PreparedSandbox {
 public:
  LinuxSandbox(core::Plan plan, std::uint64_t id, std::string canary, LandlockFeatures features, base::UniqueFd ruleset,
               base::UniqueFd start_dir)
      : plan_(std::move(plan)),
        id_(id),
        canary_(std::move(canary)),
        features_(features),
        ruleset_(std::move(ruleset)),
        start_dir_(std::move(start_dir)),
        filter_(SeccompFilter({plan_.network_denied})) {}

  absl::StatusOr<std::unique_ptr<core::Process>> Spawn(const core::SpawnRequest& request) override {
    const Mark mark = Mark::OfCommand(id_, next_number_.fetch_add(1, std::memory_order_relaxed));
    LEASH_ASSIGN_OR_RETURN(const std::vector<LimitValue> limits, LimitsFor(plan_.limits, mark.value()));
    const std::vector<char*> argv = Pointers(request.argv);
    const std::vector<char*> environment = Pointers(request.environment);

    LaunchOrder order;
    order.program = request.program.c_str();
    order.argv = argv.data();
    order.environment = environment.data();
    std::array<base::UniqueFd, 3> streams;  // above 2, so that connecting one does not overwrite the next
    for (std::size_t i = 0; i < streams.size(); ++i) {
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
    order.ruleset = ruleset_.get();
    order.restrict_flags = features_.restrict_flags;
    order.filter = {static_cast<unsigned short>(filter_.size()), const_cast<sock_filter*>(filter_.data())};
    for (const LimitValue& limit : limits) order.limits[order.limit_count++] = limit;
    order.new_session = !plan_.keep_terminal;
    order.drop_capabilities = true;
    order.canary = canary_.empty() ? nullptr : canary_.c_str();
    order.signals_scoped = features_.scoped != 0;
    order.sockets_refused = plan_.network_denied;

    absl::StatusOr<std::pair<pid_t, base::UniqueFd>> started =
        base::Error(ErrorCode::kSpawnFailed, "the command was not started");
    OnLastingThread([&] { started = Launch(order); });
    if (!started.ok()) return started.status();
    base::Log(base::LogLevel::kInfo, "started {} as process {}", request.program, started->first);
    return std::make_unique<LinuxProcess>(started->first, std::move(started->second), order.new_session, mark);
  }

  absl::Status KillAll() override {
    if (next_number_.load(std::memory_order_relaxed) == 0) return absl::OkStatus();  // nothing was ever started
    if (HasNoDescendants()) return absl::OkStatus();
    return KillMarked(Mark::OfSandbox(id_), kKillPatience);
  }

 private:
  const core::Plan plan_;
  const std::uint64_t id_;
  const std::string canary_;
  const LandlockFeatures features_;
  const base::UniqueFd ruleset_;
  const base::UniqueFd start_dir_;
  const std::span<const sock_filter> filter_;
  std::atomic<std::uint64_t> next_number_ = 0;
};

class LinuxBackend final : public core::Backend {
 public:
  const core::PlatformProfile& Profile() const override { return LinuxProfile(); }

  absl::StatusOr<std::unique_ptr<core::PreparedSandbox>> Prepare(const core::Plan& plan, std::uint64_t id,
                                                                 const std::string& canary) override {
    const LandlockFeatures features = DetectLandlock();
    LEASH_RETURN_IF_ERROR(CheckLandlock(features, plan.accept_degraded_kernel));
    LEASH_ASSIGN_OR_RETURN(base::UniqueFd ruleset,
                           MakeRuleset(features, core::CarveOut(plan.rules, base::HostFileSystem())));
    LEASH_ASSIGN_OR_RETURN(base::UniqueFd start_dir, base::OpenCanonical(plan.start_dir));
    return std::make_unique<LinuxSandbox>(plan, id, canary, features, std::move(ruleset), std::move(start_dir));
  }

  absl::Status KillLeftovers(std::uint64_t id) override { return KillMarked(Mark::OfSandbox(id), kKillPatience); }

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

  std::vector<core::SystemCallNote> SystemCallNotes(const core::Plan& plan) override {
    std::vector<core::SystemCallNote> notes;
    for (const SyscallGroup& group : SyscallTable()) {
      if (group.only_without_network && !plan.network_denied) continue;
      core::SystemCallNote note{std::string(group.title), std::string(group.why), {}};
      std::string_view last;
      for (const SyscallRule& rule : group.rules) {
        if (rule.name == std::exchange(last, rule.name)) continue;
        note.names.push_back(fmt::format("{}{}", rule.name, rule.first.test == ArgTest::kNone ? "" : "*"));
      }
      notes.push_back(std::move(note));
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
