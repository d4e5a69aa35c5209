// The tables of macOS: system paths, protected paths, device nodes.
#pragma once

#include "core/profile.h"

namespace leash::platform::macos {

const core::PlatformProfile& Profile();

}  // namespace leash::platform::macos
