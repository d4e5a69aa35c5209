#include "platform/macos/seatbelt.h"

#include <set>
#include <span>
#include <string_view>
#include <utility>

#include "base/path.h"
#include "platform/macos/services.h"

namespace leash::platform::macos {
namespace {

using core::PathRule;

bool Reads(Access access) { return Includes(access, Access::kRead); }
bool Writes(Access access) { return Includes(access, Access::kReadWrite); }
bool Executes(Access access) { return Includes(access, Access::kReadExecute); }

std::vector<Filter> Each(std::span<const NamedReason> rows, Filter (*make)(std::string_view)) {
  std::vector<Filter> filters;
  for (const NamedReason& row : rows) filters.push_back(make(row.name));
  return filters;
}

// What a path rule is about: one file when it is known to be one.
Filter Reach(const PathRule& rule) {
  const bool one = rule.type.has_value() && *rule.type != base::FileType::kDirectory;
  return one ? Filter::Literal(rule.path) : Filter::Subpath(rule.path);
}

class Generator {
 public:
  Generator(const core::Plan& plan, const Endpoints& endpoints) : plan_(plan), endpoints_(endpoints) {}

  SandboxProfile Run() && {
    CloseTheRest();
    AddProcesses();
    AddServices();
    AddHardware();
    for (const PathRule& rule : plan_.rules) AddRule(rule);
    AddGuarded();
    AddMoves();
    AddWays();
    AddTerminals();
    AddNetwork();
    return std::move(profile_);
  }

 private:
  // What "deny default" leaves open. Rules without filters stand first: wherever they stand, they hold only where none
  // with a filter does. Hard links and clones are not opened again below: nobody could tell which of a
  // file's names a rule is about. Code is generated freely, as by every interpreter that does.
  void CloseTheRest() {
    profile_.Deny({Operation::kDarwinNotificationPost, Operation::kFileClone, Operation::kFileLink,
                   Operation::kFileMapExecutable, Operation::kFileTestExistence, Operation::kIokitGetProperties,
                   Operation::kMachCrossDomainLookup, Operation::kNvram, Operation::kProcessInfo,
                   Operation::kProcessInfoCodesignature, Operation::kSocketIoctl, Operation::kSystemPrivilege},
                  {}, "not denied by default");
  }

  void AddProcesses() {
    profile_.Allow({Operation::kProcessFork}, {}, "processes of its own");
    profile_.Allow({Operation::kSignal, Operation::kProcessInfo}, {Filter::SameSandbox()}, "processes of its own");
    profile_.Allow({Operation::kIpcPosixSem}, {Filter::PosixNames("^/?mp-")}, "locks of Python's multiprocessing");
    profile_.Allow({Operation::kIpcPosixShmRead}, {Filter::PosixName("apple.shm.notification_center")},
                   "what libraries wait for");
  }

  void AddServices() {
    const SystemServices& services = Services();
    profile_.Allow({Operation::kSysctlRead}, Each(services.sysctls, &Filter::Sysctl), "what the machine is");
    profile_.Allow({Operation::kSysctlRead}, Each(services.sysctl_families, &Filter::SysctlsBelow),
                   "what the machine is");
    AddMach(services.mach, "system services");
    if (!plan_.security.protect_keychain) AddMach(services.mach_keychain, "protect_keychain is off");
    if (plan_.security.allow_tcc_prompts) AddMach(services.mach_prompts, "allow_tcc_prompts");
  }

  void AddMach(std::span<const NamedReason> rows, std::string_view reason) {
    profile_.Allow({Operation::kMachLookup}, Each(rows, &Filter::MachService), reason);
  }

  void AddHardware() {
    const SystemServices& services = Services();
    if (plan_.security.allow_gpu) {
      profile_.Allow({Operation::kIokitOpen}, Each(services.driver_gpu, &Filter::UserClient), "allow_gpu");
      AddMach(services.mach_gpu, "allow_gpu");
    }
    if (plan_.security.allow_npu) {
      profile_.Allow({Operation::kIokitOpen}, Each(services.driver_npu, &Filter::UserClient), "allow_npu");
      AddMach(services.mach_npu, "allow_npu");
    }
    if (plan_.security.allow_hardware) profile_.Allow({Operation::kIokitOpen}, {}, "allow_hardware");
  }

  // Where a rule differs from the one above it. They come sorted, so that what is deeper is later and wins.
  void AddRule(const PathRule& rule) {
    const PathRule* above = rule.path == "/" ? nullptr : core::DecidingRule(plan_, base::ParentOf(rule.path));
    const Access before = above == nullptr ? Access::kNone : above->access;
    Change(rule, Reads(before), Reads(rule.access),
           {Operation::kFileRead, Operation::kFileTestExistence, Operation::kFileMapExecutable});
    Change(rule, Writes(before), Writes(rule.access), {Operation::kFileWrite});
    Change(rule, Executes(before), Executes(rule.access), {Operation::kProcessExec});
    Change(rule, above != nullptr && above->device, rule.device, {Operation::kFileIoctl});
    if ((Writes(before) && !Writes(rule.access)) || (Reads(before) && !Reads(rule.access))) KeepInPlace(rule.path);
  }

