// The configuration file: TOML with kebab-case keys. docs/config.md is its reference.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/environment.h"
#include "layer.h"

namespace leash::cli {

// Where the file says something.
struct Origin {
  std::string key;  // dotted: "paths.writable"
  std::uint32_t line = 0;
};

struct ConfigFile {
  std::string path;       // as messages name it
  std::string directory;  // absolute; relative paths in the file start here
  Layer layer;
  std::map<std::string, std::uint32_t, std::less<>> lines;  // every key that is set, dotted, and its line
  std::vector<Origin> grant_origins;                        // one for each of layer.grants, in their order

  // "FILE:LINE: message", as an error.
  absl::Status ErrorAt(std::uint32_t line, std::string_view message) const;
};

// Reads the text of the file. Unknown keys are errors, and so is a value of another type than its key has.
// Errors: kConfigFile, "FILE:LINE: ..." ("FILE:LINE:COLUMN: ..." where the text is not TOML).
absl::StatusOr<ConfigFile> ParseConfigFile(std::string_view text, std::string path, std::string directory,
                                           const base::Environment& environment);

}  // namespace leash::cli
