#include "platform/linux/namespace_sandbox.h"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <fstream>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/file_system.h"
#include "base/log.h"
#include "base/status.h"
#include "fmt/format.h"
#include "platform/linux/egress_intake.h"
#include "platform/linux/egress_network.h"
#include "platform/linux/init_sockets.h"
#include "platform/linux/landlock.h"
#include "platform/linux/launch_error.h"
#include "platform/linux/limits.h"
#include "platform/linux/membership.h"
#include "platform/linux/mount_plan.h"
#include "platform/linux/seccomp_filter.h"
#include "platform/linux/socket_owner.h"
#include "platform/linux/supervisor.h"
#include "platform/linux/supervisor_support.h"
#include "platform/linux/terminal.h"

namespace leash::platform {
namespace {

using wire::AnswerKind;
using wire::RequestKind;
using wire::SetUpStage;

// pidfd_open(2): the line "Pid:" of the descriptor's information.
pid_t PidOf(int pidfd) {
  std::ifstream information(fmt::format("/proc/self/fdinfo/{}", pidfd));
  std::string name;
  pid_t pid = -1;
  while (information >> name) {
    if (name == "Pid:" && information >> pid) break;
  }
  return pid;
}

class NamespaceProcess final : public core::Process {
 public:
  NamespaceProcess(std::shared_ptr<InitProcess> init, std::uint64_t number, base::UniqueFd command,
                   base::UniqueFd answers, Mark mark, std::shared_ptr<HeldLimits> limits, const CgroupEvents& before)
      : init_(std::move(init)),
        number_(number),
        command_(std::move(command)),
        answers_(std::move(answers)),
        mark_(mark),
        limits_(std::move(limits)),
        before_(before) {}

  // Asked for seldom, and so looked up when it is.
  pid_t Pid() const override { return PidOf(command_.get()); }
  int EndFd() const override { return answers_.get(); }

  absl::StatusOr<std::optional<core::ProcessEnd>> TryWait() override {
    Received received;
    const absl::StatusOr<bool> ended = ReceiveFrom(answers_.get(), false, received);
    if (GetErrorCode(ended.status()) == ErrorCode::kClosed) {
      return base::Error(ErrorCode::kClosed, "the sandbox was closed while the command ran");
    }
    if (!ended.ok()) return ended.status();
    if (!*ended) return std::optional<core::ProcessEnd>();
    const wire::Answer& answer = received.answer;
    core::ProcessEnd end;
    const int status = answer.wait_status;
    end.status = WIFEXITED(status) ? ExitStatus::Exited(WEXITSTATUS(status)) : ExitStatus::Signaled(WTERMSIG(status));
    end.usage.user_time = absl::Microseconds(answer.user_microseconds);
    end.usage.system_time = absl::Microseconds(answer.system_microseconds);
    end.usage.peak_memory_bytes = answer.peak_memory_kib * 1024;
    limits_->Account(before_, end.status, killed_, end.usage);
    return std::optional<core::ProcessEnd>(end);
  }

  absl::Status Signal(int signal) override { return init_->Send(RequestKind::kSignal, number_, {}, {}, 0, signal); }

  absl::Status KillTree() override {
    killed_ = true;
    if (!BearsMark()) return KillMarked(mark_, kKillPatience);
    // Inside another sandbox. What the command has orphaned belongs to the init process, and lives until that ends.
    (void)::syscall(SYS_pidfd_send_signal, command_.get(), SIGSTOP, nullptr, 0);
    const absl::Status killed = KillDescendants(Pid(), kKillPatience);
    (void)::syscall(SYS_pidfd_send_signal, command_.get(), SIGKILL, nullptr, 0);
    return killed;
  }

