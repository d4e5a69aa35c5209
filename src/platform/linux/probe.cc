#include "platform/linux/probe.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <sstream>
#include <string>
#include <utility>

#include "base/random.h"
#include "base/status.h"
#include "base/unique_fd.h"
#include "fmt/format.h"
#include "leash/working_dir.h"
#include "platform/linux/audit_watch.h"
#include "platform/linux/cgroup_place.h"
#include "platform/linux/host_network.h"
#include "platform/linux/init_process.h"
#include "platform/linux/landlock.h"
#include "platform/linux/landlock_uapi.h"
#include "platform/linux/limits.h"
#include "platform/linux/namespace_sandbox.h"
#include "platform/linux/sandbox_cgroup.h"
#include "platform/linux/seccomp_filter.h"
#include "platform/linux/supervisor_support.h"

namespace leash::platform {
namespace {

// How a try ended; the exit codes of the process that made it.
enum Outcome : int {
  kHeld = 0,         // the act was refused, with the reason that the mechanism gives
  kNotHeld = 1,      // the act succeeded, or failed for another reason
  kNotSwitched = 2,  // the mechanism could not be switched on
  kNoControl = 3,    // the act does not succeed without the mechanism either, so its refusal proves nothing
};

// Runs `act` in a process of its own. The child only makes system calls on what was prepared before, so this is safe
// in a program with threads.
Outcome InChild(const std::function<Outcome()>& act) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(act());
  int status = 0;
  while (pid > 0 && ::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return pid > 0 && WIFEXITED(status) ? static_cast<Outcome>(WEXITSTATUS(status)) : kNotSwitched;
}

// One act on the kernel: 0 or more when it succeeds, -1 with errno when it does not.
using Act = std::function<long()>;

// The act must succeed before `enforce` and fail with `reason` after it.
Outcome Try(const std::function<bool()>& enforce, const Act& act, int reason) {
  const Outcome control = InChild([&] { return act() >= 0 ? kHeld : kNoControl; });
  if (control != kHeld) return control;
  return InChild([&] {
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || !enforce()) return kNotSwitched;
    return act() < 0 && errno == reason ? kHeld : kNotHeld;
  });
}

Mechanism Report(std::string name, bool required, std::string purpose, Outcome outcome, std::string detail) {
  Mechanism mechanism{std::move(name), outcome == kHeld, required, std::move(detail), std::move(purpose)};
  if (outcome == kNotHeld) mechanism.detail = "switched on, but it did not refuse what it must";
  if (outcome == kNotSwitched) mechanism.detail = "the kernel does not offer it, or refuses to switch it on";
  if (outcome == kNoControl) mechanism.detail = "cannot be tried: the act fails here without it too";
  return mechanism;
}

// A directory with two subdirectories, a file and a device to act on.
class Ground {
 public:
  explicit Ground(WorkingDir directory) : directory_(std::move(directory)) {
    const int at = directory_.fd();
    file_ = directory_.path() + "/file";
    from_ = directory_.path() + "/a/moved";
    to_ = directory_.path() + "/b/moved";
    (void)::mkdirat(at, "a", 0700);
    (void)::mkdirat(at, "b", 0700);
    for (const char* name : {"file", "a/moved"}) {
      base::UniqueFd(::openat(at, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    }
  }
  const std::string& directory() const { return directory_.path(); }
  const char* file() const { return file_.c_str(); }
  const char* from() const { return from_.c_str(); }
  const char* to() const { return to_.c_str(); }

 private:
  WorkingDir directory_;
  std::string file_, from_, to_;
};

// An abstract unix socket that listens outside the tried process.
class AbstractListener {
 public:
  AbstractListener() : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    address_.sun_family = AF_UNIX;
    const std::string name = "leash-probe-" + base::RandomName().value_or("");  // empty: somebody may have it
    name.copy(address_.sun_path + 1, sizeof(address_.sun_path) - 1);
    size_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    (void)::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address_), size_);
    (void)::listen(fd_.get(), 8);
  }
  long Connect() const {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return ::connect(fd, reinterpret_cast<const sockaddr*>(&address_), size_);
  }

 private:
  base::UniqueFd fd_;
  sockaddr_un address_ = {};
  socklen_t size_ = 0;
};

class LandlockProber {
 public:
  explicit LandlockProber(const Ground& ground) : ground_(ground), features_(DetectLandlock()) {}

