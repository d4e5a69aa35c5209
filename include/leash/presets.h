// Ready-made configurations: starting points that can be changed like any other value.
#pragma once

#include "leash/config.h"

namespace leash {

// The tightest: Isolation::kStrict, every protection, no hardware.
SandboxConfig StrictPreset();

// For running Python: the default tier, unbuffered output, no byte code and no user site directory. The interpreter is
// the system's; a virtual environment is granted by its path.
SandboxConfig PythonDevPreset();

// PythonDevPreset for numeric work: GPU and NPU nodes open, and the thread pools of OpenMP, OpenBLAS and MKL bounded
// by the machine's processors. System tools such as ffmpeg run in every tier.
SandboxConfig PythonDataSciencePreset();

}  // namespace leash
