// What a platform brings to planning: its system paths, protected paths and device nodes, as tables. Pure data, so
// that planning stays the same function everywhere.
#pragma once

#include <span>
#include <string_view>

#include "leash/access.h"
#include "leash/security.h"

namespace leash::core {

// A flag of SecurityConfig; null: always.
using SecurityFlag = bool SecurityConfig::*;

// A rule that a tier starts from. Skipped when the path does not exist: what a system lacks needs no rule.
// A trailing '*' in the last component stands for every name with that beginning.
struct TierPath {
  std::string_view path;
  Access access = Access::kNone;
  std::string_view why;
  bool device = false;
};

// A path that stays closed while the flag is on. "~" stands for the user's home directory. Kept even when the path does
// not exist: it must not appear later.
struct ProtectedPath {
  SecurityFlag flag;
  std::string_view flag_name;
  std::string_view path;
};

// Paths that open while the flag is on.
struct DevicePath {
  SecurityFlag flag;
  std::string_view flag_name;
  std::string_view path;
  Access access = Access::kReadWrite;
  bool device = true;
};

// A name that is guarded in every directory that a user grants for writing: relative to it, with a trailing '*' for
// every name with that beginning that exists.
struct GuardedName {
  std::string_view path;
  std::string_view why;
};

struct PlatformProfile {
  std::span<const TierPath> strict;      // strict and default
  std::span<const TierPath> open;        // default, beside strict
  std::span<const TierPath> permissive;  // permissive alone
  std::span<const ProtectedPath> protections;
  std::span<const DevicePath> devices;
  std::span<const GuardedName> guarded;
  // Where limits on memory and processes can be lifted: closed while a sandbox has such a limit.
  std::span<const std::string_view> limit_controls;
  std::string_view search_path;                         // PATH of the commands
  std::span<const std::string_view> environment_names;  // handed on from the caller; "LC_*" style prefixes allowed
  bool has_consent_prompts = false;                     // TCC on macOS
};

}  // namespace leash::core
