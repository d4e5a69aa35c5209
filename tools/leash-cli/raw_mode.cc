#include "raw_mode.h"

#include <unistd.h>

namespace leash::cli {

RawMode::RawMode(int fd) : fd_(fd) {
  termios modes = {};
  if (::tcgetattr(fd, &modes) == 0) before_ = modes;
}

// A terminal that does not control leash has no foreground to be out of.
bool RawMode::InForeground() const {
  const pid_t group = ::tcgetpgrp(fd_);
  return group < 0 || group == ::getpgrp();
}

void RawMode::Enter() {
  if (!before_.has_value() || !InForeground()) return;
  // What was set while leash was stopped is what is to be given back.
  if (!raw_ && ::tcgetattr(fd_, &*before_) != 0) return;
  termios modes = *before_;
  ::cfmakeraw(&modes);
  raw_ = ::tcsetattr(fd_, TCSANOW, &modes) == 0;
}

// An error means that the terminal has gone.
void RawMode::Leave() {
  if (raw_ && InForeground()) (void)::tcsetattr(fd_, TCSANOW, &*before_);
  raw_ = false;
}

}  // namespace leash::cli
