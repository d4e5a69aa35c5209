#include "leash_terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>

namespace leash::testing {
namespace {

using Clock = std::chrono::steady_clock;

}  // namespace

LeashTerminal::LeashTerminal(const std::string& binary, const Start& start) {
  master_ = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  ::unlockpt(master_);
  slave_ = ::ioctl(master_, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (slave_ < 0) ADD_FAILURE() << "no terminal: " << std::strerror(errno);
  Resize(33, 111);
  std::array<int, 2> reports = {-1, -1};
  if (::pipe2(reports.data(), O_CLOEXEC) != 0) ADD_FAILURE() << "no pipe";
  keeper_ = ::fork();
  if (keeper_ == 0) {
    ::close(master_);
    ::close(reports[0]);
    Keep(binary, start, reports[1]);
  }
  ::close(reports[1]);
  reports_ = reports[0];
  ::fcntl(master_, F_SETFL, O_RDWR | O_NONBLOCK);
  EXPECT_TRUE(ReadReport('P', leash_, 20)) << "leash was not started";
}

LeashTerminal::~LeashTerminal() {
  if (!ended_ && leash_ > 0) ::kill(leash_, SIGKILL);  // not reaped by the keeper: the number is still its
  ::kill(keeper_, SIGKILL);
  ::waitpid(keeper_, nullptr, 0);
  for (const int fd : {master_, slave_, reports_}) {
    if (fd >= 0) ::close(fd);
  }
}

void LeashTerminal::Keep(const std::string& binary, const Start& start, int reports) const {
  ::setsid();
  ::ioctl(slave_, TIOCSCTTY, 0);
  ::signal(SIGHUP, SIG_IGN);
  ::signal(SIGTTOU, SIG_IGN);
  const pid_t leash = ::fork();
  if (leash == 0) {
    ::setpgid(0, 0);
    ::tcsetpgrp(slave_, ::getpid());
    ::signal(SIGTTOU, SIG_DFL);
    ExecLeash(binary, start, {slave_, slave_, slave_});
  }
  const auto report = [&](char kind, int value) {
    const Report told = {kind, value};
    if (::write(reports, &told, sizeof(told)) != sizeof(told)) ::_exit(1);
  };
  report('P', leash);
  while (true) {
    siginfo_t info = {};
    // Looked at before it is reaped, so that nobody signals its number meanwhile.
    if (::waitid(P_PID, static_cast<id_t>(leash), &info, WEXITED | WSTOPPED) != 0) ::_exit(1);
    if (info.si_code == CLD_STOPPED) {
      report('S', info.si_status);
      continue;
    }
    report('E', info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status);
    ::_exit(0);
  }
}

bool LeashTerminal::ReadScreen(int timeout_ms) {
  pollfd entry = {master_, POLLIN, 0};
  if (master_ < 0 || ::poll(&entry, 1, timeout_ms) <= 0) return false;
  std::array<char, 65536> buffer;
  const ssize_t size = ::read(master_, buffer.data(), buffer.size());
  if (size > 0) screen_.append(buffer.data(), static_cast<std::size_t>(size));
  return size > 0;
}

void LeashTerminal::Type(std::string_view keys) {
  const auto deadline = Clock::now() + std::chrono::seconds(60);
  while (!keys.empty() && Clock::now() < deadline) {
    pollfd entry = {master_, POLLIN | POLLOUT, 0};
    if (::poll(&entry, 1, 1000) <= 0) continue;
    if ((entry.revents & POLLIN) != 0) ReadScreen(0);
    if ((entry.revents & POLLOUT) == 0) continue;
    const ssize_t size = ::write(master_, keys.data(), keys.size());
    if (size > 0) keys.remove_prefix(static_cast<std::size_t>(size));
  }
  EXPECT_TRUE(keys.empty()) << "leash does not read what is typed";
}

bool LeashTerminal::Shows(std::string_view text) {
  const auto deadline = Clock::now() + std::chrono::seconds(30);
  while (true) {
    if (const std::size_t at = screen_.find(text, seen_); at != std::string::npos) {
      seen_ = at + text.size();
      return true;
    }
    if (Clock::now() > deadline) return false;
    if (!ReadScreen(100) && ended_) return false;
  }
}

bool LeashTerminal::TypeUntilShows(std::string_view keys, std::string_view text) {
  const auto deadline = Clock::now() + std::chrono::seconds(30);
  while (Clock::now() < deadline) {
    Type(keys);
    for (int i = 0; i < 5; ++i) {
      ReadScreen(100);
      if (screen_.find(text, seen_) != std::string::npos) return Shows(text);
    }
  }
  return false;
}

void LeashTerminal::Resize(unsigned short rows, unsigned short columns) {
  const winsize size = {rows, columns, 0, 0};
  ::ioctl(master_, TIOCSWINSZ, &size);
}

int LeashTerminal::Size() const {
  winsize size = {};
  ::ioctl(slave_, TIOCGWINSZ, &size);
  return size.ws_row * 1000 + size.ws_col;
}

std::string LeashTerminal::State() const {
  termios modes = {};
  ::tcgetattr(slave_, &modes);
  std::string text;
  for (const tcflag_t flags : {modes.c_iflag, modes.c_oflag, modes.c_cflag, modes.c_lflag}) {
    text += std::to_string(flags) + ' ';
  }
  for (const cc_t key : modes.c_cc) text += std::to_string(key) + ' ';
  return text + std::to_string(::fcntl(slave_, F_GETFL));
}

bool LeashTerminal::IsRaw() const {
  termios modes = {};
  return ::tcgetattr(slave_, &modes) == 0 && (modes.c_lflag & (ICANON | ECHO | ISIG)) == 0;
}

bool LeashTerminal::BecomesRaw() const {
  for (int i = 0; i < 3000; ++i) {
    if (IsRaw()) return true;
    ::usleep(10000);
  }
  return false;
}

void LeashTerminal::Signal(int signal) const {
  if (!ended_) ::kill(leash_, signal);
}

bool LeashTerminal::ReadReport(char kind, int& value, int seconds) {
  const auto deadline = Clock::now() + std::chrono::seconds(seconds);
  while (Clock::now() < deadline) {
    ReadScreen(0);  // leash may wait for its reader
    pollfd entry = {reports_, POLLIN, 0};
    if (::poll(&entry, 1, 50) <= 0) continue;
    Report report = {};
    if (::read(reports_, &report, sizeof(report)) != sizeof(report)) return false;
    if (report.kind == 'E') ended_ = true;
    value = report.value;
    if (report.kind == kind) return true;
    if (ended_) return false;
  }
  return false;
}

bool LeashTerminal::Stops() {
  int signal = 0;
  return ReadReport('S', signal, 30) && signal == SIGTSTP;
}

void LeashTerminal::HangUp() {
  ::close(master_);
  master_ = -1;
}

int LeashTerminal::Finish() {
  int code = -1;
  if (!ReadReport('E', code, 60)) return -1;
  while (ReadScreen(0)) {
  }
  return code;
}

}  // namespace leash::testing
