// The section [python] and the options of `python` as the library takes them, and as `explain` shows them.
#pragma once

#include <string>

#include "layer.h"
#include "leash/python.h"
#include "nlohmann/json_fwd.hpp"

namespace leash::cli {

// Whether a virtual environment was asked for.
bool WantsVenv(const PythonLayer& python);
VenvConfig VenvOf(const Settings& settings);

// Whether anything was said about Python at all.
bool SpeaksOfPython(const PythonLayer& python);
// What `leash python` would use, open and install beside what the rest of the settings say. Runs nothing.
std::string PythonText(const Settings& settings);
nlohmann::ordered_json PythonJson(const Settings& settings);

}  // namespace leash::cli
