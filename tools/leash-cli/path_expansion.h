// "~" and variables in the paths of a configuration file. Command lines need none of it: the shell has done it.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/environment.h"

namespace leash::cli {

// Replaces a leading "~" or "~/" by $HOME, then $NAME and ${NAME} by their values (once: values are not looked at
// again) and "$$" by "$". A relative result is put below `directory`.
// Errors: a variable that is not set, a '$' that begins neither form, "~name", a NUL byte, an empty path.
absl::StatusOr<std::string> ExpandPath(std::string_view text, const std::string& directory,
                                       const base::Environment& environment);

}  // namespace leash::cli
