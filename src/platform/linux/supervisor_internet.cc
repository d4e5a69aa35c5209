#include "platform/linux/supervisor_internet.h"

#include <fcntl.h>
#include <netinet/in.h>
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
#include "core/plan.h"
#include "platform/linux/internet_address.h"
#include "platform/linux/socket_owner.h"
#include "platform/linux/unblocked_calls.h"

namespace leash::platform {
namespace {

constexpr std::size_t kLargestMessage = 65535;
// How long a connection may wait for room in a listener's queue.
constexpr absl::Duration kConnectPatience = absl::Seconds(10);

bool IsTcp(int socket) {
  int protocol = 0;
  socklen_t size = sizeof(protocol);
  return IsInternet(FamilyOf(socket)) && ::getsockopt(socket, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) == 0 &&
         protocol == IPPROTO_TCP;
}

Answer ReadAddress(const Caller& caller, std::uint64_t from, std::uint64_t size, sockaddr_storage& address) {
  if (size < sizeof(sa_family_t) || size > sizeof(address)) return -EINVAL;
  address = {};
  return caller.Read(from, &address, size);
}

absl::Time WaitsUntil(int socket, int option) {
  timeval timeout = {};
  socklen_t size = sizeof(timeout);
  (void)::getsockopt(socket, SOL_SOCKET, option, &timeout, &size);
  const absl::Duration limit = absl::DurationFromTimeval(timeout);
  return limit == absl::ZeroDuration() ? absl::InfiniteFuture() : absl::Now() + limit;
}

// An address that a call gives back: as much of it as the caller has room for, and its length.
class ReturnedAddress {
 public:
  // The indices of the arguments that point to them.
  ReturnedAddress(const Caller& caller, unsigned address, unsigned length)
      : caller_(caller), address_(caller.Argument(address)), length_(caller.Argument(length)) {}

  // Before the caller is known to wait, and so before anything is done.
  Answer Prepare() {
    if (const Answer read = caller_.Read(length_, &room_, sizeof(room_)); read != 0) return read;
    return room_ < 0 ? -EINVAL : caller_.OpenMemory(memory_);
  }
  const base::UniqueFd& memory() const { return memory_; }

  Answer Write(const sockaddr_storage& address, socklen_t size) const {
    const auto whole = static_cast<std::int32_t>(size);
    const std::size_t shown = std::min<std::size_t>(size, static_cast<std::size_t>(room_));
    if (shown > 0) {
      if (const Answer written = Caller::WriteTo(memory_, address_, &address, shown); written != 0) return written;
    }
    return Caller::WriteTo(memory_, length_, &whole, sizeof(whole));
  }

