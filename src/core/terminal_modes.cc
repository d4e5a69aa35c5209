#include "core/terminal_modes.h"

#include <cerrno>
#include <utility>

#include "base/status.h"
#include "fmt/format.h"

namespace leash::core {
namespace {

constexpr cc_t Control(char letter) { return static_cast<cc_t>(letter - '@'); }

// What termios(3) calls cooked mode, with the keys that stty(1) calls sane.
termios CookedModes() {
  termios modes = {};
  modes.c_iflag = ICRNL | IXON | IUTF8;
  modes.c_oflag = OPOST | ONLCR;
  modes.c_cflag = CS8 | CREAD;
  modes.c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN;
  for (const auto& [index, key] : {std::pair<int, cc_t>{VINTR, Control('C')},
                                   {VQUIT, Control('\\')},
                                   {VERASE, 0x7f},
                                   {VKILL, Control('U')},
                                   {VEOF, Control('D')},
                                   {VSTART, Control('Q')},
                                   {VSTOP, Control('S')},
                                   {VSUSP, Control('Z')},
                                   {VREPRINT, Control('R')},
                                   {VDISCARD, Control('O')},
                                   {VWERASE, Control('W')},
                                   {VLNEXT, Control('V')},
                                   {VMIN, 1}}) {
    modes.c_cc[index] = key;
  }
  ::cfsetispeed(&modes, B38400);
  ::cfsetospeed(&modes, B38400);
  return modes;
}

}  // namespace

absl::StatusOr<termios> TerminalModesFor(const PtyOptions& options) {
  termios modes = CookedModes();
  if (options.settings_of >= 0 && ::tcgetattr(options.settings_of, &modes) != 0) {
    return base::ErrnoError(ErrorCode::kInvalidArgument, errno,
                            fmt::format("descriptor {} has no terminal's settings to copy", options.settings_of));
  }
  if (!options.echo) modes.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  return modes;
}

}  // namespace leash::core
