#include "platform/linux/init_egress.h"

#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cerrno>

#include "platform/linux/raw_syscall.h"

namespace leash::platform::init {
namespace {

using wire::EgressOrder;
using wire::NetlinkStep;
using wire::SetUpStage;

constexpr int kFlags = SOCK_CLOEXEC | SOCK_NONBLOCK;
constexpr std::uint16_t kDns = 53;

constexpr std::uint16_t NetworkOrder(std::uint16_t value) {
  return static_cast<std::uint16_t>(value << 8 | value >> 8);  // both architectures are little-endian
}

// Each acknowledgement is an error of 0. They are all there when sendto(2) comes back: the kernel carries messages out
// in the call.
long ReadAcknowledgements(long fd, std::uint32_t wanted) {
  alignas(nlmsghdr) char buffer[8192];
  while (wanted > 0) {
    const long size = Sys(SYS_recvfrom, fd, &buffer[0], sizeof(buffer), MSG_DONTWAIT, 0, 0);
    if (size < 0) return size == -EAGAIN ? -EPROTO : size;
    for (long at = 0; at + static_cast<long>(NLMSG_HDRLEN) <= size;) {
      const auto* head = reinterpret_cast<const nlmsghdr*>(&buffer[at]);
      const bool whole = head->nlmsg_len >= NLMSG_LENGTH(sizeof(nlmsgerr)) && head->nlmsg_len <= size - at;
      if (!whole || head->nlmsg_type != NLMSG_ERROR || wanted == 0) return -EPROTO;
      const int error = reinterpret_cast<const nlmsgerr*>(NLMSG_DATA(head))->error;
      if (error != 0) return error;
      --wanted;
      at += static_cast<long>(NLMSG_ALIGN(head->nlmsg_len));
    }
  }
  return 0;
}

long Carry(const NetlinkStep& step, const char* arena) {
  const long fd = Sys(SYS_socket, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, step.protocol);
  if (fd < 0) return fd;
  sockaddr_nl kernel = {};
  kernel.nl_family = AF_NETLINK;
  long result = Sys(SYS_sendto, fd, arena + step.messages, step.size, 0, &kernel, sizeof(kernel));
  if (result >= 0) result = ReadAcknowledgements(fd, step.acknowledgements);
  Sys(SYS_close, fd);
  return result;
}

long SetOption(long fd, int level, int name, int value) {
  return Sys(SYS_setsockopt, fd, level, name, &value, sizeof(value));
}

// On every address or on that of loopback.
long Bind(long fd, int family, std::uint16_t port, bool loopback) {
  if (family == AF_INET) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = NetworkOrder(port);
    address.sin_addr.s_addr = loopback ? 0x0100007f : 0;  // 127.0.0.1, as it stands in memory
    return Sys(SYS_bind, fd, &address, sizeof(address));
  }
  sockaddr_in6 address = {};
  address.sin6_family = AF_INET6;
  address.sin6_port = NetworkOrder(port);
  address.sin6_addr.s6_addr[15] = loopback ? 1 : 0;
  const long alone = SetOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  return alone < 0 ? alone : Sys(SYS_bind, fd, &address, sizeof(address));
}

long Listener(int family, std::uint16_t port, bool loopback) {
  constexpr int kBacklog = 4096;  // the kernel has a limit of its own, net.core.somaxconn
  const long fd = Sys(SYS_socket, family, SOCK_STREAM | kFlags, IPPROTO_TCP);
  if (fd < 0) return fd;
  long result = Bind(fd, family, port, loopback);
  if (result >= 0) result = Sys(SYS_listen, fd, kBacklog);
  if (result >= 0) return fd;
  Sys(SYS_close, fd);
  return result;
}

long Resolver(int family) {
  const long fd = Sys(SYS_socket, family, SOCK_DGRAM | kFlags, IPPROTO_UDP);
  if (fd < 0) return fd;
  long result =
      family == AF_INET ? SetOption(fd, IPPROTO_IP, IP_PKTINFO, 1) : SetOption(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
  // To answer from addresses that only the route makes local: of IPv6 the kernel asks for one that an interface has.
  if (result >= 0 && family == AF_INET6) result = SetOption(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1);
  if (result >= 0) result = Bind(fd, family, kDns, false);
  if (result >= 0) return fd;
  Sys(SYS_close, fd);
  return result;
}

// Without IPv6 nothing was ordered for it, so nothing may speak it.
long MustHaveNoIpv6() {
  const long fd = Sys(SYS_socket, AF_INET6, SOCK_STREAM | kFlags, 0);
  if (fd == -EAFNOSUPPORT) return 0;
  if (fd >= 0) Sys(SYS_close, fd);
  return fd >= 0 ? -EEXIST : fd;
}

long OpenIntake(const EgressOrder& order, EgressResult& result) {
  long last = 0;
  const auto keep = [&](long fd) {
    last = fd;
    if (fd >= 0) result.fds[result.count++] = static_cast<int>(fd);
    return fd >= 0;
  };
  const auto listen = [&](int family) {
    if (!keep(Listener(family, order.port, true))) return false;
    const int spare = result.redirection_error < 0 ? order.spare_port_count : 0;
    for (int i = 0; i < spare; ++i) {
      if (!keep(Listener(family, order.spare_ports[i], false))) return false;
    }
    return true;
  };
  if (!listen(AF_INET) || (order.ipv6 && !listen(AF_INET6))) return last;
  result.listeners = result.count;
  if (!keep(Resolver(AF_INET)) || (order.ipv6 && !keep(Resolver(AF_INET6)))) return last;
  if (order.diagnostics) keep(Sys(SYS_socket, AF_NETLINK, SOCK_RAW | kFlags, NETLINK_SOCK_DIAG));
  return last;
}

}  // namespace

EgressResult SetUpEgress(const EgressOrder& order, const char* arena) {
  EgressResult result;
  const auto failed = [&](SetUpStage stage, long error) {
    result.stage = stage;
    result.error = error;
    return result;
  };
  if (const long error = order.ipv6 ? 0 : MustHaveNoIpv6(); error < 0) return failed(SetUpStage::kIpv6, error);
  const auto* steps = reinterpret_cast<const NetlinkStep*>(arena + order.steps);
  for (std::uint32_t i = 0; i < order.step_count; ++i) {
    const long error = Carry(steps[i], arena);
    if (error >= 0) continue;
    if (steps[i].stage != SetUpStage::kRedirection) return failed(steps[i].stage, error);
    result.redirection_error = error;
  }
  if (!order.intake) return result;
  if (const long error = OpenIntake(order, result); error < 0) return failed(SetUpStage::kIntake, error);
  return result;
}

}  // namespace leash::platform::init