  std::vector<Mechanism> Run() {
    const char* file = ground_.file();
    Right(
        "landlock.fs", 1, true, "which files may be read, written and executed", {},
        [=] { return ::open(file, O_RDONLY | O_CLOEXEC); }, EACCES);
    // Everything but REFER: the move then fails with EXDEV, as between file systems.
    Right(
        "landlock.refer", 2, true, "moving files between directories with different rights", Access::kReadWrite,
        [this] {  // there, or back again
          const int there = ::rename(ground_.from(), ground_.to());
          return there < 0 && errno == ENOENT ? ::rename(ground_.to(), ground_.from()) : there;
        },
        EXDEV, landlock::kFsRefer);
    Right(
        "landlock.truncate", 3, true, "emptying files that may not be written", Access::kRead,
        [=] { return ::truncate(file, 0); }, EACCES);
    Right(
        "landlock.tcp", 4, false, "TCP, beside the system call filter that refuses every socket", {},
        [] {
          sockaddr_in address = {};
          address.sin_family = AF_INET;
          address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
          const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
          return ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
        },
        EACCES);
    // A pseudo-terminal takes its device commands; with reading and writing granted on /dev and IOCTL_DEV not.
    Right(
        "landlock.ioctl_dev", 5, false, "device commands on nodes that are open for something else", Access::kReadWrite,
        [] {
          int number = 0;
          return ::ioctl(::open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC), TIOCGPTN, &number);
        },
        EACCES, 0, "/dev");
    const AbstractListener listener;
    Right(
        "landlock.scope_abstract_unix", 6, false,
        "abstract unix sockets, beside the system call filter that refuses every socket", {},
        [&] { return listener.Connect(); }, EPERM);
    Right(
        "landlock.scope_signal", 6, true, "signals to processes outside", {},
        [parent = ::getpid()] { return ::kill(parent, 0); }, EPERM);
    AuditFlags();
    return std::move(result_);
  }

 private:
  // `granted` on `where` (the ground by default), less the rights in `withheld`; then `act` must fail with `reason`.
  void Right(const char* name, int abi, bool required, const char* purpose, Access granted, const Act& act, int reason,
             std::uint64_t withheld = 0, const std::string& where = "") {
    if (TooOld(name, abi, required, purpose)) return;
    std::vector<core::SubtreeGrant> grants;
    if (granted != Access::kNone)
      grants.push_back({where.empty() ? ground_.directory() : where, granted, false, false});
    const absl::StatusOr<base::UniqueFd> ruleset = MakeRuleset(features_, grants, withheld);
    const auto enforce = [&] {
      return ruleset.ok() && ::syscall(landlock::kSysRestrictSelf, ruleset->get(), features_.quiet_flags) == 0;
    };
    result_.push_back(Report(name, required, purpose, Try(enforce, act, reason),
                             fmt::format("ABI {}: allowed before, refused after", features_.abi)));
  }

  // Flags are accepted or not: what they write is the administrator's to read.
  void AuditFlags() {
    constexpr char kPurpose[] = "what Landlock refuses, in the kernel's audit messages, for --report";
    if (TooOld("landlock.audit_flags", 7, false, kPurpose)) return;
    const absl::StatusOr<base::UniqueFd> ruleset = MakeRuleset(features_, {});
    const Outcome outcome = InChild([&] {
      const bool on = ruleset.ok() && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
                      ::syscall(landlock::kSysRestrictSelf, ruleset->get(), features_.report_flags) == 0;
      return on ? kHeld : kNotSwitched;
    });
    result_.push_back(Report("landlock.audit_flags", false, kPurpose, outcome, "accepted"));
  }

  bool TooOld(const char* name, int abi, bool required, const char* purpose) {
    if (features_.abi >= abi) return false;
    result_.push_back({name, false, required,
                       features_.abi < 1 ? fmt::format("no Landlock: {}", base::ErrnoText(features_.error))
                                         : fmt::format("needs Landlock ABI {}, this kernel has {}", abi, features_.abi),
                       purpose});
    return true;
  }

  const Ground& ground_;
  const LandlockFeatures features_;
  std::vector<Mechanism> result_;
};

Mechanism ProbeSeccomp() {
  const std::span<const sock_filter> filter = SeccompFilter({true});
  const auto enforce = [&] {
    const sock_fprog program = {static_cast<unsigned short>(filter.size()), const_cast<sock_filter*>(filter.data())};
    return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
  };
  return Report("seccomp.filter", true,
                "which system calls may be made: sockets, namespaces, mounts, tracing, injection",
                Try(
                    enforce, [] { return ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0); }, EPERM),
                fmt::format("{} instructions: allowed before, refused after", filter.size()));
}

