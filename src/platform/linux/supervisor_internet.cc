#include "platform/linux/supervisor_internet.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "base/descriptor_message.h"
#include "core/plan.h"
#include "platform/linux/socket_owner.h"

namespace leash::platform {
namespace {

constexpr std::uint16_t kDnsPort = 53;
constexpr std::size_t kLargestMessage = 65535;
// How long a connection may wait for room in the proxy's queue.
constexpr absl::Duration kConnectPatience = absl::Seconds(10);
constexpr int kTypeMask = 0xf;

// -1: it is no socket.
int FamilyOf(int socket) {
  int family = -1;
  socklen_t size = sizeof(family);
  return ::getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &family, &size) == 0 ? family : -1;
}

bool IsInternet(int family) { return family == AF_INET || family == AF_INET6; }

bool IsTcp(int socket) {
  int protocol = 0;
  socklen_t size = sizeof(protocol);
  return IsInternet(FamilyOf(socket)) && ::getsockopt(socket, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) == 0 &&
         protocol == IPPROTO_TCP;
}

bool IsBlocking(int socket) { return (::fcntl(socket, F_GETFL) & O_NONBLOCK) == 0; }

Answer ReadAddress(const Caller& caller, std::uint64_t from, std::uint64_t size, sockaddr_storage& address) {
  if (size < sizeof(sa_family_t) || size > sizeof(address)) return -EINVAL;
  address = {};
  return caller.Read(from, &address, size);
}

// Whether `size` bytes are an address of the internet.
bool IsWhole(const sockaddr_storage& address, socklen_t size) {
  constexpr socklen_t kShortest6 = 24;  // without a scope (RFC 2133)
  return (address.ss_family == AF_INET && size >= sizeof(sockaddr_in)) ||
         (address.ss_family == AF_INET6 && size >= kShortest6);
}

std::uint16_t PortOf(const sockaddr_storage& address) {
  return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);  // in both at the same place
}

// An IPv4 address that is written as one of IPv6 is that IPv4 address.
sockaddr_storage Unmapped(const sockaddr_storage& address) {
  const auto& six = reinterpret_cast<const sockaddr_in6&>(address);
  if (address.ss_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&six.sin6_addr)) return address;
  sockaddr_storage result = {};
  auto& four = reinterpret_cast<sockaddr_in&>(result);
  four.sin_family = AF_INET;
  four.sin_port = six.sin6_port;
  std::memcpy(&four.sin_addr, &six.sin6_addr.s6_addr[12], sizeof(four.sin_addr));
  return result;
}

// This machine: loopback, and the unspecified address, which means it too.
bool IsHere(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET) {
    const std::uint32_t four = ntohl(reinterpret_cast<const sockaddr_in&>(address).sin_addr.s_addr);
    return four >> 24 == 127 || four >> 24 == 0;
  }
  const auto& six = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
  return IN6_IS_ADDR_LOOPBACK(&six) || IN6_IS_ADDR_UNSPECIFIED(&six);
}

bool IsProxy(const sockaddr_storage& address) {
  if (PortOf(address) != core::kEgressPort) return false;
  if (address.ss_family == AF_INET) {
    return reinterpret_cast<const sockaddr_in&>(address).sin_addr.s_addr == htonl(INADDR_LOOPBACK);
  }
  return IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6&>(address).sin6_addr);
}

absl::Time WaitsUntil(int socket, int option) {
  timeval timeout = {};
  socklen_t size = sizeof(timeout);
  (void)::getsockopt(socket, SOL_SOCKET, option, &timeout, &size);
  const absl::Duration limit = absl::DurationFromTimeval(timeout);
  return limit == absl::ZeroDuration() ? absl::InfiniteFuture() : absl::Now() + limit;
}

bool HasHungUp(int socket) {
  pollfd state = {socket, 0, 0};
  return ::poll(&state, 1, 0) == 1 && (state.revents & (POLLHUP | POLLERR)) != 0;
}

// What may be set of a TCP socket. Not among them, and the reason for this list: IP_OPTIONS, IPV6_RTHDR and the old
// IPV6_2292PKTOPTIONS (source routes, by which a packet goes to another machine first), IPV6_PKTINFO (an interface),
// memberships (messages to the local network), IPV6_ADDRFORM (another family).
constexpr int kOptions4[] = {
    IP_TOS, IP_TTL, IP_RECVTOS, IP_RECVTTL, IP_MTU_DISCOVER, IP_RECVERR, IP_BIND_ADDRESS_NO_PORT};
