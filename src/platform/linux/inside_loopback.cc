#include "platform/linux/inside_loopback.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>

#include "base/status.h"
#include "platform/linux/internet_address.h"
#include "platform/linux/unblocked_calls.h"

namespace leash::platform {
namespace {

// Binding a lower one takes a capability, and programs have none.
constexpr std::uint16_t kFirstPort = 1024;
constexpr int kMostStrangers = 64;  // in one call
constexpr int kHandshakeMilliseconds = 100;

sockaddr_storage OwnAddressOf(int socket) {
  sockaddr_storage address = {};
  socklen_t size = sizeof(address);
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
  return address;
}

Answer BindTo(int socket, const sockaddr_storage& address) {
  // With this set a port would be given by listen(2) only.
  const int off = 0;
  (void)::setsockopt(socket, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &off, sizeof(off));
  return ::bind(socket, reinterpret_cast<const sockaddr*>(&address), SizeOf(address)) == 0 ? 0 : -errno;
}

bool IsOnlyIpv6(int socket) {
  int only = 0;
  socklen_t size = sizeof(only);
  return ::getsockopt(socket, IPPROTO_IPV6, IPV6_V6ONLY, &only, &size) == 0 && only != 0;
}

bool IsReady(int socket, short events, int milliseconds) {
  pollfd polled = {socket, events, 0};
  return ::poll(&polled, 1, milliseconds) == 1;
}

void Switch(int socket, int option, int value) {
  (void)::setsockopt(socket, SOL_SOCKET, option, &value, sizeof(value));
}

}  // namespace

InsideLoopback::Name InsideLoopback::NameFor(const Server& server) {
  return {server.actual.ss_family, PortOf(server.address)};
}

Answer InsideLoopback::Bind(int socket, const sockaddr_storage& address) {
  const std::lock_guard lock(mutex_);
  return BindLocked(socket, address);
}

Answer InsideLoopback::BindLocked(int socket, const sockaddr_storage& address) {
  const sockaddr_storage asked = Unmapped(address);
  const std::uint16_t port = PortOf(asked);
  if (!IsHere(asked)) return -EADDRNOTAVAIL;
  if (port != 0 && port < kFirstPort) return -EACCES;
  const bool on_ipv6 = FamilyOf(socket) == AF_INET6;
  Server server;
  server.cookie = CookieOf(socket);
  server.address = address;
  server.both = asked.ss_family == AF_INET6 && IsUnspecified(asked) && !IsOnlyIpv6(socket);
  server.actual = LoopbackAddress(server.both ? AF_INET : asked.ss_family, 0);
  if (port != 0 && IsTaken(server)) return -EADDRINUSE;
  const Answer bound = BindTo(socket, on_ipv6 ? Mapped(server.actual) : server.actual);
  if (bound != 0) return bound;
  server.actual = Unmapped(OwnAddressOf(socket));
  if (port == 0) SetPort(server.address, PortOf(server.actual));
  if (bound_.size() >= kMostBound) bound_.erase(bound_.begin());
  bound_.insert_or_assign(server.cookie, std::move(server));
  return 0;
}

bool InsideLoopback::Listens(const Server& server) {
  const std::optional<SocketFacts> found = diagnostics_.FindListener(server.actual);
  return found.has_value() && found->cookie == server.cookie;
}

bool InsideLoopback::IsTaken(const Server& server) {
  const Name name = NameFor(server);
  const auto taken = [&](int family) {
    const auto found = servers_.find({family, name.port});
    if (found == servers_.end() || found->second.cookie == server.cookie || !Listens(found->second)) return false;
    return family == name.family || server.both || found->second.both;
  };
  return taken(AF_INET) || taken(AF_INET6);
}

Answer InsideLoopback::Listen(int socket, int backlog) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t cookie = CookieOf(socket);
  if (ServerOf(cookie) != nullptr) return ::listen(socket, backlog) == 0 ? 0 : -errno;
  if (!bound_.contains(cookie)) {
    const sockaddr_storage own = OwnAddressOf(socket);
    if (PortOf(own) != 0) return -EINVAL;  // connected
    sockaddr_storage any = {};
    any.ss_family = own.ss_family;
    if (const Answer bound = BindLocked(socket, any); bound != 0) return bound;
  }
  const auto bound = bound_.find(cookie);
  Server& server = bound->second;
  if (IsTaken(server)) return -EADDRINUSE;
  if (servers_.size() >= kMostServers) std::erase_if(servers_, [&](const auto& one) { return !Listens(one.second); });
  if (servers_.size() >= kMostServers) return -ENOBUFS;
  if (::listen(socket, backlog) != 0) return -errno;
  if (const Answer held = Hold(socket, server); held != 0) {
    (void)::shutdown(socket, SHUT_RDWR);  // it does not listen any more
    return held;
  }
  servers_.insert_or_assign(NameFor(server), std::move(server));
  bound_.erase(bound);
  return 0;
}

