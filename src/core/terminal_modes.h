// The settings that a new terminal has.
#pragma once

#include <termios.h>

#include "absl/status/statusor.h"
#include "leash/pty.h"

namespace leash::core {

// Errors: kInvalidArgument for settings of something that is no terminal.
absl::StatusOr<termios> TerminalModesFor(const PtyOptions& options);

}  // namespace leash::core
