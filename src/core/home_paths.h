// What programs that run on every system keep in a user's home directory and in a project: the same names everywhere,
// beside which a platform has its own (profile.h).
#pragma once

#include <span>
#include <vector>

#include "core/profile.h"

namespace leash::core {

// Those of every system, and `own`. The home directory itself comes first: planning looks no further into one that is
// closed.
std::vector<ProtectedPath> WithHomeProtections(std::span<const ProtectedPath> own);
std::span<const GuardedName> GuardedNames();

}  // namespace leash::core
