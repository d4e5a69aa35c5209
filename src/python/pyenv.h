// pyenv: which of the installed versions a shim leads to, without running it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/environment.h"

namespace leash::python {

// pyenv's root directory, when `program` is one of its shims: ROOT/shims/NAME beside ROOT/versions.
std::optional<std::string> PyenvRootOf(const std::string& program);

// The versions that are chosen, in order: PYENV_VERSION, the nearest .python-version from `current_dir` up,
// ROOT/version, "system". Names that could lead out of ROOT/versions are left out: a cloned repository can bring such a
// file along.
std::vector<std::string> ChosenPyenvVersions(const std::string& root, const base::Environment& environment,
                                             const std::string& current_dir);

// What the shim ROOT/shims/NAME would run: ROOT/versions/VERSION/bin/NAME of the first chosen version that has it. A
// version may be a prefix ("3.11"): the highest that it fits. nullopt: none has it, or "system" comes first, and what
// comes later in PATH is meant.
std::optional<std::string> PyenvProgram(const std::string& root, const std::string& name,
                                        const base::Environment& environment, const std::string& current_dir);

}  // namespace leash::python
