// Compiled as launch_child.cc is: on borrowed memory.
#include "platform/linux/supervisor_bind.h"

#include <sys/prctl.h>
#include <sys/syscall.h>

#include "platform/linux/landlock_uapi.h"
#include "platform/linux/raw_syscall.h"

namespace leash::platform {
namespace {

long Bind(const BindOrder& order) {
  long done = order.directory < 0 ? 0 : Sys(SYS_fchdir, order.directory);
  Sys(SYS_umask, order.umask);
  if (done >= 0) done = Sys(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (done >= 0) done = Sys(landlock::kSysRestrictSelf, order.ruleset, 0);
  return done < 0 ? done : Sys(SYS_bind, order.socket, &order.address, order.size);
}

}  // namespace

int RunBindChild(void* argument) {
  auto* order = static_cast<BindOrder*>(argument);
  order->answer = Bind(*order);
  while (true) Sys(SYS_exit_group, 0);
}

}  // namespace leash::platform
