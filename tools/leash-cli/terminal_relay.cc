#include "terminal_relay.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/log.h"
#include "base/status.h"
#include "base/unique_fd.h"
#include "raw_mode.h"

namespace leash::cli {
namespace {

constexpr absl::Duration kHangUpPatience = absl::Seconds(5);
// What a command can have written before its end and leash not have read: the kernel's buffers, generously.
constexpr std::size_t kMostInFlight = 256 * 1024;
constexpr char kEndOfFile = 4;  // where the terminal names none

// Bytes on their way. Filled when it is empty, so that it never grows.
class Buffer {
 public:
  bool empty() const { return begin_ == end_; }
  std::string_view bytes() const { return {bytes_.data() + begin_, end_ - begin_}; }
  void Clear() { begin_ = end_ = 0; }
  void Set(char byte) {
    bytes_[0] = byte;
    begin_ = 0;
    end_ = 1;
  }
  // As read(2).
  ssize_t ReadFrom(int fd) {
    const ssize_t size = ::read(fd, bytes_.data(), bytes_.size());
    begin_ = 0;
    end_ = size > 0 ? static_cast<std::size_t>(size) : 0;
    return size;
  }
  // As write(2), at most `most` bytes.
  ssize_t WriteTo(int fd, std::size_t most) {
    const ssize_t size = ::write(fd, bytes().data(), std::min(bytes().size(), most));
    if (size > 0) begin_ += static_cast<std::size_t>(size);
    return size;
  }

