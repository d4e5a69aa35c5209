// FindPython() of the public API, with its surroundings as a value: for tests, and for who looks twice.
#pragma once

#include "absl/status/statusor.h"
#include "leash/python.h"
#include "python/interpreter_search.h"

namespace leash::python {

absl::StatusOr<PythonInterpreter> FindPython(const PythonConfig& config, const Surroundings& around);

}  // namespace leash::python
