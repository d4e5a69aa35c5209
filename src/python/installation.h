// What belongs to an interpreter on the disk, and what of it a sandbox must be granted.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "leash/config.h"

namespace leash::python {

// Of a program that is no virtual environment's. All paths are canonical.
struct Installation {
  std::string program;
  std::string prefix;            // empty: there is no standard library where Python looks for it
  std::string standard_library;  // PREFIX/lib/python3.11
  std::string version;           // "3.11"
};

// Looks for the standard library from the program's directory up, by its landmark os.py, as Python's getpath does.
// `program` is canonical.
Installation InstallationOf(const std::string& program);

// For reading and executing: the prefix; where it is at or above `home`, so that a grant would open that too, just the
// program, the standard library and libpython. Besides, shared libraries that the program names in places of its own
// (DT_RUNPATH). Nothing for what every tier can read and execute.
std::vector<Grant> GrantsFor(const Installation& installation, const std::string& home);

// A virtual environment: the value of a key in the text of pyvenv.cfg.
std::optional<std::string> PyvenvValue(std::string_view text, std::string_view key);
// Its root, when `path` (absolute, not resolved) is an interpreter in it: pyvenv.cfg is beside it, or one up.
std::optional<std::string> VenvOf(const std::string& path);

// Every path on the way when the last component of `path` is a symbolic link to another: `path` and each target, not
// resolved, without the last one.
std::vector<std::string> LinkChain(const std::string& path);

// Whether every tier lets `path` (canonical) be used so: no grant is needed then.
bool IsOpenInEveryTier(std::string_view path, Access access);

// Whether a grant on `path` (canonical) would open all that is the user's own: their home directory is at or below it.
bool HoldsHome(std::string_view path, std::string_view home);

// Whether a program is called as interpreters are: "python3.11", "pypy3", "graalpy".
bool IsInterpreterName(std::string_view path);

}  // namespace leash::python