 private:
  const Caller& caller_;
  const std::uint64_t address_;
  const std::uint64_t length_;
  std::int32_t room_ = 0;
  base::UniqueFd memory_;
};

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
      return datagrams_.Make(caller);
    case SYS_connect:
      return Connect(caller, waiting);
    case SYS_bind:
      return Bind(caller);
    case SYS_listen:
      return Listen(caller);
    case SYS_accept:
    case SYS_accept4:
      return Accept(caller, waiting);
    case SYS_getsockname:
      return Name(caller);
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

std::optional<Answer> InternetSockets::Connect(Caller& caller, std::optional<WaitingCall>& waiting) {
  base::UniqueFd socket;
  if (const Answer taken = caller.Take(caller.IntArgument(0), socket); taken != 0) return taken;
  const int family = FamilyOf(socket.get());
  DatagramSockets::Conversation* const datagrams = family == AF_UNIX ? datagrams_.Find(socket.get()) : nullptr;
  if (family == AF_UNIX && datagrams == nullptr) return std::nullopt;
  sockaddr_storage address = {};
  const std::uint64_t size = caller.Argument(2) & 0xffffffff;
  if (const Answer read = ReadAddress(caller, caller.Argument(1), size, address); read != 0) return read;
  if (datagrams != nullptr) return datagrams_.Ask(caller, *datagrams, address, static_cast<socklen_t>(size));
  if (!IsTcp(socket.get())) return family < 0 ? -ENOTSOCK : -EPERM;
  return ConnectStream(caller, std::move(socket), family, address, static_cast<socklen_t>(size), waiting);
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
  if (port == 0) return -ECONNREFUSED;
  const bool way_out = network_.connections != nullptr;
  std::function<Answer(int socket)> connect;
  if (IsHere(destination) && !(way_out && (port == kDnsPort || IsProxy(destination)))) {
    connect = [loopback = network_.loopback, destination](int from) { return loopback->Connect(from, destination); };
  } else if (!way_out) {
    return -ENETUNREACH;
  } else {
    const base::ArrivedConnection meant{IsProxy(destination) ? sockaddr_storage() : destination,
                                        network_.identify ? ProgramOf(caller.Process()) : base::Program()};
    connect = [connections = network_.connections, meant](int from) { return connections->Connect(from, meant); };
  }
  if (!caller.Waits()) return -EPERM;
  const Answer connected = connect(socket.get());
  if (connected != -EAGAIN) return connected;
  waiting.emplace();
  waiting->until = std::min(absl::Now() + kConnectPatience, WaitsUntil(socket.get(), SO_SNDTIMEO));
  waiting->late = -ETIMEDOUT;
  auto held = std::make_shared<base::UniqueFd>(std::move(socket));
  waiting->again = [held, connect = std::move(connect)](Caller&) { return connect(held->get()); };
  return -EAGAIN;
}

std::optional<Answer> InternetSockets::Bind(Caller& caller) {
  base::UniqueFd socket;
  if (const Answer taken = caller.Take(caller.IntArgument(0), socket); taken != 0) return taken;
  const int family = FamilyOf(socket.get());
  const bool datagrams = family == AF_UNIX && datagrams_.Find(socket.get()) != nullptr;
  if (family == AF_UNIX && !datagrams) return std::nullopt;
  sockaddr_storage address = {};
  const std::uint64_t size = caller.Argument(2) & 0xffffffff;
  if (const Answer read = ReadAddress(caller, caller.Argument(1), size, address); read != 0) return read;
  const bool whole = IsWhole(address, static_cast<socklen_t>(size));
  // Some port: as resolvers do before they ask.
  if (datagrams) return whole && PortOf(address) == 0 ? 0 : -EPERM;
  if (!IsTcp(socket.get())) return family < 0 ? -ENOTSOCK : -EPERM;
  if (!whole) return -EINVAL;
  if (address.ss_family != family) return -EAFNOSUPPORT;
  if (network_.connections != nullptr && PortOf(address) == core::kEgressPort) return -EADDRINUSE;
  if (!caller.Waits()) return -EPERM;
  return network_.loopback->Bind(socket.get(), address);
}

std::optional<Answer> InternetSockets::Listen(Caller& caller) {
  base::UniqueFd socket;
  if (const Answer taken = caller.Take(caller.IntArgument(0), socket); taken != 0) return taken;
  const int family = FamilyOf(socket.get());
  if (family == AF_UNIX) return datagrams_.Find(socket.get()) == nullptr ? std::nullopt : std::optional(-EOPNOTSUPP);
  if (!IsTcp(socket.get())) return family < 0 ? -ENOTSOCK : -EPERM;
  if (!caller.Waits()) return -EPERM;
  return network_.loopback->Listen(socket.get(), caller.IntArgument(1));
}

// On unix sockets too: what stands behind a number of a descriptor could be changed after it was looked at.
Answer InternetSockets::Accept(Caller& caller, std::optional<WaitingCall>& waiting) {
  const int flags = caller.Number() == SYS_accept4 ? caller.IntArgument(3) : 0;
  if ((flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK)) != 0) return -EINVAL;
  base::UniqueFd socket;
  if (const Answer taken = caller.Take(caller.IntArgument(0), socket); taken != 0) return taken;
  const Answer accepted = AcceptOn(caller, socket.get(), flags);
  if (accepted != -EAGAIN || !IsBlocking(socket.get())) return accepted;
  waiting.emplace();
  waiting->until = WaitsUntil(socket.get(), SO_RCVTIMEO);
  waiting->readable = socket.get();
  auto held = std::make_shared<base::UniqueFd>(std::move(socket));
  waiting->again = [this, held, flags](Caller& again) { return AcceptOn(again, held->get(), flags); };
  return -EAGAIN;
}

// What is accepted while the caller's descriptors are all in use is lost.
Answer InternetSockets::AcceptOn(Caller& caller, int listener, int flags) {
  const int family = FamilyOf(listener);
  if (family < 0) return -ENOTSOCK;
  if (family != AF_UNIX && !IsTcp(listener)) return -EOPNOTSUPP;
  ReturnedAddress peer(caller, 1, 2);
  if (const Answer ready = caller.Argument(1) != 0 ? peer.Prepare() : 0; ready != 0) return ready;
  if (!caller.Waits()) return -EPERM;
  base::UniqueFd accepted;
  const Answer answer =
      family == AF_UNIX ? AcceptNow(listener, accepted) : network_.loopback->Accept(listener, accepted);
  if (answer != 0) return answer;
  sockaddr_storage address = {};
  socklen_t size = sizeof(address);
  if (::getpeername(accepted.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) size = 0;
  if (const Answer written = caller.Argument(1) != 0 ? peer.Write(address, size) : 0; written != 0) return written;
  if ((flags & SOCK_NONBLOCK) != 0) (void)::fcntl(accepted.get(), F_SETFL, O_RDWR | O_NONBLOCK);
  const Answer given = ReplyWithDescriptor(caller.Listener(), caller.Id(), accepted.get(), (flags & SOCK_CLOEXEC) != 0);
  return given == 0 ? kAnswered : given;
}

// getsockname(2).
Answer InternetSockets::Name(Caller& caller) {
  base::UniqueFd socket;
  if (const Answer taken = caller.Take(caller.IntArgument(0), socket); taken != 0) return taken;
  sockaddr_storage name = {};
  socklen_t size = sizeof(name);
  if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&name), &size) != 0) return -errno;
  if (IsTcp(socket.get())) (void)network_.loopback->NameOf(socket.get(), name);
  ReturnedAddress returned(caller, 1, 2);
  if (const Answer ready = returned.Prepare(); ready != 0) return ready;
  return caller.Waits() ? returned.Write(name, size) : -EPERM;
}