constexpr int kAutoFlowLabel = 70;  // IPV6_AUTOFLOWLABEL
constexpr int kOptions6[] = {IPV6_V6ONLY,       IPV6_UNICAST_HOPS, IPV6_TCLASS,      IPV6_RECVTCLASS, IPV6_RECVHOPLIMIT,
                             IPV6_MTU_DISCOVER, IPV6_RECVERR,      IPV6_RECVPKTINFO, kAutoFlowLabel};

bool MaySet(int level, int option) {
  const auto in = [option](const auto& list) {
    return std::find(std::begin(list), std::end(list), option) != std::end(list);
  };
  return level == IPPROTO_IP ? in(kOptions4) : level == IPPROTO_IPV6 && in(kOptions6);
}

}  // namespace

std::optional<Answer> InternetSockets::Perform(Caller& caller, std::optional<WaitingCall>& waiting) {
  switch (caller.Number()) {
    case SYS_socket:
      return Make(caller);
    case SYS_connect:
      return Connect(caller, waiting);
    case SYS_bind:
      return Bind(caller);
    case SYS_listen:
      return Listen(caller);
    case SYS_sendto:
      return SendTo(caller);
    case SYS_recvfrom:
      return ReceiveFrom(caller, waiting);
    case SYS_setsockopt:
      return SetOption(caller);
    default:
      return std::nullopt;
  }
}

// socket(2) for datagrams.
Answer InternetSockets::Make(Caller& caller) {
  const int type = caller.IntArgument(1);
  const int protocol = caller.IntArgument(2);
  if (!IsInternet(caller.IntArgument(0)) || (type & kTypeMask) != SOCK_DGRAM) return -EPERM;
  if ((type & ~(kTypeMask | SOCK_CLOEXEC | SOCK_NONBLOCK)) != 0) return -EINVAL;
  if (protocol != 0 && protocol != IPPROTO_UDP) return -EPERM;
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0) return -errno;
  const base::UniqueFd own(pair[0]);
  base::UniqueFd service(pair[1]);
  std::uint64_t cookie = 0;
  socklen_t size = sizeof(cookie);
  if (::getsockopt(own.get(), SOL_SOCKET, SO_COOKIE, &cookie, &size) != 0) return -EPERM;
  if ((type & SOCK_NONBLOCK) == 0) (void)::fcntl(own.get(), F_SETFL, O_RDWR);
  MakeRoom();
  datagrams_[cookie].service = std::move(service);
  const Answer given = ReplyWithDescriptor(caller.Listener(), caller.Id(), own.get(), (type & SOCK_CLOEXEC) != 0);
  if (given == 0) return kAnswered;
  datagrams_.erase(cookie);
  return given;
}

// Forgets those that the program has closed, as far as that is known, and then the oldest.
void InternetSockets::MakeRoom() {
  constexpr std::size_t kSweep = 64;
  const auto held = [&] {
    return std::count_if(datagrams_.begin(), datagrams_.end(),
                         [](const auto& one) { return one.second.service.get() >= 0; });
  };
  if (datagrams_.size() % kSweep == kSweep - 1) {
    std::erase_if(datagrams_,
                  [](const auto& one) { return one.second.service && HasHungUp(one.second.service.get()); });
  }
  constexpr std::ptrdiff_t kMostHeld = 256;
  if (datagrams_.size() >= kSweep && held() >= kMostHeld) {
    datagrams_.erase(std::find_if(datagrams_.begin(), datagrams_.end(),
                                  [](const auto& one) { return one.second.service.get() >= 0; }));
  }
  if (datagrams_.size() >= kMostDatagrams) datagrams_.erase(datagrams_.begin());  // cookies grow
}

InternetSockets::Datagrams* InternetSockets::Find(int socket) {
  std::uint64_t cookie = 0;
  socklen_t size = sizeof(cookie);
  if (::getsockopt(socket, SOL_SOCKET, SO_COOKIE, &cookie, &size) != 0) return nullptr;
  const auto found = datagrams_.find(cookie);
  return found == datagrams_.end() ? nullptr : &found->second;
}

std::optional<Answer> InternetSockets::Connect(Caller& caller, std::optional<WaitingCall>& waiting) {
  base::UniqueFd socket;
  if (const Answer taken = caller.Take(caller.IntArgument(0), socket); taken != 0) return taken;
  const int family = FamilyOf(socket.get());
  Datagrams* const datagrams = family == AF_UNIX ? Find(socket.get()) : nullptr;
  if (family == AF_UNIX && datagrams == nullptr) return std::nullopt;
  sockaddr_storage address = {};
  const std::uint64_t size = caller.Argument(2) & 0xffffffff;
  if (const Answer read = ReadAddress(caller, caller.Argument(1), size, address); read != 0) return read;
  if (datagrams != nullptr) return Ask(*datagrams, address, static_cast<socklen_t>(size));
  if (!IsTcp(socket.get())) return family < 0 ? -ENOTSOCK : -EPERM;
  return ConnectStream(caller, std::move(socket), family, address, static_cast<socklen_t>(size), waiting);
}

