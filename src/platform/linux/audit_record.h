// Messages of the kernel's audit system, as far as they tell what Landlock refused. Pure: text to values.
//
// The formats are those of security/landlock/audit.c and kernel/auditsc.c (Linux 6.15 and newer). Names in them are of
// a program's choosing; the kernel writes one that has a space, a quote or a control character in it as hexadecimal
// digits, so that fields cannot be forged.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "leash/violation.h"

namespace leash::platform {

// Types of messages (include/uapi/linux/audit.h).
inline constexpr std::uint16_t kAuditSystemCall = 1300;
inline constexpr std::uint16_t kAuditLandlockAccess = 1423;
inline constexpr std::uint16_t kAuditLandlockDomain = 1424;

struct AuditRecord {
  std::uint16_t type = 0;
  // Messages about one event have the same.
  std::uint64_t serial = 0;
  std::uint64_t domain = 0;  // of the two Landlock types; never 0 there

  // kAuditLandlockAccess: what was refused, without a program.
  Violation refused;

  // kAuditLandlockDomain. A domain is announced with its first refusal that is logged, and once more at its end.
  bool ended = false;
  std::uint64_t denials = 0;  // at the end: all, logged or not

  // kAuditLandlockDomain: who made the domain. kAuditSystemCall: who made the call.
  pid_t pid = 0;
  std::string program;
};

// nullopt: another type, or not in the form that is known.
std::optional<AuditRecord> ParseAuditRecord(std::uint16_t type, std::string_view text);

}  // namespace leash::platform
