// Steps of processes without libc, or on borrowed memory (launch_child.h, init_launch.h, init_set_up.h). To be included
// by such code alone: what is inline here is compiled as it is, without instrumentation.
#pragma once

#include <linux/capability.h>
#include <linux/securebits.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstdint>

#include "platform/linux/borrowed_state.h"
#include "platform/linux/raw_syscall.h"

namespace leash::platform {

// Leaves word in the order, which is the parent's memory, and ends.
template <typename Order, typename Stage>
[[noreturn]] void Fail(Order* order, Stage stage, long answer) {
  order->failed_stage = stage;
  order->failed_errno = static_cast<int>(-answer);
  while (true) Sys(SYS_exit_group, 127);
}

// The answer of a system call that must succeed.
template <typename Order, typename Stage>
long Must(Order* order, Stage stage, long answer) {
  if (answer < 0) Fail(order, stage, answer);
  return answer;
}

// Root without capabilities is a user who owns root's files. SECBIT_NOROOT keeps execve(2) from giving them back.
// A negative errno when some are left.
inline long DropAllCapabilities() {
  const long secured = Sys(SYS_prctl, PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED, 0, 0, 0);
  if (secured < 0 && secured != -EPERM) return secured;
  Sys(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  const __user_cap_data_struct none[2] = {};
  return Sys(SYS_capset, &header, &none[0]);
}

// The kernel's struct sigaction; libc's is another.
inline void SetDefaultAction(int signal) {
  struct {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)();
    std::uint64_t mask;
  } action = {SIG_DFL, 0, nullptr, 0};
  Sys(SYS_rt_sigaction, signal, &action, 0, 8);
}

// Lets the other side do something (BorrowedStart). A parent that was killed lets it wait until that kills it too.
inline void StopForParent(std::uint32_t* word) {
  SetBorrowedState(word, kStopped);
  WaitWhile(word, kStopped);
}

inline void SetSignalMask(std::uint64_t mask) { Sys(SYS_rt_sigprocmask, SIG_SETMASK, &mask, 0, 8); }

}  // namespace leash::platform
