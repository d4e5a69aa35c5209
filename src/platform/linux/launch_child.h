// What a new process does between clone(2) and execve(2).
#pragma once

#include <linux/filter.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace leash::platform {

// Where setting up failed; the order is the order of the steps.
enum class LaunchStage : int {
  kNone,
  kDeathSignal,
  kParentDied,
  kControlGroup,
  kSession,
  kTerminal,
  kStdio,
  kCurrentDir,
  kLimits,
  kCapabilities,
  kNoNewPrivs,
  kLandlock,
  kSeccomp,
  kSupervisor,
  kCloseDescriptors,
  kSelfTest,
  kExec,
};

struct LimitValue {
  int resource;
  rlimit value;
};

// Everything the child needs, computed before it exists: after clone it makes system calls and nothing else. It shares
// its parent's memory until execve, so it must not allocate, lock, or call into libc.
struct LaunchOrder {
  const char* program = nullptr;
  char* const* argv = nullptr;
  char* const* environment = nullptr;
  std::array<int, 3> stdio = {-1, -1, -1};  // each 3 or more
  // A terminal's master: its other end becomes the controlling terminal and those of the streams that are -1.
  int terminal = -1;
  // One of the two; a path is looked up by the child.
  int current_dir = -1;
  const char* current_dir_path = nullptr;
  // The sandbox's control groups, open for entering; see EntryDescriptors.
  std::array<int, 2> control_groups = {-1, -1};
  int ruleset = -1;
  std::uint32_t restrict_flags = 0;
  sock_fprog filter = {};
  // Where the listener of the filter is sent: see Supervisor::Socket. -1: no supervisor, and no listener.
  int supervisor = -1;
  std::array<LimitValue, 8> limits = {};
  std::size_t limit_count = 0;
  bool new_session = true;
  // Ends with its parent (PR_SET_PDEATHSIG). Not needed where the parent is the init process of a namespace.
  bool die_with_parent = true;
  pid_t parent = 0;
  // The self-test: an existing directory (0700) that must not open, and whether signals to the parent must be refused.
  const char* canary = nullptr;
  bool signals_scoped = false;
  bool sockets_refused = false;
  bool network_supervised = false;  // see supervisor_internet.h
  bool network_local = false;       // every address must be one of the sandbox's own network: see egress_network.h
  bool network_loopback = false;    // no address but loopback's must be reachable

  // Answers, written by the child into its parent's memory.
  LaunchStage failed_stage = LaunchStage::kNone;
  int failed_errno = 0;
};

// For clone(2); `order` is a LaunchOrder. Does not return: it executes the program, or fills in the answers and exits.
int RunLaunchChild(void* order);

}  // namespace leash::platform
