// Finding leash.toml, and how far a file that nobody named may be trusted: a cloned repository can bring one along.
//
// A found file may tighten anything, grant reading, and grant more inside its own directory. A file named with
// --config may say everything.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "config_file.h"
#include "layer.h"

namespace leash::cli {

struct FoundFile {
  std::string path;
  std::string directory;
  std::string text;
};

// The first leash.toml from `current_dir` (canonical) up to the root; nullopt when there is none.
// Errors: the file is no regular file, belongs neither to `user` nor to root, or others may write it. What is checked
// and what is read is one descriptor.
absl::StatusOr<std::optional<FoundFile>> FindConfigFile(const std::string& current_dir, uid_t user);

// The text of a file that the user named. It may be anything that can be read to its end, a pipe too.
absl::StatusOr<std::string> ReadNamedFile(const std::string& path);

// Refuses a found file that says what only a named one may, and one that the sandbox of `settings` (which came of it)
// could change: what runs inside would then decide what the next sandbox allows.
// Errors: kConfigFile, naming file, line and key, and how to go on.
absl::Status CheckFoundFile(const ConfigFile& file, const Settings& settings);

}  // namespace leash::cli