// With an address. Without one the call is the program's own.
Answer InternetSockets::SendTo(Caller& caller) {
  base::UniqueFd socket;
  if (const Answer taken = caller.Take(caller.IntArgument(0), socket); taken != 0) return taken;
  if (IsTcp(socket.get())) return -EISCONN;
  DatagramSockets::Conversation* const datagrams = datagrams_.Find(socket.get());
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
  if (const Answer asked = datagrams_.Ask(caller, *datagrams, address, static_cast<socklen_t>(address_size));
      asked != 0)
    return asked;
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
  const DatagramSockets::Conversation* const datagrams = datagrams_.Find(socket);
  const int flags = caller.IntArgument(3);
  if (datagrams != nullptr && (flags & MSG_ERRQUEUE) != 0) return -EAGAIN;
  ReturnedAddress sender(caller, 4, 5);
  if (const Answer ready = sender.Prepare(); ready != 0) return ready;
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
  Answer written = size == 0 ? 0 : Caller::WriteTo(sender.memory(), caller.Argument(1), bytes.data(), size);
  if (written == 0) written = sender.Write(from, from_size);
  return written == 0 ? got : written;
}

// Of the levels IPPROTO_IP and IPPROTO_IPV6.
Answer InternetSockets::SetOption(Caller& caller) {
  base::UniqueFd socket;
  if (const Answer taken = caller.Take(caller.IntArgument(0), socket); taken != 0) return taken;
  const int level = caller.IntArgument(1);
  const int option = caller.IntArgument(2);
  if (!MaySet(level, option)) return -ENOPROTOOPT;
  if (datagrams_.Find(socket.get()) != nullptr) return 0;
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