Mechanism ProbeCloseRange() {
  const auto enforce = [] { return ::syscall(SYS_close_range, 3U, ~0U, 0U) == 0; };
  const base::UniqueFd open(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3));
  return Report("close_range", true, "closes every descriptor that the caller left open",
                Try(
                    enforce, [&] { return ::fcntl(open.get(), F_GETFD); }, EBADF),
                "open before, closed after");
}

absl::StatusOr<std::unique_ptr<core::PreparedSandbox>> MakeEmptySandbox(bool network_denied) {
  core::Plan plan;
  plan.start_dir = "/";
  plan.accept_degraded_kernel = true;
  plan.network_denied = network_denied;
  LEASH_ASSIGN_OR_RETURN(std::unique_ptr<InitProcess> init, InitProcess::Start());
  LEASH_RETURN_IF_ERROR(init->WaitUntilStarted());
  LEASH_ASSIGN_OR_RETURN(std::shared_ptr<HeldLimits> limits, HeldLimits::Make(plan, 1));
  bool refused = false;
  return PrepareNamespaceSandbox(plan, 1, std::move(limits), {}, std::move(init), refused);
}

// Makes a whole sandbox with nothing of the host's in it: what an administrator forbids may be any part of that.
Mechanism ProbeNamespaces() {
  Mechanism mechanism{"namespaces", false, false, "",
                      "closed paths, processes and sockets do not exist inside; without them they are refused one by "
                      "one, and metadata can be seen"};
  const absl::Status status = MakeEmptySandbox(true).status();
  mechanism.available = status.ok();
  mechanism.detail = status.ok() ? "made: mount, pid, net, ipc, uts and cgroup, with a mount tree and /proc of its own"
                                 : std::string(status.message());
  return mechanism;
}

// What a network policy needs that does not deny everything; nobody serves it here.
Mechanism ProbeRedirection() {
  Mechanism mechanism{
      "network.redirection", false, false, "",
      "with namespaces and a network policy: every TCP connection comes to the egress proxy; without it "
      "those to a few well-known ports, and of programs that ask a proxy"};
  const auto sandbox = MakeEmptySandbox(false);
  mechanism.detail = sandbox.ok() ? (*sandbox)->TakeEgress().why_not_all : std::string(sandbox.status().message());
  mechanism.available = mechanism.detail.empty();
  if (mechanism.available) mechanism.detail = "made: routes, rules and sockets in a network namespace";
  return mechanism;
}

// The way of a connection, without the supervisor that leads it there, which proves itself beside.
Mechanism ProbeSupervisedNetwork() {
  Mechanism mechanism{
      "network.supervised", false, false, "",
      "without namespaces and with a network policy: the supervisor leads every connection to the egress "
      "proxy; without it such a policy is refused"};
  core::EgressIntake intake;
  const absl::StatusOr<HostNetwork> network = MakeHostNetwork(false, &intake);
  if (!network.ok()) {
    mechanism.detail = std::string(network.status().message());
    return mechanism;
  }
  const base::UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const Answer connected = network->connections->Connect(client.get(), {});
  const base::UniqueFd accepted(::accept4(intake.listeners.front().get(), nullptr, nullptr, SOCK_CLOEXEC));
  const SupervisorSupport support = TrySupervisor();
  mechanism.available = support.available() && connected == 0 && accepted && intake.arrive(accepted.get()).has_value();
  mechanism.detail = mechanism.available ? "a connection made over the host's loopback, and known again"
                     : connected != 0
                         ? fmt::format("connecting over loopback: {}", base::ErrnoText(static_cast<int>(-connected)))
                     : !support.available() ? support.why_not
                                            : "a connection over loopback was not known again";
  return mechanism;
}

Mechanism ProbeSupervisor() {
  const SupervisorSupport support = TrySupervisor();
  return {"supervisor", support.available(), false,
          support.available() ? "a system call taken, looked into and answered" : support.why_not,
          "without namespaces: modes, owners, times, watches and unix sockets follow the rules on paths; without it "
          "unix sockets are refused, and the others open on files that you own"};
}

