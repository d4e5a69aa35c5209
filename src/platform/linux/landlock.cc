#include "platform/linux/landlock.h"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <optional>

#include "base/file_system.h"
#include "base/log.h"
#include "base/path_fd.h"
#include "base/status.h"
#include "fmt/format.h"
#include "platform/linux/landlock_uapi.h"

namespace leash::platform {

using namespace landlock;  // NOLINT: the constants of this one file

namespace {

constexpr std::uint64_t kReadRights = kFsReadFile | kFsReadDir;
constexpr std::uint64_t kWriteRights = kFsWriteFile | kFsTruncate | kFsRemoveDir | kFsRemoveFile | kFsMakeDir |
                                       kFsMakeReg | kFsMakeFifo | kFsMakeSym | kFsRefer;
// The rights that mean something on a file that is not a directory; the kernel refuses the others there.
constexpr std::uint64_t kFileRights = kFsExecute | kFsWriteFile | kFsReadFile | kFsTruncate | kFsIoctlDev;

// Below this, truncate(2) of any file of the user's is open, and no other mechanism of layer A closes it.
constexpr int kLowestAbi = 3;
// Below this, signals to the user's other processes are open.
constexpr int kFullAbi = 6;

// Gone, out of reach, or a link by now: nobody asked for this name. What is still there was asked for.
bool IsNoFile(const std::string& path) {
  const std::optional<base::FileType> type = base::HostFileSystem().TypeOf(path);
  return !type.has_value() || *type == base::FileType::kSymlink;
}

// `rights_of` gives the rights for a grant on a directory or on another file; none: no rule.
template <typename RightsOf>
absl::StatusOr<base::UniqueFd> RulesetOf(const RulesetAttr& attr, const std::vector<core::SubtreeGrant>& grants,
                                         const RightsOf& rights_of) {
  base::UniqueFd ruleset(static_cast<int>(::syscall(kSysCreateRuleset, &attr, sizeof(attr), 0)));
  if (!ruleset) return base::ErrnoError(ErrorCode::kNotEnforced, errno, "cannot make a Landlock ruleset");
  for (const core::SubtreeGrant& grant : grants) {
    absl::StatusOr<base::UniqueFd> path = base::OpenCanonical(grant.path);
    if (!path.ok() && grant.sibling && IsNoFile(grant.path)) {
      base::Log(base::LogLevel::kDebug, "left out {}: {}", grant.path, std::string(path.status().message()));
      continue;
    }
    if (!path.ok()) return path.status();
    struct stat info;
    if (::fstat(path->get(), &info) != 0)
      return base::ErrnoError(ErrorCode::kIo, errno, "cannot look at " + grant.path);
    PathBeneathAttr rule;
    rule.allowed_access = rights_of(grant, S_ISDIR(info.st_mode));
    rule.parent_fd = path->get();
    if (rule.allowed_access == 0) continue;
    if (::syscall(kSysAddRule, ruleset.get(), kRulePathBeneath, &rule, 0) != 0) {
      return base::ErrnoError(ErrorCode::kNotEnforced, errno, fmt::format("Landlock refuses a rule on {}", grant.path));
    }
  }
  return ruleset;
}

}  // namespace

LandlockFeatures LandlockFeaturesOfAbi(int abi) {
  LandlockFeatures features;
  features.abi = abi;
  if (abi < 1) return features;
  features.fs = (kFsMakeSym << 1) - 1;
  if (abi >= 2) features.fs |= kFsRefer;
  if (abi >= 3) features.fs |= kFsTruncate;
  if (abi >= 4) features.net = kNetBindTcp | kNetConnectTcp;
  if (abi >= 5) features.fs |= kFsIoctlDev;
  if (abi >= 6) features.scoped = kScopeAbstractUnixSocket | kScopeSignal;
  if (abi >= 7) {
    // The self-test before execve(2) is refused things on purpose: nobody wants to read that. What a program is refused
    // may fill the administrator's log, so it is written there when somebody asks. Domains that a program makes inside
    // are its own affair.
    features.quiet_flags = kRestrictLogSameExecOff;
    features.report_flags = kRestrictLogSameExecOff | kRestrictLogNewExecOn | kRestrictLogSubdomainsOff;
  }
  if (abi >= 9) features.fs |= kFsResolveUnix;
  if (abi >= 10) features.net |= kNetBindUdp | kNetConnectSendUdp;
  return features;
}

LandlockFeatures DetectLandlock() {
  const long abi = ::syscall(kSysCreateRuleset, nullptr, 0, kCreateRulesetVersion);
  if (abi < 1) {
    LandlockFeatures none;
    none.error = abi < 0 ? errno : ENOSYS;
    return none;
  }
  return LandlockFeaturesOfAbi(static_cast<int>(abi));
}

absl::Status CheckLandlock(const LandlockFeatures& features, bool accept_degraded) {
  if (features.abi < 1) {
    return base::Error(ErrorCode::kNotEnforced,
                       fmt::format("this kernel offers no Landlock ({}), so files cannot be protected and nothing was "
                                   "run; boot with landlock in the 'lsm=' list, or see: leash doctor",
                                   base::ErrnoText(features.error)));
  }
  if (features.abi < kLowestAbi) {
    return base::Error(ErrorCode::kNotEnforced,
                       fmt::format("this kernel's Landlock (ABI {}) cannot stop truncation of protected files; Linux "
                                   "6.2 (ABI {}) is the oldest that leash can use",
                                   features.abi, kLowestAbi));
  }
  if (features.abi < kFullAbi && !accept_degraded) {
    return base::Error(
        ErrorCode::kNotEnforced,
        fmt::format("this kernel's Landlock (ABI {}) cannot stop signals to processes outside; Linux 6.12 "
                    "(ABI {}) can, or accept the gap with --unsafe-accept-degraded-kernel",
                    features.abi, kFullAbi));
  }
  return absl::OkStatus();
}

std::uint64_t LandlockRights(Access access, bool device, bool is_directory) {
  std::uint64_t rights = 0;
  if (Includes(access, Access::kRead)) rights |= kReadRights;
  if (Includes(access, Access::kReadWrite)) rights |= kWriteRights;
  if (Includes(access, Access::kReadExecute)) rights |= kFsExecute;
  if (device && access != Access::kNone) rights |= kFsIoctlDev;
  return is_directory ? rights : rights & kFileRights;
}

absl::StatusOr<base::UniqueFd> MakeRuleset(const LandlockFeatures& features,
                                           const std::vector<core::SubtreeGrant>& grants, std::uint64_t withheld) {
  RulesetAttr attr;
  attr.handled_access_fs = features.fs;
  attr.handled_access_net = features.net;
  attr.scoped = features.scoped;
  return RulesetOf(attr, grants, [&](const core::SubtreeGrant& grant, bool is_directory) {
    base::Log(base::LogLevel::kDebug, "landlock {} {}", FormatAccess(grant.access), grant.path);
    return LandlockRights(grant.access, grant.device, is_directory) & features.fs & ~withheld;
  });
}

absl::StatusOr<base::UniqueFd> MakeSocketRuleset(const std::vector<core::SubtreeGrant>& grants) {
  RulesetAttr attr;
  attr.handled_access_fs = kFsMakeSock;
  std::vector<core::SubtreeGrant> writable;  // few of many: the others need not be opened for this
  std::copy_if(grants.begin(), grants.end(), std::back_inserter(writable),
               [](const core::SubtreeGrant& grant) { return Includes(grant.access, Access::kReadWrite); });
  return RulesetOf(attr, writable,
                   [](const core::SubtreeGrant&, bool is_directory) { return is_directory ? kFsMakeSock : 0; });
}

absl::Status AddDeviceRule(const LandlockFeatures& features, int ruleset, int node, const std::string& path) {
  PathBeneathAttr rule;
  rule.allowed_access = LandlockRights(Access::kReadWrite, true, false) & features.fs;
  rule.parent_fd = node;
  if (::syscall(kSysAddRule, ruleset, kRulePathBeneath, &rule, 0) == 0) return absl::OkStatus();
  return base::ErrnoError(ErrorCode::kNotEnforced, errno, fmt::format("Landlock refuses a rule on {}", path));
}

}  // namespace leash::platform
