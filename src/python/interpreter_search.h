// From the name of an interpreter to its path.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/environment.h"

namespace leash::python {

// Where names are looked up.
struct Surroundings {
  base::Environment environment;
  std::string current_dir;  // absolute and canonical; empty: it cannot be told
  std::string home;         // canonical; empty: it cannot be told
  static Surroundings OfProcess();
};

// The path of an interpreter, not resolved: `name` itself when it has a slash, else the first in PATH. Relative entries
// of PATH are passed over: what they lead to depends on where one stands. Of a shim of pyenv, what it would run.
// Errors: kProgramNotFound; kProgramNotExecutable for a path that is no program.
absl::StatusOr<std::string> LocateInterpreter(const std::string& name, const Surroundings& around);

// The first of python3 and python in PATH.
absl::StatusOr<std::string> LocateAnyInterpreter(const Surroundings& around);

// The first program of that name in PATH; of a shim of pyenv, what it would run. nullopt: there is none.
std::optional<std::string> LocateProgram(std::string_view name, const Surroundings& around);

}  // namespace leash::python
