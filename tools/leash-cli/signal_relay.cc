#include "signal_relay.h"

#include <poll.h>
#include <pthread.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <optional>

#include "base/log.h"

namespace leash::cli {
namespace {

constexpr std::array kRelayed = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH};

bool IsIgnored(int signal) {
  struct sigaction action = {};
  return ::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

// A terminal signals every process of its foreground group. A child in leash's own group has the signal already.
bool ChildHasItAlready(const signalfd_siginfo& info, pid_t child) {
  const bool from_terminal = info.ssi_code > 0;  // kill(2) and its kin: zero or less
  return from_terminal && ::getpgid(child) == ::getpgrp();
}

}  // namespace

bool AsksToEnd(int signal) { return signal == SIGINT || signal == SIGTERM || signal == SIGHUP; }

SignalRelay::SignalRelay(For use) {
  ::sigemptyset(&signals_);
  const auto add = [&](int signal) {
    if (!IsIgnored(signal)) ::sigaddset(&signals_, signal);
  };
  for (const int signal : kRelayed) add(signal);
  if (use == For::kTerminal) {
    add(SIGTSTP);
    add(SIGCONT);
  }
  // Ignored, it would throw away how children end.
  ::signal(SIGCHLD, SIG_DFL);
  ::sigaddset(&signals_, SIGCHLD);
  ::pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  fd_ = ::signalfd(-1, &signals_, SFD_CLOEXEC | SFD_NONBLOCK);
}

SignalRelay::~SignalRelay() { ::close(fd_); }

int SignalRelay::Take(const Child& child) {
  signalfd_siginfo info = {};
  if (::read(fd_, &info, sizeof(info)) != sizeof(info)) return 0;
  const int signal = static_cast<int>(info.ssi_signo);
  if (signal == SIGCHLD) ReapOrphans(child);
  return signal == SIGCHLD || ChildHasItAlready(info, child.Pid()) ? 0 : signal;
}

void SignalRelay::HandOn(Child& child, int signal) {
  if (AsksToEnd(signal)) ++requests_to_end_;
  base::Log(base::LogLevel::kInfo, "signal {}: {}", signal, requests_to_end_ > 1 ? "killing" : "handed on");
  // An error means that the child has ended meanwhile.
  (requests_to_end_ > 1 ? child.Kill() : child.Signal(signal)).IgnoreError();
}

absl::StatusOr<Ended> SignalRelay::WaitFor(Child& child) {
  while (true) {
    // Looked at first: the end may have come before the signals were blocked, or together with others.
    absl::StatusOr<std::optional<ExitStatus>> end = child.TryWait();
    if (!end.ok()) return end.status();
    if (end->has_value()) return Ended{**end, child.Usage()};
    std::array<pollfd, 2> entries = {{{child.EndFd(), POLLIN, 0}, {fd_, POLLIN, 0}}};
    if (::poll(entries.data(), entries.size(), -1) < 0) continue;
    if (const int signal = Take(child); signal != 0) HandOn(child, signal);
  }
}

}  // namespace leash::cli
