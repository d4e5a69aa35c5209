// The plan: everything a sandbox will be, as data. Made by MakePlan (planner.h), printed by `leash explain`, applied by
// a backend. A backend never decides who may do what: it asks Decide, or lowers the rules with CarveOut.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file_system.h"
#include "leash/access.h"
#include "leash/isolation.h"
#include "leash/limits.h"
#include "leash/published_port.h"
#include "leash/security.h"

namespace leash::core {

// Where programs in a sandbox with a network policy find the egress proxy, on their loopback addresses.
inline constexpr std::uint16_t kEgressPort = 3128;

// Where a rule comes from. Among rules on the same path the later one here wins.
enum class RuleKind { kTier, kProtection, kGrant, kDeny };
std::string_view RuleKindName(RuleKind kind);

struct PathRule {
  std::string path;  // canonical and absolute; a protected or denied path need not exist
  Access access = Access::kNone;
  RuleKind kind = RuleKind::kTier;
  // For people: "protect_credentials", "granted", "system libraries". Static text, never owned.
  std::string_view reason;
  bool device = false;  // device-specific ioctl(2) as well, for nodes opened below this path
  std::optional<base::FileType> type = std::nullopt;  // when it was planned, if that was looked at

  bool operator==(const PathRule&) const = default;
};

struct Plan {
  Isolation isolation = Isolation::kDefault;
  // Sorted by path, one rule a path: the one that wins there.
  std::vector<PathRule> rules;
  // Symbolic links by which programs and users reach what the rules open: the link's own path, and where it leads.
  std::vector<std::pair<std::string, std::string>> links;
  Namespaces namespaces = Namespaces::kAuto;
  // Paths that must stay as they are although a rule lets them be written: see core/guard.h. Canonical but for the
  // last component; they need not exist.
  std::vector<std::string> guarded;
  bool network_denied = true;
  bool identify_programs = false;  // that connect
  std::vector<PublishedPort> published;
  // The path that programs connect to who call the host (LEASH_IPC): absolute, in a directory of leash's own, where no
  // file has it. Empty: the host has no commands.
  std::string call_socket;
  // As configured. Its paths are in `rules` and `guarded`; here a platform asks for what is no path: the caller's
  // terminal, sandboxes inside, and devices, keychains and consent dialogs that have names of other kinds.
  SecurityConfig security;
  std::string working_dir;
  std::string scratch_dir;
  std::string start_dir;                                         // where commands start unless they say otherwise
  std::vector<std::pair<std::string, std::string>> environment;  // sorted by name
  ResourceLimits limits;
  bool best_effort_limits = false;
  bool accept_degraded_kernel = false;
  bool report_violations = false;
  // What was asked for and has no effect here, in words. Nothing is skipped in silence.
  std::vector<std::string> notes;
};

// Whether programs have TCP and UDP: with a network policy, and to serve published ports. Without a policy they reach
// nobody but each other.
bool HasSockets(const Plan& plan);

// The rule that decides about `path` (canonical, absolute): the one on the longest path that is `path` itself or above
// it. Null when none reaches it: then nothing is allowed.
const PathRule* DecidingRule(const Plan& plan, std::string_view path);

// What may be done with `path`. The one place where this is decided.
Access Decide(const Plan& plan, std::string_view path);

}  // namespace leash::core
