// Compiled as launch_child.cc is: on borrowed memory.
#include "platform/linux/init_launch.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cerrno>

#include "platform/linux/child_steps.h"
#include "platform/linux/init_wire.h"
#include "platform/linux/raw_syscall.h"

namespace leash::platform {
namespace {

void WriteFile(InitOrder* order, const char* path, std::string_view text) {
  const long fd = Must(order, InitStage::kIdMaps, Sys(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CLOEXEC));
  Must(order, InitStage::kIdMaps, Sys(SYS_write, fd, text.data(), text.size()));
  Sys(SYS_close, fd);
}

// One user and one group, themselves. Giving up setgroups(2) first is what lets an ordinary user map a group: a group
// that a file denies something to cannot be left (user_namespaces(7)).
void MapIds(InitOrder* order) {
  if (order->uid_map.empty()) return;
  WriteFile(order, "/proc/self/setgroups", "deny");
  WriteFile(order, "/proc/self/uid_map", order->uid_map);
  WriteFile(order, "/proc/self/gid_map", order->gid_map);
}

// Nothing of the host's but the two: no stream that somebody waits for the end of, no file, no directory.
void ArrangeDescriptors(InitOrder* order) {
  constexpr int kAbove = 16;  // out of the way of the numbers that they will have
  const auto must = [&](long answer) { return Must(order, InitStage::kDescriptors, answer); };
  const long control = must(Sys(SYS_fcntl, order->control, F_DUPFD_CLOEXEC, kAbove));
  const long host = must(Sys(SYS_fcntl, order->host, F_DUPFD_CLOEXEC, kAbove));
  const long image = must(Sys(SYS_fcntl, order->image, F_DUPFD_CLOEXEC, kAbove));
  for (int stream = 0; stream < 3; ++stream) must(Sys(SYS_dup3, host, stream, 0));
  must(Sys(SYS_dup3, control, wire::kControl, 0));
  must(Sys(SYS_dup3, host, wire::kHost, 0));
  must(Sys(SYS_dup3, image, wire::kImage, O_CLOEXEC));
  must(Sys(SYS_close_range, static_cast<unsigned>(wire::kImage + 1), ~0U, 0U));
}

// A user other than root loses all capabilities on execution, but for those that are ambient. These are what the init
// process needs until the sandbox is made.
void KeepCapabilities(InitOrder* order) {
  constexpr int kKept[] = {CAP_SYS_ADMIN, CAP_SETPCAP, CAP_NET_ADMIN, CAP_NET_BIND_SERVICE};
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[2] = {};
  for (const int capability : kKept) {
    sets[0].effective |= 1U << capability;
  }
  sets[0].permitted = sets[0].inheritable = sets[0].effective;
  Must(order, InitStage::kCapabilities, Sys(SYS_capset, &header, &sets[0]));
  for (const int capability : kKept) {
    Must(order, InitStage::kCapabilities, Sys(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0));
  }
}

}  // namespace

int RunInitChild(void* argument) {
  auto* order = static_cast<InitOrder*>(argument);
  MapIds(order);
  ArrangeDescriptors(order);
  KeepCapabilities(order);
  char name[] = "leash-init";
  char* argv[] = {name, nullptr};
  char* environment[] = {nullptr};
  Fail(order, InitStage::kExec,
       Sys(SYS_execveat, wire::kImage, "", &argv[0], &environment[0], 0x1000 /* AT_EMPTY_PATH */));
}

}  // namespace leash::platform
