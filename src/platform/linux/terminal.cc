#include "platform/linux/terminal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <iterator>

#include "base/status.h"
#include "fmt/format.h"

namespace leash::platform {

absl::StatusOr<Terminal> OpenTerminal(const core::TerminalRequest& request) {
  Terminal terminal;
  terminal.master.reset(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  const int master = terminal.master.get();
  const winsize size = {request.size.rows, request.size.columns, 0, 0};
  if (master >= 0 && ::unlockpt(master) == 0 && ::tcsetattr(master, TCSANOW, &request.modes) == 0 &&
      ::ioctl(master, TIOCSWINSZ, &size) == 0) {
    // Through the master, so that it is this one's whatever is mounted where (Linux 4.13).
    terminal.slave.reset(::ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  }
  if (terminal.slave) return terminal;
  return base::ErrnoError(ErrorCode::kSpawnFailed, errno, "cannot make a terminal for the command");
}

std::string TerminalName(const base::UniqueFd& master) {
  unsigned number = 0;
  (void)::ioctl(master.get(), TIOCGPTN, &number);
  return fmt::format("/dev/pts/{}", number);
}

wire::Terminal WireTerminal(const core::TerminalRequest& request) {
  const termios& modes = request.modes;
  wire::Terminal terminal = {};
  terminal.wanted = true;
  terminal.rows = request.size.rows;
  terminal.columns = request.size.columns;
  terminal.modes.input = modes.c_iflag;
  terminal.modes.output = modes.c_oflag;
  terminal.modes.control = modes.c_cflag;
  terminal.modes.local = modes.c_lflag;
  terminal.modes.line = modes.c_line;
  std::copy_n(std::begin(modes.c_cc), std::size(terminal.modes.keys), std::begin(terminal.modes.keys));
  return terminal;
}

}  // namespace leash::platform
