// From a refusal to what would allow it. Pure: asks neither the machine nor the disk.
#pragma once

#include "core/plan.h"
#include "core/profile.h"
#include "leash/violation.h"

namespace leash::core {

// What would have to be different in the configuration that `plan` was made from. The least that does it: a grant on
// the object itself, and the switch of a protection only where turning it off is enough by itself.
//
// It speaks about the rules. A program that is allowed one thing may want the next.
Hint HintFor(const Violation& violation, const Plan& plan, const PlatformProfile& profile);

}  // namespace leash::core
