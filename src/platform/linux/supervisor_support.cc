#include "platform/linux/supervisor_support.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

#include "base/blocked_signals.h"
#include "base/status.h"
#include "base/unique_fd.h"
#include "fmt/format.h"
#include "platform/linux/borrowed_clone.h"
#include "platform/linux/supervisor_notification.h"
#include "platform/linux/supervisor_try.h"

namespace leash::platform {
namespace {

constexpr long kAnswer = 1L << 40;  // no process id

std::string Lacking(std::string_view what, int error) { return fmt::format("{}: {}", what, base::ErrnoText(error)); }

// Empty: works.
std::string CheckPaths() {
  open_how how = {};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_NO_MAGICLINKS;
  const base::UniqueFd root(static_cast<int>(::syscall(SYS_openat2, AT_FDCWD, "/", &how, sizeof(how))));
  if (!root) return Lacking("openat2", errno);
  std::array<char, 32> self = {};
  const ssize_t size = ::readlink("/proc/self", self.data(), self.size() - 1);
  if (size <= 0 || std::string_view(self.data()) != std::to_string(::getpid())) {
    return "no /proc that shows this process";
  }
  return "";
}

std::string TakeListener(const BorrowedChild& child, int number, base::UniqueFd& listener) {
  if (number < 0) {
    return number == -EBUSY ? "leash runs under a supervisor itself" : Lacking("a filter with a listener", -number);
  }
  listener.reset(static_cast<int>(::syscall(SYS_pidfd_getfd, child.pidfd.get(), number, 0)));
  return listener ? "" : Lacking("pidfd_getfd", errno);
}

std::string AnswerCall(const BorrowedChild& child, const base::UniqueFd& listener, const TryOrder& order) {
  pollfd ready = {listener.get(), POLLIN, 0};
  if (::poll(&ready, 1, 5000) != 1 || (ready.revents & POLLIN) == 0) return "no call came";
  Notification notification;
  if (!notification.Receive(listener.get())) return Lacking("no call was received", errno);
  int copy = -1;
  const iovec local = {&copy, sizeof(copy)};
  const iovec remote = {const_cast<int*>(&order.listener), sizeof(copy)};
  const bool read = ::process_vm_readv(child.pid, &local, 1, &remote, 1, 0) == sizeof(copy);
  const std::string failed = read ? "" : Lacking("process_vm_readv", errno);
  Reply(listener.get(), notification.value().id, kAnswer);
  return failed;
}

// In a thread that the caller gives away.
std::string Try() {
  if (std::string failed = CheckPaths(); !failed.empty()) return failed;
  if (!DropThreadCapabilities()) return Lacking("capset", errno);
  BorrowedStart start;
  TryOrder order;
  order.stop = start.word();
  order.parent = ::getpid();
  const auto child = start.Clone(&RunTryChild, &order, 0);
  if (!child.ok()) return std::string(child.status().message());
  base::UniqueFd listener;
  std::string failed = "the trying process ended";
  if (start.WaitForStop()) {
    failed = TakeListener(*child, order.listener, listener);
    if (!failed.empty()) order.listener = -1;  // it ends without a call that nobody would answer
    start.Continue();
    if (failed.empty()) failed = AnswerCall(*child, listener, order);
  }
  listener.reset();  // a call that is not answered fails now
  start.Wait();
  siginfo_t info;
  while (::waitid(P_PIDFD, static_cast<id_t>(child->pidfd.get()), &info, WEXITED | __WALL) != 0 && errno == EINTR) {
  }
  return failed.empty() && order.answer != kAnswer ? "the call was not answered" : failed;
}

void* RunTry(void* why_not) {
  *static_cast<std::string*>(why_not) = Try();
  return nullptr;
}

}  // namespace

SupervisorSupport TrySupervisor() {
  SupervisorSupport support;
  const base::BlockedSignals blocked;
  pthread_t thread;
  const int error = ::pthread_create(&thread, nullptr, &RunTry, &support.why_not);
  if (error == 0) {
    ::pthread_join(thread, nullptr);
  } else {
    support.why_not = Lacking("a thread", error);
  }
  return support;
}

const SupervisorSupport& SupervisorSupportOfProcess() {
  static const SupervisorSupport* const support = new SupervisorSupport(TrySupervisor());
  return *support;
}

std::string NotObserved(const SupervisorSupport& support) {
  return fmt::format("system calls that are refused, and closed paths that a program looked for: {}", support.why_not);
}

}  // namespace leash::platform
