// The settings that a new terminal has.
#pragma once

#include <termios.h>

#include "leash/pty.h"

namespace leash::core {

termios TerminalModesFor(const PtyOptions& options);

}  // namespace leash::core
