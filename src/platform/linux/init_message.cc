#include "platform/linux/init_message.h"

#include <sys/socket.h>

#include <cerrno>

namespace leash::platform::init {

bool Receive(int socket, Message& message) {
  iovec body = {&message.request, sizeof(message.request)};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(message.fds))] = {};
  msghdr header = {};
  header.msg_iov = &body;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof(control);
  long size;
  do {
    size = Sys(SYS_recvmsg, socket, &header, MSG_CMSG_CLOEXEC);
  } while (size == -EINTR);
  if (size != sizeof(message.request) || (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) return false;
  const cmsghdr* attached = CMSG_FIRSTHDR(&header);
  if (attached == nullptr) return true;
  message.fd_count = static_cast<int>((attached->cmsg_len - CMSG_LEN(0)) / sizeof(int));
  for (int i = 0; i < message.fd_count; ++i) message.fds[i] = reinterpret_cast<const int*>(CMSG_DATA(attached))[i];
  return true;
}

bool Send(int socket, const wire::Answer& answer, const int* fds, int count) {
  iovec body = {const_cast<wire::Answer*>(&answer), sizeof(answer)};
  alignas(cmsghdr) char control[CMSG_SPACE(wire::kMostAnswerDescriptors * sizeof(int))] = {};
  msghdr header = {};
  header.msg_iov = &body;
  header.msg_iovlen = 1;
  if (count > 0) {
    const std::size_t size = static_cast<std::size_t>(count) * sizeof(int);
    header.msg_control = control;
    header.msg_controllen = CMSG_SPACE(size);
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(size);
    auto* attached = reinterpret_cast<int*>(CMSG_DATA(rights));
    for (int i = 0; i < count; ++i) attached[i] = fds[i];
  }
  return Sys(SYS_sendmsg, socket, &header, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
}

}  // namespace leash::platform::init
