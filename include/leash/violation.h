// What a sandbox refused, for whoever wants to know and for whoever wants to allow it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "leash/config.h"
#include "leash/security.h"

namespace leash {

enum class ViolationKind { kFile, kNetwork, kSystemCall, kProcess, kOther };
// "file", "network", "system call", "process" or "other".
std::string_view ViolationKindName(ViolationKind kind);

// What would allow it. Both may be set: then each of them would do. Neither: nothing does, and `text` says why.
struct Hint {
  std::optional<Grant> grant;               // this grant, added to SandboxConfig::grants
  bool SecurityConfig::*setting = nullptr;  // this switch, turned over
  std::string text;                         // the rule that decided, or why nothing helps; may be empty

  bool operator==(const Hint&) const = default;
};

// One kind of refusal, however often it came.
struct Violation {
  ViolationKind kind = ViolationKind::kOther;
  // Of a file: "read", "list", "execute", "write" (truncating too), "make", "remove" (the object of both is the
  // directory), "move", "device command", "make socket", "make device". Of the network: "connect", "bind". Of a
  // process: "signal", "trace". Of a system call: its name.
  std::string operation;
  // The path as the program sees it, the address or the process; empty if it is not known. Bytes of a program's
  // choosing: escape them before they are shown.
  std::string object;
  std::string program;  // that was refused it first, by its path or its short name; empty if it is not known
  pid_t pid = 0;        // of that program, outside the sandbox; 0 if it is not known
  std::uint64_t count = 1;
  absl::Time first;  // when it was seen
  Hint hint;
};

// What is known so far.
struct ViolationReport {
  // Merged by kind, operation and object, in the order in which each was first seen; a thousand at most.
  std::vector<Violation> violations;
  // How many more there were, of other kinds than those.
  std::uint64_t others = 0;
  // What may have been refused and is not reported on this machine, and why: one sentence each. A report without
  // violations means that nothing was refused only as far as these do not say otherwise.
  std::vector<std::string> not_seen;
};

// See Sandbox::OnViolation.
using ViolationCallback = std::function<void(const Violation&)>;

}  // namespace leash
