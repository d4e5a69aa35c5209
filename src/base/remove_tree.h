// Removing a directory tree that somebody hostile filled.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace leash::base {

// Removes everything below the directory open at `fd`. The directory itself stays.
//
// Works on descriptors and never follows a symbolic link. Directories without permissions are opened up first (we own
// them). Depth costs nothing: a nested directory is renamed up beside its parent, so any tree is taken apart with two
// descriptors and names of constant length. Not covered: files whose owner is somebody else in a sticky directory,
// immutable files and mount points; they are errors that name the first such entry.
absl::Status RemoveContents(int fd, const std::string& name_for_errors);

}  // namespace leash::base