// One line of mountinfo a file system: those of one version of control groups.
CgroupFacts OfVersion(const CgroupFacts& facts, int version) {
  CgroupFacts result{"", facts.own};
  std::istringstream lines(facts.mounts);
  for (std::string line; std::getline(lines, line);) {
    if (line.find(version == 2 ? " - cgroup2 " : " - cgroup ") != std::string::npos) result.mounts += line + "\n";
  }
  return result;
}

// Makes a group and puts a process into it. A limit of one process refuses that process a child.
Mechanism ProbeCgroup(const char* name, int version, bool memory, bool pids, const char* purpose) {
  Mechanism mechanism{name, false, false, "", purpose};
  const CgroupPlaces found = FindCgroupPlaces(OfVersion(CgroupFactsOfProcess(), version), memory, pids);
  mechanism.detail = found.why_not;
  if (!found.why_not.empty()) return mechanism;
  const absl::StatusOr<std::uint64_t> id = base::RandomU64();
  const auto group = SandboxCgroup::Make(found.places, id.value_or(0), std::uint64_t{1} << 30, 1);
  if (!id.ok() || !group.ok()) {
    mechanism.detail = std::string((id.ok() ? group.status() : id.status()).message());
    return mechanism;
  }
  const auto make_child = [] {
    const long child = ::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (child == 0) ::_exit(0);
    return child;
  };
  const std::array<int, 2> entries = (*group)->EntryDescriptors();
  const Outcome outcome = InChild([&] {
    if (make_child() < 0) return kNoControl;
    while (::waitpid(-1, nullptr, 0) < 0 && errno == EINTR) {
    }
    for (const int entry : entries) {
      if (entry >= 0 && ::write(entry, "0", 1) != 1) return kNotSwitched;
    }
    return !pids || (make_child() < 0 && errno == EAGAIN) ? kHeld : kNotHeld;
  });
  return Report(name, false, purpose, outcome,
                fmt::format("in {}: {}", found.places.front().directory,
                            pids ? "a child allowed before, refused after" : "a limit set, a process put under it"));
}

}  // namespace

std::vector<Mechanism> ProbeLinux() {
  std::vector<Mechanism> result;
  result.push_back(Report("no_new_privs", true, "keeps set-user-ID programs from giving privileges back", InChild([] {
                            if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return kNotSwitched;
                            return ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? kHeld : kNotHeld;
                          }),
                          "set"));
  absl::StatusOr<WorkingDir> directory = WorkingDir::Create();
  if (directory.ok()) {
    const Ground ground(*std::move(directory));
    for (Mechanism& mechanism : LandlockProber(ground).Run()) result.push_back(std::move(mechanism));
  } else {
    result.push_back({"landlock.fs", false, true, std::string(directory.status().message()),
                      "which files may be read, written and executed"});
  }
  result.push_back(ProbeSeccomp());
  result.push_back(Report("pidfd", true, "names a process beyond reuse of its number: ends the right one",
                          InChild([] { return ::syscall(SYS_pidfd_open, ::getpid(), 0) >= 0 ? kHeld : kNotSwitched; }),
                          "opened"));
  result.push_back(ProbeCloseRange());
  const std::string no_audit = WhyNoAudit();
  result.push_back({"audit.messages", no_audit.empty(), false, no_audit.empty() ? "can be read" : no_audit,
                    "with --report: which files and processes Landlock refused"});
  result.push_back(Report("openat2", false,
                          "opens granted paths through no symbolic link in one call; else a walk does", InChild([] {
                            (void)::syscall(SYS_openat2, -1, "", nullptr, 0);
                            return errno == EINVAL ? kHeld : kNotSwitched;
                          }),
                          "answers"));
  result.push_back(ProbeNamespaces());
  result.push_back(ProbeRedirection());
  result.push_back(ProbeSupervisor());
  result.push_back(ProbeSupervisedNetwork());
  result.push_back(ProbeCgroup("cgroup.v2", 2, true, true, "limits on memory and processes of a whole sandbox"));
  result.push_back(ProbeCgroup("cgroup.v1.memory", 1, true, false,
                               "a limit on memory of a whole sandbox, where version 2 does not give it; else only of "
                               "each process (RLIMIT_DATA)"));
  result.push_back(ProbeCgroup("cgroup.v1.pids", 1, false, true,
                               "a limit on processes of a whole sandbox, where version 2 does not give it; else "
                               "RLIMIT_NPROC, which does not hold for root"));
  return result;
}

}  // namespace leash::platform