 private:
  const std::shared_ptr<InitProcess> init_;
  const std::uint64_t number_;
  const base::UniqueFd command_;
  const base::UniqueFd answers_;
  const Mark mark_;
  const std::shared_ptr<HeldLimits> limits_;
  const CgroupEvents before_;
  std::atomic<bool> killed_ = false;
};

wire::Offset AddTable(ArenaBuilder& arena, const std::vector<std::string>& strings) {
  std::vector<std::uint64_t> offsets;
  for (const std::string& text : strings) offsets.push_back(arena.Add(text));
  offsets.push_back(0);
  return arena.AddArray(std::span<const std::uint64_t>(offsets));
}

// What SelfTest() is refused by Landlock in the init process's commands: a signal.
constexpr std::uint64_t kSelfTests = 1;

class NamespaceSandbox final : public core::PreparedSandbox {
 public:
  NamespaceSandbox(std::string start_dir, std::uint64_t id, std::shared_ptr<HeldLimits> limits,
                   std::shared_ptr<AuditWatch> audit, std::unique_ptr<Supervisor> supervisor,
                   std::shared_ptr<CallDoor> calls, std::unique_ptr<InitProcess> init,
                   std::vector<std::string> unguarded, core::EgressIntake egress)
      : start_dir_(std::move(start_dir)),
        id_(id),
        limits_(std::move(limits)),
        audit_(std::move(audit)),
        supervisor_(std::move(supervisor)),
        calls_(std::move(calls)),
        init_(std::move(init)),
        unguarded_(std::move(unguarded)),
        egress_(std::move(egress)) {}

  absl::StatusOr<std::unique_ptr<core::Process>> Spawn(const core::SpawnRequest& request) override {
    const std::uint64_t number = next_number_.fetch_add(1, std::memory_order_relaxed);
    const Mark mark = Mark::OfCommand(id_, number);
    LEASH_ASSIGN_OR_RETURN(const std::vector<LimitValue> limits, limits_->ForCommand(mark.value(), true));
    const CgroupEvents before = limits_->Events();

    wire::SpawnOrder order = {};
    ArenaBuilder arena(sizeof(order));
    order.program = arena.Add(request.program);
    order.argv = AddTable(arena, request.argv);
    order.environment = AddTable(arena, request.environment);
    order.current_dir = arena.Add(request.current_dir.empty() ? start_dir_ : request.current_dir);
    for (const LimitValue& limit : limits) order.limits[order.limit_count++] = limit;
    if (request.terminal != nullptr) order.terminal = WireTerminal(*request.terminal);
    arena.SetHead(order);

    LEASH_ASSIGN_OR_RETURN(auto sockets, SocketPair(ErrorCode::kSpawnFailed, "the command"));
    std::vector<int> descriptors = {sockets.second.get()};
    std::uint32_t streams = 0;
    for (std::size_t i = 0; i < request.stdio.size(); ++i) {
      if (request.stdio[i] < 0) continue;
      streams |= 1U << i;
      descriptors.push_back(request.stdio[i]);
    }
    LEASH_RETURN_IF_ERROR(init_->Send(RequestKind::kSpawn, number, arena.bytes(), descriptors, streams));
    sockets.second.reset();  // so that the end of the init process is seen

    Received received;
    LEASH_RETURN_IF_ERROR(ReceiveFrom(sockets.first.get(), true, received).status());
    if (received.answer.kind != AnswerKind::kStarted) {
      return LaunchError(static_cast<LaunchStage>(received.answer.stage), received.answer.error, request.program);
    }
    if (request.terminal != nullptr) request.terminal->master = std::move(received.fds[1]);
    if (audit_ != nullptr) audit_->AddCommand(PidOf(received.fds[0].get()), kSelfTests);
    base::Log(base::LogLevel::kInfo, "started {}", request.program);
    return std::make_unique<NamespaceProcess>(init_, number, std::move(received.fds[0]), std::move(sockets.first), mark,
                                              limits_, before);
  }

