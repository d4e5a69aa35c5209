#include "platform/linux/supervisor_notification.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>

namespace leash::platform {
namespace {

// What <linux/seccomp.h> of older distributions does not have.
constexpr unsigned long kSetFlags = SECCOMP_IOW(4, std::uint64_t);
constexpr std::uint64_t kSyncWakeUp = 1;

}  // namespace

Notification::Notification() {
  seccomp_notif_sizes sizes = {};
  (void)::syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes);
  words_.resize((std::max<std::size_t>(sizes.seccomp_notif, sizeof(seccomp_notif)) + 7) / 8);
}

bool Notification::Receive(int listener) {
  std::fill(words_.begin(), words_.end(), 0);  // or the kernel refuses
  return ::ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, words_.data()) == 0;
}

void Reply(int listener, std::uint64_t id, Answer answer) {
  seccomp_notif_resp response = {};
  response.id = id;
  if (answer < 0) {
    response.error = static_cast<std::int32_t>(answer);
  } else {
    response.val = answer;
  }
  (void)::ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
}

Answer ReplyWithDescriptor(int listener, std::uint64_t id, int descriptor, bool close_on_exec) {
  seccomp_notif_addfd add = {};
  add.id = id;
  add.flags = SECCOMP_ADDFD_FLAG_SEND;
  add.srcfd = static_cast<std::uint32_t>(descriptor);
  add.newfd_flags = close_on_exec ? O_CLOEXEC : 0;
  return ::ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add) >= 0 ? 0 : -errno;
}

void LetGoOn(int listener, std::uint64_t id) {
  seccomp_notif_resp response = {};
  response.id = id;
  response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  (void)::ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
}

void SetSyncWakeUp(int listener) { (void)::ioctl(listener, kSetFlags, kSyncWakeUp); }

bool DropThreadCapabilities() {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  const __user_cap_data_struct none[2] = {};
  return ::syscall(SYS_capset, &header, &none[0]) == 0;
}

}  // namespace leash::platform
