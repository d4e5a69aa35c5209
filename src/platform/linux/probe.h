// What this Linux can enforce, found out by enforcing it.
#pragma once

#include <vector>

#include "leash/doctor.h"

namespace leash::platform {

std::vector<Mechanism> ProbeLinux();

}  // namespace leash::platform
