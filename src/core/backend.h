// What a platform implements: proving itself, and applying a plan. One implementation is linked in.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>
#include <termios.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/arrived_connection.h"
#include "base/socket_source.h"
#include "base/status.h"
#include "base/unique_fd.h"
#include "base/unix_socket.h"
#include "core/plan.h"
#include "core/profile.h"
#include "leash/doctor.h"
#include "leash/process.h"
#include "leash/pty.h"
#include "leash/violation.h"

namespace leash::core {

// Takes what a backend sees being refused. Every method may be called from any thread; none waits.
class ViolationSink {
 public:
  virtual ~ViolationSink() = default;
  // One refusal, or `count` of them. `first` may be left out; the hint is not the reporter's to give.
  virtual void Report(Violation violation) = 0;
  // What may be refused without being reported, as in ViolationReport::not_seen. Saying it again is harmless.
  virtual void NotSeen(std::string what) = 0;
};

// A terminal for a command: how it is to be, and the caller's side of it, which Spawn fills in.
struct TerminalRequest {
  WindowSize size;
  termios modes = {};
  base::UniqueFd master;
};

struct SpawnRequest {
  std::string program;  // absolute
  std::vector<std::string> argv;
  std::vector<std::string> environment;     // "NAME=value"
  std::string current_dir;                  // canonical; empty: the plan's start directory
  std::array<int, 3> stdio = {-1, -1, -1};  // borrowed for the call
  // Not null: the command gets a terminal of its own, as controlling terminal and as each stream that is -1. It is set
  // up before the command starts.
  TerminalRequest* terminal = nullptr;
};

struct ProcessEnd {
  ExitStatus status = ExitStatus::Exited(0);
  ResourceUsage usage;
};

// A started process. The destructor does not wait.
class Process {
 public:
  virtual ~Process() = default;
  virtual pid_t Pid() const = 0;
  // Becomes readable when the process has ended. Open as long as this object.
  virtual int EndFd() const = 0;
  // Reaps it if it has ended. Called by one thread at a time, not again after it has given a status.
  virtual absl::StatusOr<std::optional<ProcessEnd>> TryWait() = 0;
  // To its process group if it leads one, else to itself.
  virtual absl::Status Signal(int signal) = 0;
  // SIGKILL to it and all its descendants; returns when none is left.
  virtual absl::Status KillTree() = 0;
};

// What holds a sandbox on this machine; see leash::IsolationState.
struct HeldBy {
  bool namespaces = false;
  bool supervisor = false;
  std::string why_no_namespaces;
  std::string why_no_supervisor;
};

// Where the traffic of a sandbox with a network policy comes out: sockets of the sandbox's own network, or on the
// host's loopback, which nobody inside holds. All are close-on-exec and do not block. The sandbox's network lives as
// long as one of them, or a connection of theirs, is open; once they are closed, programs inside are refused every
// connection.
struct EgressIntake {
  // TCP, listening. Every connection of a program arrives here, to whatever address it was made: but for those to
  // loopback addresses, which stay among the sandbox's programs, except to kEgressPort (the proxy, asked by name) and
  // to port 53 (DNS over TCP).
  std::vector<base::UniqueFd> listeners;
  // What is known of an accepted connection, with its program if the plan wants that. Others than the sandbox's
  // programs may be able to connect to the listeners. Not safe from several threads at once.
  base::Arrival arrive;
  // Not empty when this machine cannot redirect connections: why. Then only those to kEgressPort of a loopback address
  // and, of every address, loopback or not, to a few well-known ports arrive; others are refused.
  std::string why_not_all;
  // UDP, bound to port 53 of every address, one of each family that there is; IPv6 ones take no IPv4. A message comes
  // with the address that was asked (IP_PKTINFO, IPV6_PKTINFO), and its answer must be sent from that address in the
  // same way. Datagrams to other ports are refused by the sandbox's network itself.
  std::vector<base::UniqueFd> resolvers;
  // Which program has sent such a message, if the plan wants that; else null. As safe as `arrive`.
  base::Sender sender;
  // Where there are no resolvers, a socket that keeps messages apart. Each message brings another such socket (unix(7),
  // SCM_RIGHTS): a program's questions come on it, answers go back on it, and it ends with the program's own. The
  // message says which program it is (base::ProgramFrom).
  base::UniqueFd name_sockets;
  // Moves up to `most` bytes between a socket and a pipe without copying them, nor waiting: as read(2) and write(2) do,
  // with their errors. Null where the system has no such call. Safe from any thread.
  ssize_t (*splice)(int from, int to, std::size_t most) = nullptr;
};

// By which leash connects to servers inside: see net/publisher.h.
struct InsideSockets {
  std::unique_ptr<base::SocketSource> source;
  ssize_t (*splice)(int from, int to, std::size_t most) = nullptr;  // as in EgressIntake
};

// Takes a connection on which a program calls the host, and who made it. From whichever thread, which it must not hold
// up.
using CallSink = std::function<void(base::UniqueFd connection, const base::UnixPeer& peer)>;

// A plan made ready: grants opened, rules compiled. Safe to use from several threads.
class PreparedSandbox {
 public:
  virtual ~PreparedSandbox() = default;
  virtual absl::StatusOr<std::unique_ptr<Process>> Spawn(const SpawnRequest& request) = 0;
  // SIGKILL to everything that was started here and its descendants; returns when none is left, and when what the
  // sandbox had of the machine's is given back. Nothing is started after it. BeginKillAll() may be called before, for
  // the caller to do something else meanwhile.
  virtual void BeginKillAll() {}
  virtual absl::Status KillAll() = 0;
  virtual HeldBy Isolation() const = 0;
  // Of a plan with a network policy: to be called by one thread, before the first command. Empty when the plan denies
  // the network, and from the second call on.
  virtual EgressIntake TakeEgress() { return {}; }
  // Of a plan with published ports.
  virtual absl::StatusOr<InsideSockets> MakeInsideSockets() {
    return base::Error(ErrorCode::kUnsupported, "ports cannot be published here");
  }
  // Of a plan whose programs may call the host: who takes the connections that they make from now on; empty: nobody,
  // and an earlier sink is not called any more when this returns.
  virtual void ServeCalls(CallSink) {}
  // Returns when what was refused so far has been reported to the sink, or after two seconds.
  virtual void SettleReports() {}
  // Paths that a command could change although the plan guards or closes them: the caller must watch them.
  virtual std::vector<std::string> Unguarded() const = 0;
};

// How one limit of a plan would be held on this machine.
struct LimitNote {
  Limit limit;
  bool held = true;
  std::string by;  // the mechanism and what it counts; when it is not held: why, and what the user can do
};

// A group of system calls that a command may not make, or that leash makes for it if the plan lets it.
struct SystemCallNote {
  std::string group;
  std::string why;
  bool supervised = false;
  std::vector<std::string> names;  // with a '*' when only some arguments are refused
};

// What a sandbox needs whatever its plan, begun while the plan is still being made.
class Groundwork {
 public:
  virtual ~Groundwork() = default;
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual const PlatformProfile& Profile() const = 0;
  // Never fails: what could not be begun is for Prepare to tell. Null when there is nothing to begin.
  virtual std::unique_ptr<Groundwork> Begin(Namespaces namespaces) = 0;
  // `id` names the sandbox: random, never 0, see WorkingDir::id. `canary` is an existing file that the caller may
  // read and the plan does not open, or empty: each command proves on it that its confinement works.
  // `groundwork` is what Begin() gave for the same configuration. `sink` is told what is refused, also for some time
  // after the sandbox has ended; null: nobody wants to know.
  virtual absl::StatusOr<std::unique_ptr<PreparedSandbox>> Prepare(const Plan& plan, std::uint64_t id,
                                                                   const std::string& canary,
                                                                   std::unique_ptr<Groundwork> groundwork,
                                                                   std::shared_ptr<ViolationSink> sink) = 0;
  // Ends what a sandbox of that id left behind when its owner died, and gives back what it had.
  virtual absl::Status KillLeftovers(std::uint64_t id) = 0;
  // See leash::AdoptOrphans and leash::ReapOrphans.
  virtual void AdoptOrphans() = 0;
  virtual void ReapOrphans(pid_t except) = 0;
  virtual std::vector<Mechanism> Probe() = 0;
  // One note a limit that is set. Changes nothing.
  virtual std::vector<LimitNote> LimitNotes(const Plan& plan) = 0;
  virtual std::vector<SystemCallNote> SystemCallNotes(const Plan& plan) = 0;
};

// The backend of the platform this was built for. Lives forever; safe from any thread.
Backend& HostBackend();

// What another platform's backend would apply, as far as that is a function of the plan: to be looked at anywhere.
struct PlatformModel {
  std::string_view name;
  const PlatformProfile& (*profile)();
  std::string_view temporary;  // where scratch directories are
  absl::StatusOr<std::string> (*describe)(const Plan& plan);
};
std::span<const PlatformModel> PlatformModels();

}  // namespace leash::core
