// The paths of a Linux system, as tables: what each tier opens, what is protected, where devices are.
#pragma once

#include "core/profile.h"

namespace leash::platform {

const core::PlatformProfile& LinuxProfile();

}  // namespace leash::platform
