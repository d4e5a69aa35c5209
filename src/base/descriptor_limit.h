// How many descriptors this process may have (RLIMIT_NOFILE).
#pragma once

#include <sys/resource.h>

#include <optional>

namespace leash::base {

// Lets this process have as many as it may ask for, up to 65536. For programs that hold thousands of connections, at
// their start: select(2) fails above 1024, so this is the whole program's decision and no library's. What is started in
// sandboxes is given the former limit back.
void RaiseDescriptorLimit();

// The limit before it was raised; none when it was not.
std::optional<rlimit> DescriptorLimitBefore();

}  // namespace leash::base