// Makes the connection that holds the port. Nobody inside can have connected yet, so all others are strangers. As long
// as its accepted end is open, and has no SO_REUSEADDR, no other socket can be bound to the port, whether this one
// still listens or not.
Answer InsideLoopback::Hold(int socket, Server& server) {
  const base::UniqueFd near(::socket(server.actual.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!near) return -errno;
  const std::uint64_t cookie = CookieOf(near.get());
  if (::connect(near.get(), reinterpret_cast<const sockaddr*>(&server.actual), SizeOf(server.actual)) != 0 &&
      errno != EINPROGRESS) {
    return -errno;
  }
  // A listener may wait for a first byte (TCP_DEFER_ACCEPT).
  if (!IsReady(near.get(), POLLOUT, kHandshakeMilliseconds) || ::send(near.get(), "", 1, MSG_NOSIGNAL) != 1) {
    return -EAGAIN;
  }
  for (int strangers = 0; strangers < kMostStrangers && IsReady(socket, POLLIN, kHandshakeMilliseconds); ++strangers) {
    base::UniqueFd far;
    if (const Answer accepted = AcceptNow(socket, far); accepted != 0) return accepted;
    sockaddr_storage peer = {};
    socklen_t size = sizeof(peer);
    if (::getpeername(far.get(), reinterpret_cast<sockaddr*>(&peer), &size) != 0) continue;
    const std::optional<SocketFacts> client = diagnostics_.Find(Unmapped(peer), Unmapped(OwnAddressOf(far.get())));
    if (!client.has_value()) return -EPERM;  // nobody could be told from a stranger
    if (client->cookie != cookie) continue;
    Switch(far.get(), SO_REUSEADDR, 0);
    Switch(far.get(), SO_REUSEPORT, 0);
    server.hold = std::move(far);
    return 0;
  }
  return -EAGAIN;
}

const InsideLoopback::Server* InsideLoopback::ServerOf(std::uint64_t cookie) const {
  const auto found =
      std::find_if(servers_.begin(), servers_.end(), [&](const auto& one) { return one.second.cookie == cookie; });
  return found == servers_.end() ? nullptr : &found->second;
}

// Where the socket is to connect to, which is expected there from now on. None: nobody listens.
std::optional<sockaddr_storage> InsideLoopback::Lead(int socket, const sockaddr_storage& to) {
  const sockaddr_storage asked = Unmapped(to);
  const std::lock_guard lock(mutex_);
  auto found = servers_.find({asked.ss_family, PortOf(asked)});
  if (found == servers_.end() && asked.ss_family == AF_INET6) {
    found = servers_.find({AF_INET, PortOf(asked)});
    if (found != servers_.end() && !found->second.both) found = servers_.end();
  }
  if (found == servers_.end()) return std::nullopt;
  if (expected_.size() >= kMostExpected) expected_.erase(expected_.begin());  // those who were never accepted
  expected_.insert(CookieOf(socket));
  return FamilyOf(socket) == AF_INET6 ? Mapped(found->second.actual) : found->second.actual;
}

Answer InsideLoopback::Connect(int socket, const sockaddr_storage& to) {
  if (TcpStateOf(socket) != TCP_CLOSE) return ConnectOverLoopback(socket, to);  // the kernel says what is wrong
  const std::optional<sockaddr_storage> server = Lead(socket, to);
  return server.has_value() ? ConnectOverLoopback(socket, *server) : -ECONNREFUSED;
}

Answer InsideLoopback::ConnectFromOutside(int socket, const sockaddr_storage& to) {
  const std::optional<sockaddr_storage> server = Lead(socket, to);
  if (!server.has_value()) return -ECONNREFUSED;
  return ::connect(socket, reinterpret_cast<const sockaddr*>(&*server), SizeOf(*server)) == 0 ? 0 : -errno;
}

bool InsideLoopback::TakeExpected(int connection) {
  sockaddr_storage peer = {};
  socklen_t size = sizeof(peer);
  if (::getpeername(connection, reinterpret_cast<sockaddr*>(&peer), &size) != 0) return false;
  const std::lock_guard lock(mutex_);
  const std::optional<SocketFacts> client = diagnostics_.Find(Unmapped(peer), Unmapped(OwnAddressOf(connection)));
  return client.has_value() && expected_.erase(client->cookie) > 0;
}

Answer InsideLoopback::Accept(int listener, base::UniqueFd& accepted) {
  {
    const std::lock_guard lock(mutex_);
    const std::uint64_t cookie = CookieOf(listener);
    if (ServerOf(cookie) == nullptr) return TcpStateOf(listener) == TCP_LISTEN ? -EPERM : -EINVAL;
  }
  for (int strangers = 0; strangers < kMostStrangers; ++strangers) {
    if (const Answer answer = AcceptNow(listener, accepted); answer != 0) return answer;
    if (TakeExpected(accepted.get())) return 0;
  }
  accepted.reset();
  return -EAGAIN;
}

bool InsideLoopback::NameOf(int socket, sockaddr_storage& name) {
  const std::uint64_t cookie = CookieOf(socket);
  const sockaddr_storage own = OwnAddressOf(socket);
  const sockaddr_storage actual = Unmapped(own);
  const std::lock_guard lock(mutex_);
  if (const auto bound = bound_.find(cookie); bound != bound_.end() && IsSame(bound->second.actual, actual)) {
    name = bound->second.address;
    return true;
  }
  for (const auto& [asked, server] : servers_) {
    if (!IsSame(server.actual, actual)) continue;
    name = server.cookie == cookie ? server.address : own;
    SetPort(name, asked.port);
    return true;
  }
  return false;
}

absl::Status InsideLoopback::Check() {
  const base::UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const Answer answer = socket ? Listen(socket.get(), 1) : -errno;
  {
    const std::lock_guard lock(mutex_);
    servers_.clear();
  }
  if (answer == 0) return absl::OkStatus();
  return base::ErrnoError(ErrorCode::kUnsupported, static_cast<int>(-answer),
                          "cannot tell programs of the sandbox from others on the host's loopback");
}

}  // namespace leash::platform