// Whom a datagram socket speaks to from now on: a name server, or nobody.
Answer InternetSockets::Ask(Datagrams& datagrams, const sockaddr_storage& address, socklen_t size) {
  if (address.ss_family == AF_UNSPEC) {
    datagrams.peer = {};
    return 0;
  }
  if (!IsWhole(address, size)) return IsInternet(address.ss_family) ? -EINVAL : -EAFNOSUPPORT;
  if (PortOf(address) != kDnsPort) return -ECONNREFUSED;
  if (datagrams.service) {
    if (!base::SendDescriptor(egress_.name_sockets.get(), datagrams.service.get())) return -ECONNREFUSED;
    datagrams.service.reset();
  }
  datagrams.peer = address;
  return 0;
}

Answer InternetSockets::ConnectStream(Caller& caller, base::UniqueFd socket, int family,
                                      const sockaddr_storage& address, socklen_t size,
                                      std::optional<WaitingCall>& waiting) {
  if (address.ss_family == AF_UNSPEC) {
    if (!caller.Waits()) return -EPERM;
    sockaddr none = {};
    none.sa_family = AF_UNSPEC;
    return ::connect(socket.get(), &none, sizeof(none)) == 0 ? 0 : -errno;
  }
  if (address.ss_family != family) return -EAFNOSUPPORT;
  if (!IsWhole(address, size)) return -EINVAL;
  sockaddr_storage destination = Unmapped(address);
  const std::uint16_t port = PortOf(destination);
  if (IsProxy(destination)) {
    destination = {};  // AF_UNSPEC
  } else if (port == 0 || (IsHere(destination) && port != kDnsPort)) {
    return -ECONNREFUSED;  // nobody of the sandbox listens, and what listens there is the host's
  }
  base::ArrivedConnection meant{destination, 0, {}};
  if (egress_.identify) {
    if (const pid_t process = caller.Process(); process > 0) meant = {destination, process, ExecutableOf(process)};
  }
  if (!caller.Waits()) return -EPERM;
  const Answer connected = egress_.connections->Connect(socket.get(), meant);
  if (connected != -EAGAIN) return connected;
  const absl::Time until = std::min(absl::Now() + kConnectPatience, WaitsUntil(socket.get(), SO_SNDTIMEO));
  auto held = std::make_shared<base::UniqueFd>(std::move(socket));
  waiting.emplace();
  waiting->again = [connections = egress_.connections, held, meant](Caller&) {
    return connections->Connect(held->get(), meant);
  };
  waiting->until = until;
  waiting->late = -ETIMEDOUT;
  return -EAGAIN;
}

std::optional<Answer> InternetSockets::Bind(Caller& caller) {
  base::UniqueFd socket;
  if (const Answer taken = caller.Take(caller.IntArgument(0), socket); taken != 0) return taken;
  if (FamilyOf(socket.get()) != AF_UNIX) return -EPERM;
  if (Find(socket.get()) == nullptr) return std::nullopt;
  sockaddr_storage address = {};
  const std::uint64_t size = caller.Argument(2) & 0xffffffff;
  if (const Answer read = ReadAddress(caller, caller.Argument(1), size, address); read != 0) return read;
  // Some port: as resolvers do before they ask.
  return IsWhole(address, static_cast<socklen_t>(size)) && PortOf(address) == 0 ? 0 : -EPERM;
}

std::optional<Answer> InternetSockets::Listen(Caller& caller) {
  base::UniqueFd socket;
  if (const Answer taken = caller.Take(caller.IntArgument(0), socket); taken != 0) return taken;
  if (FamilyOf(socket.get()) != AF_UNIX) return -EPERM;
  if (Find(socket.get()) == nullptr) return std::nullopt;
  return -EOPNOTSUPP;
}

