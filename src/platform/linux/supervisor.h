// Performs system calls that a filter can judge only by what stands behind a pointer: for the commands of a sandbox
// without namespaces (seccomp_unotify(2)).
//
// A filter cannot follow a path or an address, and a supervisor that looks at it and then lets the call go on has
// looked at memory that the program changes meanwhile. So the call does not go on: the supervisor copies what is
// pointed to, takes the descriptors, judges that, and makes the call itself on what it holds.
//
// One thread a sandbox, from its first command on: a file system that does not answer, or a program that keeps its
// supervisor busy, holds up nobody else. The thread has no capability, so that it can do no more than the command
// could.
//
// When leash dies, the kernel answers every such call with ENOSYS. A supervisor is not used with a kernel that cannot
// (supervisor_support.h): then those calls are refused by the filter, or left as they are, as seccomp_table.cc says.
#pragma once

#include <linux/filter.h>

#include <memory>
#include <optional>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "core/backend.h"
#include "core/plan.h"
#include "platform/linux/host_network.h"
#include "platform/linux/supervisor_host_calls.h"

namespace leash::platform {

// For a report of what is refused: see Observer, whose arguments these are.
struct Observation {
  std::shared_ptr<core::ViolationSink> sink;
  std::span<const sock_filter> filter;
  bool namespaces = false;
  bool audited = false;
};

// Safe to use from several threads.
class Supervisor {
 public:
  // `socket_ruleset`: see MakeSocketRuleset; not needed where no call is made on behalf. `network`: of a plan with
  // sockets and without a network of its own. `calls`: of a plan whose programs may call the host.
  Supervisor(const core::Plan& plan, base::UniqueFd socket_ruleset, const std::optional<Observation>& observation,
             std::optional<HostNetwork> network = std::nullopt, std::optional<HostCalls> calls = std::nullopt);
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;
  // Calls that still wait get ENOSYS. A thread that is held up by a file system is left to end by itself.
  ~Supervisor();

  // Starts the thread, if it does not run yet.
  absl::Status Start();
  // Takes the listener of a command's filter (unix(7), SCM_RIGHTS; one a message), and serves it until the last process
  // under the filter has ended. Calls that are made before it is taken wait. Open as long as this object.
  int Socket() const;

 private:
  struct State;
  const std::shared_ptr<State> state_;  // shared with the thread
};

}  // namespace leash::platform
