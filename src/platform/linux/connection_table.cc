#include "platform/linux/connection_table.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/time/clock.h"

namespace leash::platform {
namespace {

constexpr absl::Duration kLockPatience = absl::Milliseconds(20);
constexpr absl::Duration kLockStep = absl::Microseconds(50);

socklen_t SizeOf(const sockaddr_storage& address) {
  return address.ss_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
}

// TCP_CLOSE for what is no TCP socket.
int StateOf(int socket) {
  tcp_info info = {};
  socklen_t size = sizeof(info);
  return ::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 ? int{info.tcpi_state} : int{TCP_CLOSE};
}

// Back to a socket that was never connected, without the error that the kernel leaves behind.
void Disconnect(int socket) {
  sockaddr none = {};
  none.sa_family = AF_UNSPEC;
  (void)::connect(socket, &none, sizeof(none));
  int error = 0;
  socklen_t size = sizeof(error);
  (void)::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size);
}

// connect(2) that waits no longer than the kernel's shortest time whatever the socket's mode: by its own timeout for
// sending, which on a socket that is not connected yet nobody else uses.
Answer ShortConnect(int socket, const sockaddr_storage& address) {
  timeval before = {};
  socklen_t size = sizeof(before);
  const timeval shortest = {0, 1};
  const bool blocking = (::fcntl(socket, F_GETFL) & O_NONBLOCK) == 0;
  if (blocking) {
    (void)::getsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &before, &size);
    (void)::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &shortest, sizeof(shortest));
  }
  const auto connect = [&] {
    return ::connect(socket, reinterpret_cast<const sockaddr*>(&address), SizeOf(address)) == 0 ? 0 : -errno;
  };
  Answer answer = connect();
  // The handshake over loopback is over by now, but the time was up when the kernel looked.
  if (blocking && answer == -EINPROGRESS && StateOf(socket) == TCP_ESTABLISHED) answer = connect();
  if (blocking) (void)::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &before, sizeof(before));
  return answer;
}

}  // namespace

ConnectionTable::ConnectionTable(std::vector<base::UniqueFd> listeners, std::weak_ptr<void> served)
    : listeners_(std::move(listeners)), served_(std::move(served)) {
  for (const base::UniqueFd& listener : listeners_) {
    sockaddr_storage address = {};
    socklen_t size = sizeof(address);
    if (::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0) addresses_.push_back(address);
  }
}

ConnectionTable::Key ConnectionTable::KeyOf(const sockaddr_storage& address) {
  Key key = {};
  const auto& four = reinterpret_cast<const sockaddr_in&>(address);
  const auto& six = reinterpret_cast<const sockaddr_in6&>(address);
  if (address.ss_family == AF_INET) {
    key[10] = key[11] = 0xff;
    std::memcpy(&key[12], &four.sin_addr, 4);
  } else {
    std::memcpy(key.data(), &six.sin6_addr, 16);
  }
  std::memcpy(&key[16], &four.sin_port, 2);  // in both at the same place
  return key;
}

// The listener of the socket's family; without one, for an IPv6 socket the IPv4 one by its mapped address.
bool ConnectionTable::ListenerFor(int socket, sockaddr_storage& listener) const {
  int family = 0;
  socklen_t size = sizeof(family);
  if (::getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &family, &size) != 0) return false;
  for (const sockaddr_storage& address : addresses_) {
    if (address.ss_family == family) {
      listener = address;
      return true;
    }
  }
  if (family != AF_INET6 || addresses_.empty()) return false;
  int v6_only = 0;
  size = sizeof(v6_only);
  if (::getsockopt(socket, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, &size) != 0 || v6_only != 0) return false;
  const auto& four = reinterpret_cast<const sockaddr_in&>(addresses_.front());
  sockaddr_in6 mapped = {};
  mapped.sin6_family = AF_INET6;
  mapped.sin6_port = four.sin_port;
  mapped.sin6_addr.s6_addr[10] = mapped.sin6_addr.s6_addr[11] = 0xff;
  std::memcpy(&mapped.sin6_addr.s6_addr[12], &four.sin_addr, 4);
  listener = {};
  std::memcpy(&listener, &mapped, sizeof(mapped));
  return true;
}

Answer ConnectionTable::Connect(int socket, const base::ArrivedConnection& meant) {
  sockaddr_storage listener = {};
  if (!ListenerFor(socket, listener)) return -ENETUNREACH;
  const std::lock_guard lock(mutex_);
  if (served_.expired()) return -ECONNREFUSED;
  Forget();
  if (entries_.size() >= kMostEntries) return -EAGAIN;
  return ConnectTo(socket, listener, meant);
}

// A program that changes the socket meanwhile makes at most a connection that is not in the table.
Answer ConnectionTable::ConnectTo(int socket, const sockaddr_storage& listener, const base::ArrivedConnection& meant) {
  // Connected already, or on the way: the kernel says so, and makes no other.
  if (StateOf(socket) != TCP_CLOSE) return ShortConnect(socket, listener);
  const Answer answer = ShortConnect(socket, listener);
  if (answer != 0 && answer != -EINPROGRESS) return answer;
  if (StateOf(socket) != TCP_ESTABLISHED) {
    Disconnect(socket);
    return -EAGAIN;
  }
  sockaddr_storage own = {};
  socklen_t size = sizeof(own);
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&own), &size) != 0) return -EPERM;
  entries_.insert_or_assign(KeyOf(own), Entry{meant, absl::Now()});
  return answer;
}

void ConnectionTable::Forget() {
  if (entries_.empty()) return;
  const absl::Time now = absl::Now();
  std::erase_if(entries_, [&](const auto& entry) { return now - entry.second.made > kPatience; });
}

// As std::timed_mutex, of whose lock ThreadSanitizer does not know.
std::unique_lock<std::mutex> ConnectionTable::LockSoon() {
  std::unique_lock lock(mutex_, std::try_to_lock);
  for (const absl::Time late = absl::Now() + kLockPatience; !lock && absl::Now() < late;) {
    absl::SleepFor(kLockStep);
    (void)lock.try_lock();
  }
  return lock;
}

std::optional<base::ArrivedConnection> ConnectionTable::Take(int connection) {
  sockaddr_storage peer = {};
  socklen_t size = sizeof(peer);
  if (::getpeername(connection, reinterpret_cast<sockaddr*>(&peer), &size) != 0) return std::nullopt;
  const std::unique_lock lock = LockSoon();
  const auto found = lock ? entries_.find(KeyOf(peer)) : entries_.end();
  if (found == entries_.end() || absl::Now() - found->second.made > kPatience) return std::nullopt;
  base::ArrivedConnection meant = std::move(found->second.meant);
  entries_.erase(found);
  return meant;
}

}  // namespace leash::platform
