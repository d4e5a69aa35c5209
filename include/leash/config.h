// What a sandbox is asked to be. Plain data: making one touches no disk and asks the machine nothing.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "leash/access.h"
#include "leash/ipc_router.h"
#include "leash/isolation.h"
#include "leash/limits.h"
#include "leash/network.h"
#include "leash/network_event.h"
#include "leash/published_port.h"
#include "leash/python_config.h"
#include "leash/security.h"
#include "leash/unsafe/degraded.h"

namespace leash {

// A path and what may be done with it and with everything below it.
struct Grant {
  std::string path;  // bytes; relative to the process's current directory; symbolic links are followed once, at Create
  Access access = Access::kRead;

  bool operator==(const Grant&) const = default;
};

template <NetworkPolicy N>
class SandboxConfigBuilder;

// Everything but the network policy, which is a type: see ConfigFor<N>.
//
// Whose rule wins: the most specific path. A grant lifts a protection only at or below the protected path. Among
// rules on the same path: explicit deny, then explicit grant, then protection, then what the tier gives. A grant adds
// to what the tier gives there and takes nothing away, except that what becomes writable is no longer executable.
struct SandboxConfig {
  Isolation isolation = Isolation::kDefault;
  Namespaces namespaces = Namespaces::kAuto;
  SecurityConfig security;
  // Each path must exist when the sandbox is made: a missing one is ErrorCode::kPathNotFound.
  std::vector<Grant> grants;
  // Closed, whatever is granted above. A path that does not exist yet stays closed when it appears.
  std::vector<std::string> denied;
  // The directory that commands may write and, unless `start_dir` is set, start in. Must exist. Unset: the scratch
  // directory. It is never removed by leash.
  std::optional<std::string> working_dir;
  // A directory of the caller's that commands start in. Granted for reading (protections inside it stay closed).
  std::optional<std::string> start_dir;
  // Every sandbox has a private scratch directory (0700, outside the project); HOME and TMPDIR point there. It is
  // removed with the sandbox unless this is set.
  bool keep_scratch = false;
  // Names of variables to hand on from the caller's environment, beside the short list that every command gets
  // (docs/config.md). A name that is not set is skipped.
  std::vector<std::string> env_passthrough;
  // Variables to set. Beats everything else; a later entry beats an earlier one.
  std::vector<std::pair<std::string, std::string>> env;
  ResourceLimits limits;
  // See unsafe::BestEffortLimits.
  bool best_effort_limits = false;
  // See unsafe::AcceptDegradedKernel.
  bool accept_degraded_kernel = false;
  // Addresses that may be connected to although they are not public ("10.0.0.0/8", "127.0.0.1", "fd00::/8"), when the
  // network policy allows the host: loopback is this machine's own. A rule of an AllowList that is an address needs no
  // entry here.
  std::vector<std::string> allow_addresses;
  // Who is asked for the addresses of allowed hosts: "192.0.2.53", "[2001:db8::53]:5353". Empty: those of the machine's
  // configuration. /etc/hosts is read all the same.
  std::vector<std::string> name_servers;
  // The proxy through which leash itself reaches the world: a URL ("http://user:password@proxy.example:3128",
  // "socks5h://..."), "none", or "environment": what https_proxy, http_proxy, all_proxy and no_proxy, and the same in
  // upper case, say in this process when the sandbox is made. no_proxy holds for a URL too. Read only where the network
  // policy does not deny everything; ErrorCode::kInvalidArgument then for what is malformed. docs/network.md.
  std::string upstream_proxy = "environment";
  // Such a proxy is asked for names that this machine cannot resolve. With this it is not: each name must resolve here
  // to addresses that may be connected to. What the proxy resolves it to is its own affair in either case.
  bool resolve_locally = false;
  // Ports of this machine that lead to servers inside, whatever the network policy; without one, programs have loopback
  // among themselves for it. Listened on from Create to Close, when each connection ends.
  std::vector<PublishedPort> listen;
  // Set: commands run with this interpreter at hand. It is granted what it needs, found by its name, and used by
  // Sandbox::RunPython. The same errors as FindPython().
  std::optional<PythonConfig> python;
  // Called for each decision of the network policy. May be empty.
  NetworkEventCallback on_network_event;
  // Fill in NetworkRequest::pid and ::executable, as far as they can be known, for the policy and for events. Costs
  // some ten microseconds a connection, more where many processes run, on the egress proxy's thread.
  bool identify_programs = false;
  // The host's commands that programs may call (leash/ipc.h); null: none. Programs find them by the variable LEASH_IPC.
  // Gives them no network and no way to anything else. Needs what `leash doctor` calls the supervisor, and excludes
  // SecurityConfig::allow_nested; ErrorCode::kUnsupported without. Close waits for handlers that block.
  std::shared_ptr<const IpcRouter> ipc;
  // Watch what is refused: see Sandbox::Violations. Changes nothing about what is. Off by default, since it costs.
  bool report_violations = false;

