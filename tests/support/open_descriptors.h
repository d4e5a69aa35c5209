// For tests that nothing is left open.
#pragma once

#include <cstddef>

#include "base/file_system.h"

namespace leash::testing {

inline std::size_t OpenDescriptors() { return base::HostFileSystem().List("/proc/self/fd")->size(); }

}  // namespace leash::testing
