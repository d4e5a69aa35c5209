// Compiled as launch_child.cc is: on borrowed memory.
#include "platform/linux/supervisor_try.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cstddef>

#include "platform/linux/child_steps.h"
#include "platform/linux/raw_syscall.h"

namespace leash::platform {

int RunTryChild(void* argument) {
  auto* order = static_cast<TryOrder*>(argument);
  sock_filter instructions[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program = {4, instructions};
  Sys(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (Sys(SYS_getppid) != order->parent) {  // it died before that took effect
    while (true) Sys(SYS_exit_group, 0);
  }
  DropAllCapabilities();
  Sys(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  const long listener = Sys(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                            SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &program);
  order->listener = static_cast<int>(listener);
  StopForParent(order->stop);
  // Or a call that nobody answers would wait for whoever holds this: for itself.
  if (listener >= 0) Sys(SYS_close, listener);
  if (order->listener >= 0) order->answer = Sys(SYS_getppid);
  while (true) Sys(SYS_exit_group, 0);
}

}  // namespace leash::platform
