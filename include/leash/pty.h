// A command on a terminal of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "leash/process.h"

namespace leash {

// In characters.
struct WindowSize {
  std::uint16_t rows = 24;
  std::uint16_t columns = 80;

  bool operator==(const WindowSize&) const = default;
};

// How the terminal is when the command starts; programs change it as they like.
struct PtyOptions {
  WindowSize size;
  // A terminal of the caller's, borrowed for the call: its settings (termios(3)) are the new one's to begin with.
  // -1: what Linux gives a new terminal, with UTF-8 (IUTF8).
  int settings_of = -1;
  bool echo = true;  // false: what is written does not come back as output, whatever the settings say
};

// A started command that a pseudo-terminal (pty(7)) connects with the caller. The terminal is made inside the sandbox:
// in namespaces it is the first of the sandbox's own /dev/pts, without them it is one of the host's, of which the
// sandbox may open this one by name and no other. It is the command's controlling terminal, so that job control works
// and /dev/tty opens. Typing into it from inside (TIOCSTI) is refused, as into any terminal.
//
// Movable. Read(), Write() and Resize() may be called from a thread each at the same time; everything else from one
// thread at a time. Dropping a Pty hangs the terminal up, and neither waits nor kills: see Child.
class Pty {
 public:
  // `master` becomes this object's to close.
  Pty(Child child, int master) : child_(std::move(child)), master_(master) {}
  Pty(Pty&& other) noexcept : child_(std::move(other.child_)), master_(std::exchange(other.master_, -1)) {}
  Pty& operator=(Pty&& other) noexcept {
    if (this != &other) {
      HangUp();
      child_ = std::move(other.child_);
      master_ = std::exchange(other.master_, -1);
    }
    return *this;
  }
  ~Pty() { HangUp(); }

  // To wait for the command, to signal and to kill it. Its streams are there only if they were set to Stdio::Pipe().
  Child& child() { return child_; }

  // The caller's side, for a loop of the caller's own; the object's to close. Blocking, and nobody else's: O_NONBLOCK
  // may be set. -1 after HangUp() or ReleaseMaster().
  int master() const { return master_; }

  // What the command has written. 0 at the end, when no process has the terminal open any longer (Linux says EIO
  // then). Background processes of the command may keep it open: the command's end is told by child(), not by this.
  // Errors: kIo; kClosed without a master.
  absl::StatusOr<std::size_t> Read(std::span<char> buffer);
  // Types: all of it, or an error. Blocks while the command reads nothing and the terminal's few kilobytes are full,
  // which it may do until its own output has been read. Errors: kIo, also when nobody has the terminal open; kClosed.
  absl::Status Write(std::string_view bytes);
  // The foreground process group gets SIGWINCH if that changes anything. Errors: kIo, kClosed.
  absl::Status Resize(WindowSize size);

  // Closes the master: the session gets SIGHUP and SIGCONT, reads give end of file, and writes fail.
  void HangUp();
  // The descriptor, now the caller's to close; -1 if there is none.
  int ReleaseMaster() { return std::exchange(master_, -1); }

 private:
  Child child_;
  int master_;
};

}  // namespace leash
