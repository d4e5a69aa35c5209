#include "platform/linux/connection_table.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/time/clock.h"
#include "platform/linux/internet_address.h"
#include "platform/linux/unblocked_calls.h"

namespace leash::platform {
namespace {

constexpr absl::Duration kLockPatience = absl::Milliseconds(20);
constexpr absl::Duration kLockStep = absl::Microseconds(50);

}  // namespace

ConnectionTable::ConnectionTable(std::vector<base::UniqueFd> listeners, base::UniqueFd diagnostics,
                                 std::weak_ptr<void> served)
    : listeners_(std::move(listeners)), served_(std::move(served)) {
  for (const base::UniqueFd& listener : listeners_) {
    sockaddr_storage address = {};
    socklen_t size = sizeof(address);
    if (::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0) addresses_.push_back(address);
  }
  if (!diagnostics || addresses_.empty()) return;
  diagnostics_.emplace(std::move(diagnostics));
  // A kernel may have such sockets and know nothing of TCP's (CONFIG_INET_DIAG).
  if (!diagnostics_->FindListener(addresses_.front()).has_value()) diagnostics_.reset();
}

ConnectionTable::Key ConnectionTable::KeyOf(const sockaddr_storage& address) {
  Key key = {};
  const sockaddr_storage mapped = Mapped(address);
  const auto& six = reinterpret_cast<const sockaddr_in6&>(mapped);
  std::memcpy(key.data(), &six.sin6_addr, 16);
  std::memcpy(&key[16], &six.sin6_port, 2);
  return key;
}

// The listener of the socket's family; without one, for an IPv6 socket the IPv4 one by its mapped address.
bool ConnectionTable::ListenerFor(int socket, sockaddr_storage& listener) const {
  const int family = FamilyOf(socket);
  for (const sockaddr_storage& address : addresses_) {
    if (address.ss_family == family) {
      listener = address;
      return true;
    }
  }
  if (family != AF_INET6 || addresses_.empty()) return false;
  int v6_only = 0;
  socklen_t size = sizeof(v6_only);
  if (::getsockopt(socket, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, &size) != 0 || v6_only != 0) return false;
  listener = Mapped(addresses_.front());
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
  const bool fresh = TcpStateOf(socket) == TCP_CLOSE;
  const Answer answer = ConnectOverLoopback(socket, listener);
  if (!fresh || (answer != 0 && answer != -EINPROGRESS)) return answer;
  sockaddr_storage own = {};
  socklen_t size = sizeof(own);
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&own), &size) != 0) return -EPERM;
  entries_.insert_or_assign(KeyOf(own), Entry{meant, absl::Now(), CookieOf(socket)});
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

bool ConnectionTable::IsFrom(std::uint64_t cookie, int connection, const sockaddr_storage& peer) {
  if (!diagnostics_.has_value()) return true;
  sockaddr_storage own = {};
  socklen_t size = sizeof(own);
  if (::getsockname(connection, reinterpret_cast<sockaddr*>(&own), &size) != 0) return false;
  const std::optional<SocketFacts> client = diagnostics_->Find(Unmapped(peer), Unmapped(own));
  return client.has_value() && client->cookie == cookie;
}

std::optional<base::ArrivedConnection> ConnectionTable::Take(int connection) {
  sockaddr_storage peer = {};
  socklen_t size = sizeof(peer);
  if (::getpeername(connection, reinterpret_cast<sockaddr*>(&peer), &size) != 0) return std::nullopt;
  const std::unique_lock lock = LockSoon();
  const auto found = lock ? entries_.find(KeyOf(peer)) : entries_.end();
  if (found == entries_.end() || absl::Now() - found->second.made > kPatience) return std::nullopt;
  if (!IsFrom(found->second.cookie, connection, peer)) return std::nullopt;
  base::ArrivedConnection meant = std::move(found->second.meant);
  entries_.erase(found);
  return meant;
}

}  // namespace leash::platform