 private:
  std::array<char, 16 * 1024> bytes_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

// Something that is no failure: ask again later.
bool IsPassing(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

// leash's stdout. leash must not block on it, for signals wait meanwhile, and must not make it non-blocking, for it
// is the caller's as well. A terminal is opened anew. To anything else no more is written than a poll(2) that says
// "writable" has promised for a pipe.
class Out {
 public:
  Out() {
    if (::isatty(STDOUT_FILENO) == 0) return;
    own_.reset(::open("/proc/self/fd/1", O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
    most_ = own_ ? 16 * 1024 : 256;
  }
  int fd() const { return own_ ? own_.get() : STDOUT_FILENO; }
  std::size_t most() const { return most_; }

 private:
  base::UniqueFd own_;
  std::size_t most_ = 4096;
};

// The size of the terminal that the user sees, if there is one.
std::optional<WindowSize> OuterSize() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    winsize size = {};
    if (::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0) {
      return WindowSize{size.ws_row, size.ws_col};
    }
  }
  return std::nullopt;
}

class Relay {
 public:
  Relay(Pty pty, RawMode& raw, SignalRelay& signals, RequestToEnd means)
      : pty_(std::move(pty)), raw_(raw), signals_(signals), means_(means) {}

  absl::StatusOr<Ended> Run() {
    // Nobody else has the master, so that it may be made non-blocking. The other end is held open: a command that
    // closes it for a moment does not look like the end, and what has not been read of it can be seen.
    slave_.reset(::ioctl(pty_.master(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (!slave_ || ::fcntl(pty_.master(), F_SETFL, O_RDWR | O_NONBLOCK) != 0) {
      return base::ErrnoError(ErrorCode::kIo, errno, "cannot relay the command's terminal");
    }
    raw_.Enter();
    CopySize();  // it may have changed since the command was started
    while (!Done()) Step();
    raw_.Leave();
    return *std::move(end_);
  }

 private:
  enum Entry { kSignals, kEnd, kIn, kMaster, kOut, kEntries };

  bool Done() const { return end_.has_value() && all_read_ && to_user_.empty(); }
  bool HungUp() const { return pty_.master() < 0; }
  bool WantsInput() const { return !end_.has_value() && !HungUp() && input_open_ && to_command_.empty(); }
  bool OwesEnd() const { return !end_.has_value() && !HungUp() && !input_open_ && to_command_.empty(); }

  void Step() {
    short on_master = 0;
    if (to_user_.empty() && !all_read_) on_master |= POLLIN;
    if (!to_command_.empty() && !end_.has_value()) on_master |= POLLOUT;
    std::array<pollfd, kEntries> entries = {};
    entries[kSignals] = {signals_.fd(), POLLIN, 0};
    entries[kEnd] = {end_.has_value() ? -1 : pty_.child().EndFd(), POLLIN, 0};
    entries[kIn] = {WantsInput() ? STDIN_FILENO : -1, POLLIN, 0};
    entries[kMaster] = {on_master != 0 ? pty_.master() : -1, on_master, 0};
    entries[kOut] = {to_user_.empty() ? -1 : out_.fd(), POLLOUT, 0};
    if (::poll(entries.data(), entries.size(), Timeout()) < 0) return;

    if (entries[kSignals].revents != 0) HandleSignal();
    if (entries[kEnd].revents != 0) TakeEnd();
    if (entries[kIn].revents != 0) ReadInput();
    if (entries[kOut].revents != 0) WriteOutput();
    HandleMaster(on_master, entries[kMaster].revents);
    if (OwesEnd() && absl::Now() >= next_end_) TypeEnd();
    if (absl::Now() >= kill_at_) {
      kill_at_ = absl::InfiniteFuture();
      pty_.child().Kill().IgnoreError();
    }
  }

  // In milliseconds, as poll(2) wants it.
  int Timeout() const {
    if (end_.has_value() && to_user_.empty()) return 0;  // what can still be read is there now
    const absl::Time until = std::min(kill_at_, OwesEnd() ? next_end_ : absl::InfiniteFuture());
    if (until == absl::InfiniteFuture()) return -1;
    const absl::Duration left = until - absl::Now();
    return static_cast<int>(std::clamp<std::int64_t>(absl::ToInt64Milliseconds(left) + 1, 0, 60 * 1000));
  }

  void TakeEnd() {
    const absl::StatusOr<std::optional<ExitStatus>> end = pty_.child().TryWait();
    if (!end.ok()) end_ = end.status();
    if (end.ok() && end->has_value()) end_ = Ended{**end, pty_.child().Usage()};
    if (!end_.has_value()) return;
    kill_at_ = absl::InfiniteFuture();
    to_command_.Clear();
    all_read_ = HungUp();
  }

  void ReadInput() {
    const ssize_t size = to_command_.ReadFrom(STDIN_FILENO);
    if (size < 0 && IsPassing(errno)) return;
    if (size > 0) {
      mid_line_ = to_command_.bytes().back() != '\n';
      return;
    }
    input_open_ = false;
    // A raw terminal has no end of file: this is a hang-up.
    if (raw_.IsTerminal()) HangUp("the terminal has been hung up");
  }

  void HandleMaster(short asked, short events) {
    if (HungUp()) return;
    // What a command wrote before its end can be read without waiting. The end was looked at first.
    if (end_.has_value() && (asked & POLLIN) != 0 && events == 0) all_read_ = true;
    if ((events & POLLIN) != 0) {
      const ssize_t size = to_user_.ReadFrom(pty_.master());
      if (size > 0 && end_.has_value()) read_after_end_ += static_cast<std::size_t>(size);
      // Background processes may write for ever.
      if ((size < 0 && !IsPassing(errno)) || read_after_end_ > kMostInFlight) all_read_ = true;
    } else if ((events & (POLLHUP | POLLERR)) != 0) {
      all_read_ = true;
    }
    if ((events & POLLOUT) != 0) {
      const ssize_t size = to_command_.WriteTo(pty_.master(), SIZE_MAX);
      if (size < 0 && !IsPassing(errno)) to_command_.Clear();
    }
  }

  void WriteOutput() {
    const ssize_t size = to_user_.WriteTo(out_.fd(), out_.most());
    if (size >= 0 || IsPassing(errno)) return;
    to_user_.Clear();
    all_read_ = true;
    HangUp("nobody reads the output");
  }

  // The end of the input, said as a user says it. In canonical mode the character ends a line that has begun, and means
  // the end where no line has; a line editor sees it as a key, and takes it for the end on an empty line. Either may
  // be lost when the command changes the mode before it reads. So it is typed again, less and less often, until the
  // command ends; but not while there is something that the command has not read.
  void TypeEnd() {
    pause_ = std::min(pause_ * 2, absl::Duration(absl::Seconds(1)));
    next_end_ = absl::Now() + pause_;
    pollfd unread = {slave_.get(), POLLIN, 0};
    termios modes = {};
    if (::poll(&unread, 1, 0) != 0 || ::tcgetattr(slave_.get(), &modes) != 0) return;
    if ((modes.c_lflag & ICANON) == 0 && std::exchange(mid_line_, false)) return to_command_.Set('\n');
    const cc_t key = modes.c_cc[VEOF];
    to_command_.Set(key == _POSIX_VDISABLE ? kEndOfFile : static_cast<char>(key));
  }

  void HandleSignal() {
    const int signal = signals_.Take(pty_.child());
    switch (signal) {
      case 0:
        return;
      case SIGWINCH:
        return CopySize();
      case SIGTSTP:
        return Stop();
      case SIGCONT:
        return Continue();
      default:
        break;
    }
    if (end_.has_value()) {
      // The output is all that is left to wait for.
      if (AsksToEnd(signal)) to_user_.Clear();
      all_read_ = all_read_ || AsksToEnd(signal);
      return;
    }
    const bool hangs_up = signal == SIGHUP || (AsksToEnd(signal) && means_ == RequestToEnd::kHangsUp);
    if (!hangs_up) return signals_.HandOn(pty_.child(), signal);
    if (!HungUp()) return HangUp("a signal asks to end");
    // A terminal that goes says so more than once.
    if (signal != SIGHUP) pty_.child().Kill().IgnoreError();
  }

  void HangUp(const char* why) {
    if (HungUp()) return;
    base::Log(base::LogLevel::kInfo, "hanging up: {}", why);
    slave_.reset();
    pty_.HangUp();
    to_command_.Clear();
    all_read_ = true;
    kill_at_ = absl::Now() + kHangUpPatience;
  }

  void CopySize() {
    if (HungUp()) return;
    if (const std::optional<WindowSize> size = OuterSize()) pty_.Resize(*size).IgnoreError();
  }

  void Stop() {
    raw_.Leave();
    sigset_t stop;
    ::sigemptyset(&stop);
    ::sigaddset(&stop, SIGTSTP);
    ::raise(SIGTSTP);
    ::pthread_sigmask(SIG_UNBLOCK, &stop, nullptr);  // leash stops in here, and goes on
    ::pthread_sigmask(SIG_BLOCK, &stop, nullptr);
    Continue();
  }

  void Continue() {
    raw_.Enter();
    CopySize();
  }

  Pty pty_;
  RawMode& raw_;
  SignalRelay& signals_;
  const RequestToEnd means_;
  const Out out_;
  base::UniqueFd slave_;
  Buffer to_command_, to_user_;
  bool input_open_ = true;
  bool mid_line_ = false;  // the input so far does not end with a line's end
  absl::Time next_end_ = absl::InfinitePast();
  absl::Duration pause_ = absl::Milliseconds(10);
  absl::Time kill_at_ = absl::InfiniteFuture();
  std::optional<absl::StatusOr<Ended>> end_;
  bool all_read_ = false;  // nothing more is read from the master
  std::size_t read_after_end_ = 0;
};

}  // namespace

absl::StatusOr<Ended> RunOnTerminal(Command& command, SignalRelay& signals, RequestToEnd means) {
  // A reader that goes away must not end leash before it has given the terminal back.
  ::signal(SIGPIPE, SIG_IGN);
  RawMode raw(STDIN_FILENO);
  PtyOptions options;
  options.size = OuterSize().value_or(WindowSize());
  options.settings_of = raw.IsTerminal() ? STDIN_FILENO : -1;
  options.echo = raw.IsTerminal();
  LEASH_ASSIGN_OR_RETURN(Pty pty, command.SpawnPty(options));
  return Relay(std::move(pty), raw, signals, means).Run();
}

}  // namespace leash::cli
