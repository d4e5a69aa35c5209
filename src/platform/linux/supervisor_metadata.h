// Modes, owners, times and watches: what Landlock has no right for.
#pragma once

#include "core/plan.h"
#include "platform/linux/supervisor_caller.h"

namespace leash::platform {

// Makes the caller's call on behalf if the plan lets it, else gives an errno. The calls are those of the group
// "metadata" in seccomp_table.cc; another one is -ENOSYS. For the supervisor's thread, which has no capability: what
// the caller's user may not do fails as it would have there.
Answer ChangeMetadata(const core::Plan& plan, Caller& caller);

}  // namespace leash::platform
