// The user's terminal, handed through to somebody else's and given back as it was.
#pragma once

#include <termios.h>

#include <optional>

namespace leash::cli {

// Changes a terminal's settings (termios(3)) and nothing else of it: flags like O_NONBLOCK belong to an open file that
// leash shares with whoever started it. With a descriptor that is no terminal, nothing is ever done.
//
// While leash is in the background of the terminal, its settings are somebody else's and stay untouched.
class RawMode {
 public:
  explicit RawMode(int fd);
  ~RawMode() { Leave(); }
  RawMode(const RawMode&) = delete;
  RawMode& operator=(const RawMode&) = delete;

  bool IsTerminal() const { return before_.has_value(); }

  // Every byte as it comes, none of them special, no echo. Again after a stop: a shell that continues a job may have
  // set the terminal up anew.
  void Enter();
  void Leave();

 private:
  bool InForeground() const;

  const int fd_;
  std::optional<termios> before_;  // Enter(); empty: no terminal
  bool raw_ = false;
};

}  // namespace leash::cli
