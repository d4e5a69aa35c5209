#include "signal_relay.h"

#include <pthread.h>
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

bool AsksToEnd(int signal) { return signal == SIGINT || signal == SIGTERM || signal == SIGHUP; }

// A terminal signals every process of its foreground group. A child in leash's own group has the signal already.
bool ChildHasItAlready(const siginfo_t& info, pid_t child) {
  const bool from_terminal = info.si_code > 0;  // kill(2) and its kin: zero or less
  return from_terminal && ::getpgid(child) == ::getpgrp();
}

}  // namespace

SignalRelay::SignalRelay() {
  ::sigemptyset(&signals_);
  for (const int signal : kRelayed) {
    if (!IsIgnored(signal)) ::sigaddset(&signals_, signal);
  }
  // Ignored, it would throw away how children end.
  ::signal(SIGCHLD, SIG_DFL);
  ::sigaddset(&signals_, SIGCHLD);
  ::pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
}

absl::StatusOr<ExitStatus> SignalRelay::WaitFor(Child& child) {
  int requests_to_end = 0;
  while (true) {
    // Looked at first: the end may have come before the signals were blocked, or together with others.
    absl::StatusOr<std::optional<ExitStatus>> end = child.TryWait();
    if (!end.ok()) return end.status();
    if (end->has_value()) return **end;
    siginfo_t info = {};
    const int signal = ::sigwaitinfo(&signals_, &info);
    if (signal == SIGCHLD) ReapOrphans(child);
    if (signal < 0 || signal == SIGCHLD || ChildHasItAlready(info, child.Pid())) continue;
    if (AsksToEnd(signal)) ++requests_to_end;
    base::Log(base::LogLevel::kInfo, "signal {}: {}", signal, requests_to_end > 1 ? "killing" : "handed on");
    // An error means that the child has ended meanwhile.
    (requests_to_end > 1 ? child.Kill() : child.Signal(signal)).IgnoreError();
  }
}

}  // namespace leash::cli
