#include "base/descriptor_message.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstring>

#if !defined(MSG_CMSG_CLOEXEC)
#include <fcntl.h>
#endif

namespace leash::base {
namespace {

struct OneDescriptor {
  OneDescriptor() {
    header.msg_iov = &body;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
  }
  OneDescriptor(const OneDescriptor&) = delete;
  OneDescriptor& operator=(const OneDescriptor&) = delete;

  iovec body = {};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control = {};
  msghdr header = {};
};

}  // namespace

// A message has a byte at least: behind the text is one that stands for nothing.
bool SendDescriptor(int socket, int descriptor, std::string_view text) {
  std::string bytes(text.substr(0, kLongestText));
  bytes.push_back('\0');
  OneDescriptor message;
  message.body = {bytes.data(), bytes.size()};
  cmsghdr* const rights = CMSG_FIRSTHDR(&message.header);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(rights), &descriptor, sizeof(descriptor));
  return ::sendmsg(socket, &message.header, MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
}

bool ReceiveDescriptor(int socket, UniqueFd& descriptor, std::string* text) {
  std::array<char, kLongestText + 1> bytes;
  OneDescriptor message;
  message.body = {bytes.data(), bytes.size()};
  descriptor.reset();
#if defined(MSG_CMSG_CLOEXEC)
  constexpr int kFlags = MSG_DONTWAIT | MSG_CMSG_CLOEXEC;
#else
  constexpr int kFlags = MSG_DONTWAIT;
#endif
  const ssize_t got = ::recvmsg(socket, &message.header, kFlags);
  if (got == 0) errno = 0;
  if (got <= 0) return false;
  if (text != nullptr) text->assign(bytes.data(), static_cast<std::size_t>(got) - 1);
  const cmsghdr* const rights = CMSG_FIRSTHDR(&message.header);
  if (rights == nullptr || rights->cmsg_type != SCM_RIGHTS) return true;
  int received = -1;
  std::memcpy(&received, CMSG_DATA(rights), sizeof(received));
  descriptor.reset(received);
#if !defined(MSG_CMSG_CLOEXEC)
  ::fcntl(received, F_SETFD, FD_CLOEXEC);
#endif
  return true;
}

}  // namespace leash::base
