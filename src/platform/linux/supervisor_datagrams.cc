#include "platform/linux/supervisor_datagrams.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/arrived_connection.h"
#include "base/descriptor_message.h"
#include "platform/linux/internet_address.h"
#include "platform/linux/socket_diagnostics.h"
#include "platform/linux/socket_owner.h"

namespace leash::platform {
namespace {

constexpr int kTypeMask = 0xf;

bool HasHungUp(int socket) {
  pollfd state = {socket, 0, 0};
  return ::poll(&state, 1, 0) == 1 && (state.revents & (POLLHUP | POLLERR)) != 0;
}

}  // namespace

Answer DatagramSockets::Make(Caller& caller) {
  const int type = caller.IntArgument(1);
  const int protocol = caller.IntArgument(2);
  if (!IsInternet(caller.IntArgument(0)) || (type & kTypeMask) != SOCK_DGRAM) return -EPERM;
  if ((type & ~(kTypeMask | SOCK_CLOEXEC | SOCK_NONBLOCK)) != 0) return -EINVAL;
  if (protocol != 0 && protocol != IPPROTO_UDP) return -EPERM;
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0) return -errno;
  const base::UniqueFd own(pair[0]);
  base::UniqueFd service(pair[1]);
  const std::uint64_t cookie = CookieOf(own.get());
  if (cookie == 0) return -EPERM;
  if ((type & SOCK_NONBLOCK) == 0) (void)::fcntl(own.get(), F_SETFL, O_RDWR);
  MakeRoom();
  conversations_[cookie].service = std::move(service);
  const Answer given = ReplyWithDescriptor(caller.Listener(), caller.Id(), own.get(), (type & SOCK_CLOEXEC) != 0);
  if (given == 0) return kAnswered;
  conversations_.erase(cookie);
  return given;
}

// Forgets those that the program has closed, as far as that is known, and then the oldest.
void DatagramSockets::MakeRoom() {
  constexpr std::size_t kSweep = 64;
  const auto held = [&] {
    return std::count_if(conversations_.begin(), conversations_.end(),
                         [](const auto& one) { return one.second.service.get() >= 0; });
  };
  if (conversations_.size() % kSweep == kSweep - 1) {
    std::erase_if(conversations_,
                  [](const auto& one) { return one.second.service && HasHungUp(one.second.service.get()); });
  }
  constexpr std::ptrdiff_t kMostHeld = 256;
  if (conversations_.size() >= kSweep && held() >= kMostHeld) {
    conversations_.erase(std::find_if(conversations_.begin(), conversations_.end(),
                                      [](const auto& one) { return one.second.service.get() >= 0; }));
  }
  if (conversations_.size() >= kMost) conversations_.erase(conversations_.begin());  // cookies grow
}

DatagramSockets::Conversation* DatagramSockets::Find(int socket) {
  const auto found = conversations_.find(CookieOf(socket));
  return found == conversations_.end() ? nullptr : &found->second;
}

Answer DatagramSockets::Ask(const Caller& caller, Conversation& conversation, const sockaddr_storage& address,
                            socklen_t size) const {
  if (address.ss_family == AF_UNSPEC) {
    conversation.peer = {};
    return 0;
  }
  if (!IsWhole(address, size)) return IsInternet(address.ss_family) ? -EINVAL : -EAFNOSUPPORT;
  if (PortOf(address) != kDnsPort) return -ECONNREFUSED;
  if (conversation.service) {
    const base::Program program = identify_ ? ProgramOf(caller.Process()) : base::Program();
    if (!base::SendDescriptor(name_sockets_, conversation.service.get(), base::TextOf(program))) return -ECONNREFUSED;
    conversation.service.reset();
  }
  conversation.peer = address;
  return 0;
}

}  // namespace leash::platform
