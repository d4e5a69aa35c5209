// Landlock rulesets (landlock(7)): which files, TCP ports, signals and abstract sockets a command can reach.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "core/carve_out.h"
#include "leash/access.h"

namespace leash::platform {

// What one kernel's Landlock can do. A value, so that tests can ask "what if it were ABI 4?".
struct LandlockFeatures {
  int abi = 0;    // 0: not available
  int error = 0;  // errno when it is not
  std::uint64_t fs = 0;
  std::uint64_t net = 0;
  std::uint64_t scoped = 0;
  // What leash passes to landlock_restrict_self: one when refusals are reported, the other when they are not. 0: the
  // kernel knows neither.
  std::uint32_t report_flags = 0;
  std::uint32_t quiet_flags = 0;
};
LandlockFeatures LandlockFeaturesOfAbi(int abi);
// Asks the kernel.
LandlockFeatures DetectLandlock();

// Ok when these features keep every promise of layer A; else kNotEnforced with what is missing and what to do.
// `accept_degraded`: the caller has given unsafe::AcceptDegradedKernel.
absl::Status CheckLandlock(const LandlockFeatures& features, bool accept_degraded);

// The file rights behind an Access, without regard to what the kernel knows.
//
// Never granted: making device nodes; making and connecting to unix sockets (layer A has no way to keep those inside).
// IOCTL_DEV only with `device`; files that cannot carry a directory right do not get it.
std::uint64_t LandlockRights(Access access, bool device, bool is_directory);

// A ruleset that denies everything these features can handle but for `grants`. Each granted path is opened here,
// through no symbolic link, and the rule is made from the descriptor.
// `withheld` are rights that no grant gives. Errors: kPathNotFound for a grant that has gone (a sibling grant that has
// gone is left out), kNotEnforced.
absl::StatusOr<base::UniqueFd> MakeRuleset(const LandlockFeatures& features,
                                           const std::vector<core::SubtreeGrant>& grants, std::uint64_t withheld = 0);

// A ruleset that lets unix sockets be made in the directories that `grants` open for writing, and judges nothing else:
// for binding one on behalf of a command (supervisor_bind.h). Errors: as MakeRuleset.
absl::StatusOr<base::UniqueFd> MakeSocketRuleset(const std::vector<core::SubtreeGrant>& grants);

// Adds a rule to it that opens one device node for reading, writing and ioctl(2): for commands that start from now on.
// `path` is for the error's message.
absl::Status AddDeviceRule(const LandlockFeatures& features, int ruleset, int node, const std::string& path);

}  // namespace leash::platform