  void Change(const PathRule& rule, bool before, bool after, std::vector<Operation> operations) {
    if (before == after) return;
    std::vector<Filter> filters = {Reach(rule)};
    if (after) return profile_.Allow(std::move(operations), std::move(filters), rule.reason);
    if (!rule.type.has_value()) filters.push_back(Filter::AnyCase(rule.path));
    profile_.Deny(std::move(operations), std::move(filters), rule.reason);
  }

  void AddGuarded() {
    for (const std::string& path : plan_.guarded) {
      if (!Writes(core::Decide(plan_, path))) continue;
      profile_.Deny({Operation::kFileWrite}, {Filter::Subpath(path), Filter::AnyCase(path)}, "guarded");
      KeepInPlace(path);
    }
  }

  // A directory that holds what is closed: moved away, it would carry it to where another rule decides.
  void KeepInPlace(std::string_view path) {
    for (path = base::ParentOf(path); path != "/"; path = base::ParentOf(path)) {
      if (!Writes(core::Decide(plan_, path)) || !kept_.emplace(path).second) return;
    }
  }

  void AddMoves() {
    std::vector<Filter> filters;
    for (const std::string& path : kept_) filters.push_back(Filter::Literal(path));
    if (filters.empty()) return;
    profile_.Deny({Operation::kFileWriteUnlink}, std::move(filters), "holds what is closed, and stays where it is");
  }

  // The directories on the way to what is open, for their names alone; and the links that lead there.
  void AddWays() {
    std::set<std::string, std::less<>> on_the_way;
    const auto add = [&](std::string_view path) {
      while (path != "/") {
        path = base::ParentOf(path);
        if (path != "/" && !Reads(core::Decide(plan_, path)) && !on_the_way.emplace(path).second) return;
      }
    };
    for (const PathRule& rule : plan_.rules) {
      if (Reads(rule.access)) add(rule.path);
    }
    // The loader lists the root; these of its names are links into /private.
    std::vector<Filter> links = {Filter::Literal("/"), Filter::Literal("/etc"), Filter::Literal("/tmp"),
                                 Filter::Literal("/var")};
    for (const auto& [link, target] : plan_.links) {
      add(link);
      if (!Reads(core::Decide(plan_, link))) links.push_back(Filter::Literal(link));
    }
    profile_.Allow({Operation::kFileRead, Operation::kFileTestExistence}, std::move(links), "links");
    std::vector<Filter> names;
    for (const std::string& path : on_the_way) names.push_back(Filter::Literal(path));
    if (!names.empty()) {
      profile_.Allow({Operation::kFileReadMetadata, Operation::kFileTestExistence}, std::move(names),
                     "the way to what is open");
    }
  }

  // Those that a program opens by itself have the mark; of others only what their descriptors allow.
  void AddTerminals() {
    profile_.Allow({Operation::kPseudoTty}, {}, "terminals of its own");
    profile_.Allow({Operation::kFileRead, Operation::kFileWrite, Operation::kFileIoctl},
                   {Filter::All({Filter::Regex("^/dev/ttys[0-9]+$"), Filter::Extension("com.apple.sandbox.pty")})},
                   "terminals of its own");
    if (!plan_.security.allow_tty_write) return;
    profile_.Allow({Operation::kFileIoctl}, {Filter::Regex("^/dev/ttys[0-9]+$")}, "allow_tty_write");
  }

  // Names are asked of the proxy, so that nothing here reaches the system's resolver.
  void AddNetwork() {
    profile_.Allow({Operation::kNetworkBind, Operation::kNetworkInbound, Operation::kNetworkOutbound},
                   {Filter::Subpath(plan_.scratch_dir)}, "unix sockets of its own");
    if (!plan_.call_socket.empty()) {
      profile_.Allow({Operation::kNetworkOutbound}, {Filter::Literal(plan_.call_socket)}, "commands of the host");
    }
    if (!plan_.network_denied && endpoints_.proxy_port.has_value()) {
      profile_.Allow({Operation::kNetworkOutbound}, {Filter::RemoteTcp(*endpoints_.proxy_port)}, "the egress proxy");
    }
    for (const PublishedPort& port : plan_.published) {
      profile_.Allow({Operation::kNetworkBind, Operation::kNetworkInbound}, {Filter::LocalTcp(port.inside_port)},
                     "published");
    }
  }

  const core::Plan& plan_;
  const Endpoints endpoints_;
  std::set<std::string, std::less<>> kept_;
  SandboxProfile profile_;
};

}  // namespace

SandboxProfile PlanSeatbelt(const core::Plan& plan, const Endpoints& endpoints) {
  return Generator(plan, endpoints).Run();
}

}  // namespace leash::platform::macos
