#include "platform/linux/socket_diagnostics.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <array>
#include <cstring>

namespace leash::platform {
namespace {

void SetAddress(const sockaddr_storage& address, __be16& port, __be32 (&bytes)[4]) {
  if (address.ss_family == AF_INET) {
    const auto& four = reinterpret_cast<const sockaddr_in&>(address);
    port = four.sin_port;
    bytes[0] = four.sin_addr.s_addr;
  } else {
    const auto& six = reinterpret_cast<const sockaddr_in6&>(address);
    port = six.sin6_port;
    std::memcpy(&bytes, &six.sin6_addr, sizeof(six.sin6_addr));
  }
}

}  // namespace

std::optional<SocketFacts> SocketDiagnostics::Find(const sockaddr_storage& own, const sockaddr_storage& peer,
                                                   int protocol) {
  struct {
    nlmsghdr head;
    inet_diag_req_v2 request;
  } question = {};
  question.head.nlmsg_len = sizeof(question);
  question.head.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  question.head.nlmsg_flags = NLM_F_REQUEST;
  question.head.nlmsg_seq = ++sequence_;
  question.request.sdiag_family = static_cast<__u8>(own.ss_family);
  question.request.sdiag_protocol = static_cast<__u8>(protocol);
  question.request.idiag_states = ~0U;
  // Of UDP the kernel takes them the other way round.
  const bool tcp = protocol == IPPROTO_TCP;
  SetAddress(tcp ? own : peer, question.request.id.idiag_sport, question.request.id.idiag_src);
  SetAddress(tcp ? peer : own, question.request.id.idiag_dport, question.request.id.idiag_dst);
  question.request.id.idiag_cookie[0] = question.request.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  sockaddr_nl kernel = {};
  kernel.nl_family = AF_NETLINK;
  if (::sendto(socket_.get(), &question, sizeof(question), 0, reinterpret_cast<const sockaddr*>(&kernel),
               sizeof(kernel)) != static_cast<ssize_t>(sizeof(question))) {
    return std::nullopt;
  }
  // The answer is there when sendto(2) comes back. Older ones, which nobody took, are passed over.
  alignas(nlmsghdr) std::array<char, 4096> buffer;
  while (true) {
    const ssize_t got = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < static_cast<ssize_t>(sizeof(nlmsghdr))) return std::nullopt;
    const auto* head = reinterpret_cast<const nlmsghdr*>(buffer.data());
    if (head->nlmsg_seq != sequence_) continue;
    if (head->nlmsg_type != SOCK_DIAG_BY_FAMILY || head->nlmsg_len < NLMSG_LENGTH(sizeof(inet_diag_msg)) ||
        head->nlmsg_len > static_cast<std::size_t>(got)) {
      return std::nullopt;
    }
    const auto& said = *reinterpret_cast<const inet_diag_msg*>(NLMSG_DATA(head));
    const std::uint64_t high = said.id.idiag_cookie[1];
    return SocketFacts{high << 32 | said.id.idiag_cookie[0], said.idiag_inode, said.idiag_state};
  }
}

// Without a peer the kernel looks among those that listen.
std::optional<SocketFacts> SocketDiagnostics::FindListener(const sockaddr_storage& own) {
  sockaddr_storage nobody = {};
  nobody.ss_family = own.ss_family;
  const std::optional<SocketFacts> found = Find(own, nobody);
  return found.has_value() && found->state == TCP_LISTEN ? found : std::nullopt;
}

std::uint64_t CookieOf(int socket) {
  std::uint64_t cookie = 0;
  socklen_t size = sizeof(cookie);
  return ::getsockopt(socket, SOL_SOCKET, SO_COOKIE, &cookie, &size) == 0 ? cookie : 0;
}

}  // namespace leash::platform
