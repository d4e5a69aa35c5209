// Which Python a sandbox is for.
#pragma once

#include <optional>
#include <string>

namespace leash {

// Plain data, for SandboxConfig::python. When the sandbox is made, the interpreter is found as FindPython() does
// (leash/python.h), and what it needs to run is granted.
struct PythonConfig {
  // A path, or a name that is looked up in the caller's PATH ("python3.12"). Unset: the virtual environment's own;
  // without one, the first of python3 and python in PATH.
  std::optional<std::string> interpreter;
  // The directory of a virtual environment that exists: VenvManager makes them. Granted for reading and executing.
  std::optional<std::string> venv;
  // Commands may write the virtual environment too, so that `pip install` works inside, where the network policy lets
  // it. What they put there runs whenever that environment is used, inside or outside a sandbox.
  bool allow_pip_install = false;

  bool operator==(const PythonConfig&) const = default;
};

}  // namespace leash