  static SandboxConfigBuilder<DenyAll> Builder();
};

// A configuration with its network policy. `Sandbox<N>` follows from it.
template <NetworkPolicy N>
struct ConfigFor : SandboxConfig {
  N network;
};

// Fluent construction:
//
//   auto config = SandboxConfig::Builder()
//       .Isolation(Isolation::kStrict)
//       .Grant("data", Access::kRead)
//       .Limits({.memory_bytes = 512 << 20, .wall_time = absl::Minutes(5)})
//       .Build();
template <NetworkPolicy N>
class SandboxConfigBuilder {
 public:
  explicit SandboxConfigBuilder(ConfigFor<N> config) : config_(std::move(config)) {}

  SandboxConfigBuilder& Isolation(leash::Isolation tier) { return config_.isolation = tier, *this; }
  SandboxConfigBuilder& Namespaces(leash::Namespaces use) { return config_.namespaces = use, *this; }
  SandboxConfigBuilder& Security(const SecurityConfig& security) { return config_.security = security, *this; }
  SandboxConfigBuilder& Grant(std::string path, Access access) {
    config_.grants.push_back({std::move(path), access});
    return *this;
  }
  SandboxConfigBuilder& Readable(std::string path) { return Grant(std::move(path), Access::kRead); }
  SandboxConfigBuilder& Writable(std::string path) { return Grant(std::move(path), Access::kReadWrite); }
  SandboxConfigBuilder& Executable(std::string path) { return Grant(std::move(path), Access::kReadExecute); }
  SandboxConfigBuilder& Deny(std::string path) { return config_.denied.push_back(std::move(path)), *this; }
  SandboxConfigBuilder& Python(PythonConfig python) { return config_.python = std::move(python), *this; }
  SandboxConfigBuilder& WorkingDir(std::string path) { return config_.working_dir = std::move(path), *this; }
  SandboxConfigBuilder& StartDir(std::string path) { return config_.start_dir = std::move(path), *this; }
  SandboxConfigBuilder& KeepScratch(bool keep = true) { return config_.keep_scratch = keep, *this; }
  SandboxConfigBuilder& EnvPassthrough(std::string name) {
    return config_.env_passthrough.push_back(std::move(name)), *this;
  }
  SandboxConfigBuilder& Env(std::string name, std::string value) {
    return config_.env.emplace_back(std::move(name), std::move(value)), *this;
  }
  SandboxConfigBuilder& Limits(const ResourceLimits& limits) { return config_.limits = limits, *this; }
  SandboxConfigBuilder& AllowAddress(std::string cidr) {
    return config_.allow_addresses.push_back(std::move(cidr)), *this;
  }
  SandboxConfigBuilder& NameServer(std::string server) {
    return config_.name_servers.push_back(std::move(server)), *this;
  }
  SandboxConfigBuilder& UpstreamProxy(std::string proxy) { return config_.upstream_proxy = std::move(proxy), *this; }
  SandboxConfigBuilder& ResolveLocally(bool on = true) { return config_.resolve_locally = on, *this; }
  SandboxConfigBuilder& Listen(PublishedPort port) { return config_.listen.push_back(std::move(port)), *this; }
  SandboxConfigBuilder& OnNetworkEvent(NetworkEventCallback callback) {
    return config_.on_network_event = std::move(callback), *this;
  }
  SandboxConfigBuilder& Ipc(IpcRouter router) {
    return config_.ipc = std::make_shared<const IpcRouter>(std::move(router)), *this;
  }
  SandboxConfigBuilder& IdentifyPrograms(bool on = true) { return config_.identify_programs = on, *this; }
  SandboxConfigBuilder& ReportViolations(bool on = true) { return config_.report_violations = on, *this; }
  SandboxConfigBuilder& Weaken(unsafe::AcceptDegradedKernel) { return config_.accept_degraded_kernel = true, *this; }
  SandboxConfigBuilder& Weaken(unsafe::BestEffortLimits) { return config_.best_effort_limits = true, *this; }

  // Changes the type: the result builds a ConfigFor<M>.
  template <NetworkPolicy M>
  SandboxConfigBuilder<M> Network(M policy) const {
    return SandboxConfigBuilder<M>({static_cast<const SandboxConfig&>(config_), std::move(policy)});
  }

  ConfigFor<N> Build() const { return config_; }

 private:
  ConfigFor<N> config_;
};

inline SandboxConfigBuilder<DenyAll> SandboxConfig::Builder() { return SandboxConfigBuilder<DenyAll>({}); }

}  // namespace leash
