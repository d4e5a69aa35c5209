// Compiled without sanitizers and without stack protection (src/CMakeLists.txt): this code runs in a process that
// borrows the memory and the thread of its parent.
#include "platform/linux/launch_child.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "platform/linux/landlock_uapi.h"

namespace leash::platform {
namespace {

[[noreturn]] void Fail(LaunchOrder* order, LaunchStage stage, int error) {
  order->failed_stage = stage;
  order->failed_errno = error;
  while (true) ::syscall(SYS_exit_group, 127);
}

// Handlers are the parent's code and ignored signals its habit: a program starts with neither.
void ResetSignals() {
  struct {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)();
    std::uint64_t mask;
  } action = {SIG_DFL, 0, nullptr, 0};
  for (int signal = 1; signal < 65; ++signal) {
    if (signal != SIGKILL && signal != SIGSTOP) ::syscall(SYS_rt_sigaction, signal, &action, nullptr, 8);
  }
  const std::uint64_t none = 0;
  ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, 8);
}

// Root without capabilities is a user who owns root's files. SECBIT_NOROOT keeps execve(2) from giving them back.
void DropCapabilities(LaunchOrder* order) {
  if (::syscall(SYS_prctl, PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED, 0, 0, 0) != 0 && errno != EPERM) {
    Fail(order, LaunchStage::kCapabilities, errno);
  }
  ::syscall(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  const __user_cap_data_struct none[2] = {};
  if (::syscall(SYS_capset, &header, none) != 0) Fail(order, LaunchStage::kCapabilities, errno);
}

// The confinement proves itself: each of these must be refused, with the reason that our rules give.
void SelfTest(LaunchOrder* order) {
  const auto must_fail = [&](long result, int expected) {
    if (result >= 0) Fail(order, LaunchStage::kSelfTest, 0);
    if (errno != expected) Fail(order, LaunchStage::kSelfTest, errno);
  };
  must_fail(::syscall(SYS_ptrace, 0, 0, 0, 0), EPERM);
  if (order->sockets_refused) must_fail(::syscall(SYS_socket, AF_INET, SOCK_STREAM, 0), EPERM);
  if (order->canary != nullptr) must_fail(::syscall(SYS_openat, AT_FDCWD, order->canary, O_RDONLY | O_CLOEXEC), EACCES);
  if (order->signals_scoped) must_fail(::syscall(SYS_kill, order->parent, 0), EPERM);
}

}  // namespace

int RunLaunchChild(void* argument) {
  auto* order = static_cast<LaunchOrder*>(argument);
  ResetSignals();

  ::syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  // The parent may have died before that took effect.
  if (::syscall(SYS_getppid) != order->parent) Fail(order, LaunchStage::kParentDied, 0);

  if (order->new_session && ::syscall(SYS_setsid) < 0) Fail(order, LaunchStage::kSession, errno);
  for (int i = 0; i < 3; ++i) {
    if (::syscall(SYS_dup3, order->stdio[static_cast<std::size_t>(i)], i, 0) < 0)
      Fail(order, LaunchStage::kStdio, errno);
  }
  if (::syscall(SYS_fchdir, order->current_dir) != 0) Fail(order, LaunchStage::kCurrentDir, errno);
  for (std::size_t i = 0; i < order->limit_count; ++i) {
    const LimitValue& limit = order->limits[i];
    if (::syscall(SYS_prlimit64, 0, limit.resource, &limit.value, nullptr) != 0)
      Fail(order, LaunchStage::kLimits, errno);
  }

  if (order->drop_capabilities) DropCapabilities(order);
  if (::syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) Fail(order, LaunchStage::kNoNewPrivs, errno);
  if (::syscall(landlock::kSysRestrictSelf, order->ruleset, order->restrict_flags) != 0) {
    Fail(order, LaunchStage::kLandlock, errno);
  }
  if (::syscall(SYS_close_range, 3U, ~0U, 0U) != 0) Fail(order, LaunchStage::kCloseDescriptors, errno);
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &order->filter) != 0) {
    Fail(order, LaunchStage::kSeccomp, errno);
  }
  SelfTest(order);

  ::syscall(SYS_execve, order->program, order->argv, order->environment);
  Fail(order, LaunchStage::kExec, errno);
}

}  // namespace leash::platform