// With an address. Without one the call is the program's own.
Answer InternetSockets::SendTo(Caller& caller) {
  base::UniqueFd socket;
  if (const Answer taken = caller.Take(caller.IntArgument(0), socket); taken != 0) return taken;
  if (IsTcp(socket.get())) return -EISCONN;
  Datagrams* const datagrams = Find(socket.get());
  if (datagrams == nullptr) return -EPERM;
  const int flags = caller.IntArgument(3);
  const std::uint64_t size = caller.Argument(2);
  if ((flags & MSG_FASTOPEN) != 0) return -EOPNOTSUPP;
  if (size > kLargestMessage) return -EMSGSIZE;
  sockaddr_storage address = {};
  const std::uint64_t address_size = caller.Argument(5) & 0xffffffff;
  if (const Answer read = ReadAddress(caller, caller.Argument(4), address_size, address); read != 0) return read;
  std::vector<char> message(size);
  if (size > 0) {
    if (const Answer read = caller.Read(caller.Argument(1), message.data(), size); read != 0) return read;
  }
  if (!caller.Waits()) return -EPERM;
  if (const Answer asked = Ask(*datagrams, address, static_cast<socklen_t>(address_size)); asked != 0) return asked;
  const ssize_t sent = ::send(socket.get(), message.data(), size, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent >= 0) return sent;
  // A full queue loses a datagram.
  return errno == EAGAIN ? static_cast<Answer>(size) : errno == EPIPE ? -ECONNREFUSED : -errno;
}

// With an address, on whatever socket.
Answer InternetSockets::ReceiveFrom(Caller& caller, std::optional<WaitingCall>& waiting) {
  base::UniqueFd socket;
  if (const Answer taken = caller.Take(caller.IntArgument(0), socket); taken != 0) return taken;
  const Answer received = Receive(caller, socket.get());
  const bool waits = (caller.IntArgument(3) & (MSG_DONTWAIT | MSG_ERRQUEUE)) == 0 && IsBlocking(socket.get());
  if (received != -EAGAIN || !waits) return received;
  waiting.emplace();
  waiting->until = WaitsUntil(socket.get(), SO_RCVTIMEO);
  waiting->readable = socket.get();
  auto held = std::make_shared<base::UniqueFd>(std::move(socket));
  waiting->again = [this, held](Caller& again) { return Receive(again, held->get()); };
  return -EAGAIN;
}

Answer InternetSockets::Receive(Caller& caller, int socket) {
  const Datagrams* const datagrams = Find(socket);
  const int flags = caller.IntArgument(3);
  if (datagrams != nullptr && (flags & MSG_ERRQUEUE) != 0) return -EAGAIN;
  std::int32_t room = 0;
  if (const Answer read = caller.Read(caller.Argument(5), &room, sizeof(room)); read != 0) return read;
  if (room < 0) return -EINVAL;
  base::UniqueFd memory;
  if (const Answer opened = caller.OpenMemory(memory); opened != 0) return opened;
  std::vector<char> bytes(std::min<std::uint64_t>(caller.Argument(2), kLargestMessage));
  if (!caller.Waits()) return -EPERM;
  sockaddr_storage from = {};
  socklen_t from_size = sizeof(from);
  const ssize_t got = ::recvfrom(socket, bytes.data(), bytes.size(), flags | MSG_DONTWAIT,
                                 reinterpret_cast<sockaddr*>(&from), &from_size);
  if (got < 0) return -errno;
  if (datagrams != nullptr) {
    from = datagrams->peer;
    from_size = from.ss_family == AF_INET ? sizeof(sockaddr_in) : from.ss_family == AF_INET6 ? sizeof(sockaddr_in6) : 0;
  }
  const std::size_t size = std::min(bytes.size(), static_cast<std::size_t>(got));
  const auto whole = static_cast<std::int32_t>(from_size);
  Answer written = size == 0 ? 0 : Caller::WriteTo(memory, caller.Argument(1), bytes.data(), size);
  const std::size_t shown = std::min<std::size_t>(from_size, static_cast<std::size_t>(room));
  if (written == 0 && shown > 0) written = Caller::WriteTo(memory, caller.Argument(4), &from, shown);
  if (written == 0) written = Caller::WriteTo(memory, caller.Argument(5), &whole, sizeof(whole));
  return written == 0 ? got : written;
}

// Of the levels IPPROTO_IP and IPPROTO_IPV6.
Answer InternetSockets::SetOption(Caller& caller) {
  base::UniqueFd socket;
  if (const Answer taken = caller.Take(caller.IntArgument(0), socket); taken != 0) return taken;
  const int level = caller.IntArgument(1);
  const int option = caller.IntArgument(2);
  if (!MaySet(level, option)) return -ENOPROTOOPT;
  if (Find(socket.get()) != nullptr) return 0;
  if (!IsTcp(socket.get())) return -EOPNOTSUPP;
  std::array<char, 64> value;
  const int size = caller.IntArgument(4);
  if (size < 0 || static_cast<std::size_t>(size) > value.size()) return -EINVAL;
  if (const Answer read = caller.Read(caller.Argument(3), value.data(), static_cast<std::size_t>(size)); read != 0) {
    return read;
  }
  if (!caller.Waits()) return -EPERM;
  return ::setsockopt(socket.get(), level, option, value.data(), static_cast<socklen_t>(size)) == 0 ? 0 : -errno;
}

}  // namespace leash::platform
