// The Landlock interface of the kernel, complete to ABI 10. Distributions' headers lag years behind their kernels
// (Debian 12 ships ABI 2), so these are our own. Source: landlock(7), include/uapi/linux/landlock.h.
#pragma once

#include <cstdint>

namespace leash::platform::landlock {

// System call numbers, the same on every architecture.
inline constexpr long kSysCreateRuleset = 444;
inline constexpr long kSysAddRule = 445;
inline constexpr long kSysRestrictSelf = 446;

inline constexpr std::uint32_t kCreateRulesetVersion = 1U << 0;

enum RuleType : int { kRulePathBeneath = 1, kRuleNetPort = 2 };

// File system rights. ABI 1 (Linux 5.13) unless noted.
inline constexpr std::uint64_t kFsExecute = 1ULL << 0;
inline constexpr std::uint64_t kFsWriteFile = 1ULL << 1;
inline constexpr std::uint64_t kFsReadFile = 1ULL << 2;
inline constexpr std::uint64_t kFsReadDir = 1ULL << 3;
inline constexpr std::uint64_t kFsRemoveDir = 1ULL << 4;
inline constexpr std::uint64_t kFsRemoveFile = 1ULL << 5;
inline constexpr std::uint64_t kFsMakeChar = 1ULL << 6;
inline constexpr std::uint64_t kFsMakeDir = 1ULL << 7;
inline constexpr std::uint64_t kFsMakeReg = 1ULL << 8;
inline constexpr std::uint64_t kFsMakeSock = 1ULL << 9;
inline constexpr std::uint64_t kFsMakeFifo = 1ULL << 10;
inline constexpr std::uint64_t kFsMakeBlock = 1ULL << 11;
inline constexpr std::uint64_t kFsMakeSym = 1ULL << 12;
inline constexpr std::uint64_t kFsRefer = 1ULL << 13;        // ABI 2, 5.19
inline constexpr std::uint64_t kFsTruncate = 1ULL << 14;     // ABI 3, 6.2
inline constexpr std::uint64_t kFsIoctlDev = 1ULL << 15;     // ABI 5, 6.10
inline constexpr std::uint64_t kFsResolveUnix = 1ULL << 16;  // ABI 9, 7.1: connect to a pathname unix socket

// Network rights.
inline constexpr std::uint64_t kNetBindTcp = 1ULL << 0;         // ABI 4, 6.7
inline constexpr std::uint64_t kNetConnectTcp = 1ULL << 1;      // ABI 4
inline constexpr std::uint64_t kNetBindUdp = 1ULL << 2;         // ABI 10, 7.2
inline constexpr std::uint64_t kNetConnectSendUdp = 1ULL << 3;  // ABI 10

// Scopes: what lies outside the domain and cannot be reached from inside it.
inline constexpr std::uint64_t kScopeAbstractUnixSocket = 1ULL << 0;  // ABI 6, 6.12
inline constexpr std::uint64_t kScopeSignal = 1ULL << 1;              // ABI 6

// Flags of landlock_restrict_self. ABI 7, 6.15.
inline constexpr std::uint32_t kRestrictLogSameExecOff = 1U << 0;
inline constexpr std::uint32_t kRestrictLogNewExecOn = 1U << 1;
inline constexpr std::uint32_t kRestrictLogSubdomainsOff = 1U << 2;
inline constexpr std::uint32_t kRestrictTsync = 1U << 3;  // ABI 8, 7.0: all threads; needless in a fresh child

// Fields were appended over time; an older kernel takes the longer struct as long as what it does not know is zero.
struct RulesetAttr {
  std::uint64_t handled_access_fs = 0;
  std::uint64_t handled_access_net = 0;  // ABI 4
  std::uint64_t scoped = 0;              // ABI 6
};

struct [[gnu::packed]] PathBeneathAttr {
  std::uint64_t allowed_access = 0;
  std::int32_t parent_fd = -1;
};

}  // namespace leash::platform::landlock
