// The sandbox in which virtual environments are made and packages installed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "leash/python.h"

namespace leash::python {

// What runs in it. Everything that it may touch is named here.
struct BuildTask {
  const VenvConfig* config = nullptr;  // its `path` is canonical and exists
  const PythonInterpreter* interpreter = nullptr;
  std::optional<std::string> uv;        // the program, if it is used
  bool network = false;                 // to the hosts of the index
  std::vector<std::string> programs;    // argv; "{scratch}" in an argument is the private directory
  std::vector<std::string> files = {};  // what `{scratch}/0`, `{scratch}/1`, ... hold
  std::string what;                     // "install packages", for the error
};

// The tightest tier, with these openings alone: the interpreter for reading, the environment for writing. Of the
// caller's variables it has those that every command has; settings of pip and uv are not among them, since they may
// hold credentials.
SandboxConfig BuildSandboxConfig(const BuildTask& task);

// The hosts that an installation reaches, as AllowList patterns. Errors: kInvalidArgument for a malformed URL.
absl::StatusOr<std::vector<std::string>> IndexHosts(const VenvConfig& config);

// Runs the task to its end. Errors: those of Sandbox::Create() and Command::Output(), and kIo when the program failed:
// the message ends with its last lines, unless they went to VenvConfig::progress_fd.
absl::Status RunBuild(const BuildTask& task);

}  // namespace leash::python
