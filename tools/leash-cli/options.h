// From the command line to what the library is given.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "command_line.h"
#include "layer.h"

namespace leash::cli {

// What the flags of `run`, `shell` and `explain` say. Errors name the flag.
absl::StatusOr<Layer> LayerOfFlags(const CommandLine& line);

struct Loaded {
  Settings settings;
  std::string config_path;  // the file that was read; empty: none
};

// Flags, and the file that they name or that is found (config_discovery.h).
absl::StatusOr<Loaded> LoadSettings(const CommandLine& line);

// The process's current directory, canonical.
absl::StatusOr<std::string> CurrentDirectory();

}  // namespace leash::cli