  void BeginKillAll() override { init_->BeginKill(); }
  absl::Status KillAll() override {
    LEASH_RETURN_IF_ERROR(init_->Kill());
    if (audit_ != nullptr) audit_->AllEnded();
    return limits_->Remove();
  }
  core::HeldBy Isolation() const override { return {true, false, "", "the sandbox has namespaces of its own"}; }
  core::EgressIntake TakeEgress() override { return std::exchange(egress_, {}); }
  void ServeCalls(core::CallSink sink) override { calls_->Set(std::move(sink)); }
  absl::StatusOr<core::InsideSockets> MakeInsideSockets() override {
    LEASH_ASSIGN_OR_RETURN(std::unique_ptr<base::SocketSource> source, MakeInitSockets(init_));
    return core::InsideSockets{std::move(source), &Splice};
  }
  void SettleReports() override {
    if (audit_ != nullptr) audit_->Settle();
  }
  std::vector<std::string> Unguarded() const override { return unguarded_; }

 private:
  const std::string start_dir_;
  const std::uint64_t id_;
  const std::shared_ptr<HeldLimits> limits_;
  const std::shared_ptr<AuditWatch> audit_;
  const std::unique_ptr<Supervisor> supervisor_;  // may be null: see MakeSupervisor
  const std::shared_ptr<CallDoor> calls_;
  const std::shared_ptr<InitProcess> init_;  // ends before the limits do
  const std::vector<std::string> unguarded_;
  core::EgressIntake egress_;  // until it is taken
  std::atomic<std::uint64_t> next_number_ = 0;
};

SyscallProfile ProfileOf(const core::Plan& plan, bool reported) {
  return {.network_denied = !core::HasSockets(plan),
          .nested_allowed = plan.security.allow_nested,
          .reported = reported,
          .host_calls = !plan.call_socket.empty()};
}

// For a report and for calls of the host; null: nobody asked for either, or there can be no report here. Otherwise what
// programs may do in namespaces, they do by themselves.
absl::StatusOr<std::unique_ptr<Supervisor>> MakeSupervisor(const core::Plan& plan, const ReportSources& report,
                                                           const std::shared_ptr<CallDoor>& door) {
  if (report.sink == nullptr && plan.call_socket.empty()) return nullptr;
  const SupervisorSupport& support = SupervisorSupportOfProcess();
  LEASH_RETURN_IF_ERROR(CheckCalls(plan, support));
  if (!support.available()) {
    report.sink->NotSeen(NotObserved(support));
    return nullptr;
  }
  std::optional<Observation> observation;
  if (report.sink != nullptr) {
    observation = {report.sink, SeccompFilter(ProfileOf(plan, false)), true, report.audit != nullptr};
  }
  std::optional<HostCalls> calls;
  if (!plan.call_socket.empty()) calls = HostCalls::OfPairs(plan.call_socket, core::HasSockets(plan), door);
  auto supervisor = std::make_unique<Supervisor>(plan, base::UniqueFd(), observation, std::nullopt, std::move(calls));
  LEASH_RETURN_IF_ERROR(supervisor->Start());
  return supervisor;
}

wire::EgressOrder FillEgress(const core::Plan& plan, ArenaBuilder& arena) {
  wire::EgressOrder order = {};
  order.wanted = core::HasSockets(plan);
  if (!order.wanted) return order;
  order.intake = !plan.network_denied;
  order.port = core::kEgressPort;
  order.ipv6 = HasIpv6();
  order.diagnostics = plan.identify_programs;
  for (const std::uint16_t port : kSparePorts) order.spare_ports[order.spare_port_count++] = port;
  std::vector<wire::NetlinkStep> steps;
  for (const NetlinkExchange& exchange : order.intake ? EgressNetwork(order.ipv6) : LoopbackNetwork(order.ipv6)) {
    const std::span<const std::uint8_t> bytes = exchange.messages.bytes();
    steps.push_back({exchange.protocol, exchange.stage, arena.AddArray(bytes), static_cast<std::uint32_t>(bytes.size()),
                     exchange.messages.acknowledgements()});
  }
  order.step_count = static_cast<std::uint32_t>(steps.size());
  order.steps = arena.AddArray(std::span<const wire::NetlinkStep>(steps));
  return order;
}

core::EgressIntake IntakeOf(const core::Plan& plan, pid_t init, Received& ready) {
  core::EgressIntake intake;
  if (plan.network_denied) return intake;
  for (std::size_t i = 0; i < ready.fds.size() && ready.fds[i]; ++i) {
    (i < ready.answer.listeners ? intake.listeners : intake.resolvers).push_back(std::move(ready.fds[i]));
  }
  std::shared_ptr<SocketOwner> owner;
  if (plan.identify_programs) {
    owner = std::make_shared<SocketOwner>(std::move(intake.resolvers.back()), init);
    intake.resolvers.pop_back();
  }
  intake.arrive = [owner](int connection) {
    base::ArrivedConnection arrived;
    if (!OriginalDestination(connection, arrived.destination)) arrived.destination = {};
    if (owner != nullptr) arrived.program = owner->OfConnection(connection, arrived.destination);
    return std::optional(std::move(arrived));
  };
  if (owner != nullptr) {
    intake.sender = [owner](const sockaddr_storage& from, const sockaddr_storage& to) {
      return owner->OfDatagram(from, to);
    };
  }
  if (ready.answer.error != 0) {
    intake.why_not_all = fmt::format(
        "the kernel refuses nftables with network address translation in the sandbox's "
        "network ({}); kernel modules nf_tables, nft_chain_nat and nft_redir give it",
        base::ErrnoText(ready.answer.error));
  }
  intake.splice = &Splice;
  return intake;
}

void FillSetUp(const core::Plan& plan, const LandlockFeatures& features, const MountPlan& mounts, bool supervised,
               bool reported, ArenaBuilder& arena) {
  wire::SetUpOrder order = {};
  order.landlock_fs = features.fs;
  // With a network, which connections lead somewhere is for the sandbox's own network to say.
  order.landlock_net = core::HasSockets(plan) ? 0 : features.net;
  order.landlock_scoped = features.scoped;
  order.root_rights = mounts.root_rights;
  order.restrict_flags = plan.report_violations ? features.report_flags : features.quiet_flags;
  order.sockets_refused = !core::HasSockets(plan);
  order.keep_session = plan.security.allow_tty_write;
  order.supervised = supervised;
  if (mounts.own_root) {
    order.root_options =
        arena.Add(plan.limits.memory_bytes.has_value() ? fmt::format("mode=0755,size={}", *plan.limits.memory_bytes)
                                                       : std::string("mode=0755"));
  }
  std::vector<wire::MountStep> steps;
  steps.reserve(mounts.mounts.size());
  for (const Mount& mount : mounts.mounts) {
    wire::MountStep step = {};
    step.kind = mount.kind;
    step.flags = mount.flags;
    step.mode = mount.mode;
    step.source = arena.Add(mount.source);
    step.target = arena.Add(mount.target);
    step.attributes = mount.attributes;
    step.rights = mount.rights;
    steps.push_back(step);
    order.masks =
        order.masks || mount.kind == wire::MountKind::kMaskDirectory || mount.kind == wire::MountKind::kMaskFile;
  }
  order.step_count = static_cast<std::uint32_t>(steps.size());
  order.steps = arena.AddArray(std::span<const wire::MountStep>(steps));
  const std::span<const sock_filter> filter = SeccompFilter(ProfileOf(plan, reported));
  order.filter = arena.AddArray(filter);
  order.filter_length = static_cast<std::uint32_t>(filter.size());
  order.egress = FillEgress(plan, arena);
  arena.SetHead(order);
}

absl::Status SetUpError(const wire::Answer& answer, const MountPlan& mounts, bool& refused) {
  const auto because = [&](const std::string& what) {
    return base::ErrnoError(ErrorCode::kNotEnforced, answer.error, what);
  };
  switch (static_cast<SetUpStage>(answer.stage)) {
    case SetUpStage::kUnshare:
      refused = true;
      return because("this machine refuses namespaces (unshare)");
    case SetUpStage::kRoot:
      refused = true;
      return because("this machine refuses mounts in a namespace");
    case SetUpStage::kPivot:
      refused = true;
      return because("cannot change into the sandbox's mount tree");
    case SetUpStage::kRuleset:
      return because("cannot make a Landlock ruleset");
    case SetUpStage::kPrivileges:
      return because("cannot drop capabilities");
    case SetUpStage::kStep: {
      const Mount& mount = mounts.mounts[answer.step];
      const std::string path = "/" + mount.target;
      if (mount.kind == wire::MountKind::kBind && answer.error == ENOENT) {
        return base::Error(ErrorCode::kPathNotFound, fmt::format("{} has gone while the sandbox was made", path));
      }
      refused = mount.kind == wire::MountKind::kProc || answer.error == EPERM || answer.error == EACCES;
      return because(fmt::format("cannot make {} in the sandbox's mount tree", path));
    }
    case SetUpStage::kSignals:
      return because("the sandbox's init process cannot watch for the end of commands (signalfd)");
    case SetUpStage::kIpv6:
      return because("cannot tell whether programs in the sandbox would have IPv6");
    case SetUpStage::kLoopback:
      return because("cannot bring up loopback in the sandbox's network");
    case SetUpStage::kRoute:
      return because("cannot make every address a local one in the sandbox's network (rtnetlink)");
    case SetUpStage::kIntake:
      return because("cannot open the egress proxy's sockets in the sandbox's network");
    case SetUpStage::kNone:
    case SetUpStage::kRequest:
    case SetUpStage::kRedirection:  // does without
      break;
  }
  return because("the sandbox's init process did not understand its order");
}

}  // namespace

absl::StatusOr<std::unique_ptr<core::PreparedSandbox>> PrepareNamespaceSandbox(const core::Plan& plan, std::uint64_t id,
                                                                               std::shared_ptr<HeldLimits> limits,
                                                                               ReportSources report,
                                                                               std::unique_ptr<InitProcess> init,
                                                                               bool& refused) {
  refused = false;
  LandlockFeatures features = DetectLandlock();
  LEASH_RETURN_IF_ERROR(CheckLandlock(features, plan.accept_degraded_kernel));
  // A process that Landlock confines in any right on files may not mount.
  if (plan.security.allow_nested) features.fs = 0;
  const base::UnansweredQuestions unanswered;
  MountPlan mounts = PlanMounts(plan, features, base::HostFileSystem());
  LEASH_RETURN_IF_ERROR(unanswered.status());
  ArenaBuilder arena(sizeof(wire::SetUpOrder));
  const auto door = std::make_shared<CallDoor>();
  LEASH_ASSIGN_OR_RETURN(std::unique_ptr<Supervisor> supervisor, MakeSupervisor(plan, report, door));
  const bool reported = supervisor != nullptr && report.sink != nullptr;
  FillSetUp(plan, features, mounts, supervisor != nullptr, reported, arena);
  std::vector<int> descriptors;
  for (const int entry : limits->EntryDescriptors()) {
    if (entry >= 0) descriptors.push_back(entry);
  }
  if (supervisor != nullptr) descriptors.push_back(supervisor->Socket());
  LEASH_RETURN_IF_ERROR(init->Send(RequestKind::kSetUp, 0, arena.bytes(), descriptors));
  LEASH_ASSIGN_OR_RETURN(Received ready, init->ReceiveAnswer());
  if (ready.answer.kind != AnswerKind::kReady) return SetUpError(ready.answer, mounts, refused);
  const pid_t pid = init->pid();
  return std::make_unique<NamespaceSandbox>(plan.start_dir, id, std::move(limits), std::move(report.audit),
                                            std::move(supervisor), door, std::move(init), std::move(mounts.unguarded),
                                            IntakeOf(plan, pid, ready));
}

}  // namespace leash::platform
