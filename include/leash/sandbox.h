// A sandbox: a place to run commands in.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "leash/command.h"
#include "leash/config.h"
#include "leash/isolation.h"
#include "leash/network.h"
#include "leash/published_port.h"
#include "leash/python.h"
#include "leash/quarantine.h"
#include "leash/violation.h"

namespace leash {

namespace core {
class SandboxState;

// Makes the plan, proves that this machine can enforce it, makes the scratch directory. `policy` is null for one that
// denies everything.
absl::StatusOr<std::shared_ptr<SandboxState>> CreateSandboxState(const SandboxConfig& config, PolicyFunction policy,
                                                                 bool policy_sees_addresses);
absl::Status CloseSandboxState(SandboxState& state);
const std::string& WorkingDirOf(const SandboxState& state);
const std::string& ScratchDirOf(const SandboxState& state);
void KeepScratchOf(SandboxState& state);
std::vector<Quarantined> QuarantinedOf(const SandboxState& state);
IsolationState IsolationOf(const SandboxState& state);
const std::vector<PublishedPort>& PublishedPortsOf(const SandboxState& state);
ViolationReport ViolationsOf(SandboxState& state);
void ListenToViolationsOf(SandboxState& state, ViolationCallback callback);
absl::Status PythonCodeStatus(std::string_view code);
absl::StatusOr<std::string> ReadableFileIn(const SandboxState& state, const std::string& path);
}  // namespace core

// A sandbox belongs to the process that made it, and ends with that at the latest: a program that daemonises itself by
// fork(2) makes its sandboxes afterwards.
//
// Movable, not copyable. Every method may be called from any thread. The destructor kills every process that was
// started in the sandbox and everything descended from it, and removes the scratch directory.
//
// Errors of Create: kPathNotFound, kInvalidArgument, kNotEnforced (this machine cannot keep a promise the
// configuration makes; nothing was started), kUnsupported (a network policy other than denying where there can be
// neither namespaces nor a supervisor, or published ports where there can be no namespaces), kIo (a published port that
// is taken, and others), kWorkingDirectory.
template <NetworkPolicy N = DenyAll>
class Sandbox {
 public:
  // The default tier with every protection and no network.
  static absl::StatusOr<Sandbox> Create() requires std::is_default_constructible_v<N> { return Create(ConfigFor<N>{}); }

  static absl::StatusOr<Sandbox> Create(const ConfigFor<N>& config) {
    if (absl::Status usable = NetworkPolicyStatus(config.network); !usable.ok()) return usable;
    PolicyFunction policy;
    if constexpr (!N::kDeniesAll) policy = EraseNetworkPolicy(config.network);
    std::string python = "python3";
    std::optional<SandboxConfig> with_python;
    const SandboxConfig* whole = &config;
    if (config.python.has_value()) {
      absl::StatusOr<PythonInterpreter> found = FindPython(*config.python);
      if (!found.ok()) return found.status();
      whole = &with_python.emplace(WithPython(config, *found));
      python = found->path;
    }
    auto state = core::CreateSandboxState(*whole, std::move(policy), kPolicySeesAddresses<N>);
    if (!state.ok()) return state.status();
    return Sandbox(*std::move(state), config.network, std::move(python));
  }

  Sandbox(Sandbox&&) noexcept = default;
  Sandbox& operator=(Sandbox&& other) noexcept {
    if (this != &other) {
      Close().IgnoreError();
      state_ = std::move(other.state_);
      network_ = std::move(other.network_);
      python_ = std::move(other.python_);
    }
    return *this;
  }
  ~Sandbox() { Close().IgnoreError(); }

  leash::Command Command(std::string program) const { return leash::Command(state_, std::move(program)); }

  // The interpreter of SandboxConfig::python as a command, without arguments; without that, python3 as the sandbox's
  // PATH finds it.
  leash::Command Python() const { return Command(python_); }
  // Runs `code` as `python -c` does, to its end, and collects its output. `args` become sys.argv[1:].
  // Errors: those of Command::Output(), and kInvalidArgument for code with a NUL byte or of 128 KiB and more, which
  // Linux takes for no argument (execve(2)): RunPythonFile() has no such limit.
  absl::StatusOr<leash::Output> RunPython(std::string_view code, const std::vector<std::string>& args = {}) const {
    if (absl::Status usable = core::PythonCodeStatus(code); !usable.ok()) return usable;
    return Python().Arg("-c").Arg(code).Args(args).Output();
  }
  // Runs a script. `path` is relative to the directory of the calling process, as the paths of grants are, and must be
  // readable inside: what may be read was settled when the sandbox was made.
  // Errors: those of Command::Output(), kPathNotFound, and kInvalidArgument where no grant or tier opens it.
  absl::StatusOr<leash::Output> RunPythonFile(const std::string& path,
                                              const std::vector<std::string>& args = {}) const {
    absl::StatusOr<std::string> script = core::ReadableFileIn(*state_, path);
    if (!script.ok()) return script.status();
    return Python().Arg(*script).Args(args).Output();
  }

  // Absolute and canonical. The directory that commands may write.
  const std::string& WorkingDir() const { return core::WorkingDirOf(*state_); }
  // HOME and TMPDIR of the commands; the same as WorkingDir() unless one was configured.
  const std::string& ScratchDir() const { return core::ScratchDirOf(*state_); }
  // Leave the scratch directory behind.
  void KeepScratch() { core::KeepScratchOf(*state_); }
  // What holds it on this machine: see SandboxConfig::namespaces.
  IsolationState Isolation() const { return core::IsolationOf(*state_); }
  // SandboxConfig::listen, with the ports that were free in place of 0.
  const std::vector<PublishedPort>& PublishedPorts() const { return core::PublishedPortsOf(*state_); }
  // What commands planted or changed in spite of SecurityConfig::protect_project_files or a protection, so far. Each
  // has been moved away by the time the command's end is known; complete when the sandbox is closed.
  std::vector<leash::Quarantined> Quarantined() const { return core::QuarantinedOf(*state_); }
  // What was refused so far. Empty, but for a word in `not_seen`, unless SandboxConfig::report_violations is set. Waits
  // for what is under way, two seconds at most and mostly some hundredths. Complete when the sandbox is closed.
  ViolationReport Violations() const { return core::ViolationsOf(*state_); }
  // `callback` is called once for each entry that Violations() has, also for those that it has already, when it is
  // first seen (`count` is what it was then). One call at a time, on leash's loop thread, which it must not block: no
  // Spawn, Wait, Violations() or Close() in it. By the time Close() or the destructor returns it has been called for
  // everything, and is not called any more. A second callback takes the place of the first.
  void OnViolation(ViolationCallback callback) { core::ListenToViolationsOf(*state_, std::move(callback)); }
  const N& Network() const { return network_; }

  // What the destructor does, with its errors: a directory that could not be removed, a process that would not die.
  // Commands of a closed sandbox fail with ErrorCode::kClosed. Calling it again is harmless.
  absl::Status Close() { return state_ ? core::CloseSandboxState(*state_) : absl::OkStatus(); }

 private:
  Sandbox(std::shared_ptr<core::SandboxState> state, N network, std::string python)
      : state_(std::move(state)), network_(std::move(network)), python_(std::move(python)) {}

  std::shared_ptr<core::SandboxState> state_;
  N network_;
  std::string python_;
};

// The sandbox type that follows from a configuration: `auto sandbox = CreateSandbox(config);`
template <NetworkPolicy N>
absl::StatusOr<Sandbox<N>> CreateSandbox(const ConfigFor<N>& config) {
  return Sandbox<N>::Create(config);
}

}  // namespace leash
