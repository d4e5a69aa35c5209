#include "net/egress_fixture.h"

#include <fcntl.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <utility>

#include "fmt/format.h"

namespace leash::net::testing {
namespace {

// Where connections to the proxy were meant to go, by their own port: what the kernel knows of a redirection.
std::mutex meant_mutex;
std::map<std::uint16_t, Endpoint> meant;

std::optional<base::ArrivedConnection> Arrive(int connection) {
  base::ArrivedConnection arrived;
  sockaddr_storage peer = {};
  socklen_t size = sizeof(peer);
  if (::getpeername(connection, reinterpret_cast<sockaddr*>(&peer), &size) != 0) return arrived;
  const std::lock_guard lock(meant_mutex);
  const auto found = meant.find(Endpoint::FromSockaddr(reinterpret_cast<sockaddr&>(peer))->port);
  if (found != meant.end()) found->second.ToSockaddr(arrived.destination);
  return arrived;
}

}  // namespace

void EgressProxyTest::Start() {
  base::UniqueFd listener = BoundSocket(SOCK_STREAM);
  ::fcntl(listener.get(), F_SETFL, O_NONBLOCK);
  ASSERT_EQ(::listen(listener.get(), 128), 0);
  port_ = PortOf(listener.get());
  options_.listeners.push_back(std::move(listener));
  base::UniqueFd resolver = BoundSocket(SOCK_DGRAM);
  ::fcntl(resolver.get(), F_SETFL, O_NONBLOCK);
  const int on = 1;
  ::setsockopt(resolver.get(), IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
  dns_port_ = PortOf(resolver.get());
  options_.resolvers.push_back(std::move(resolver));
  options_.arrive = &Arrive;
#ifdef SPLICE_F_MOVE
  options_.splice = [](int from, int to, std::size_t most) {
    return ::splice(from, nullptr, to, nullptr, most, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  };
#endif
  if (!options_.policy) options_.policy = EraseNetworkPolicy(AllowAll());
  if (loopback_allowed_) {
    ASSERT_TRUE(options_.addresses.Add("127.0.0.0/8").ok());
  }
  options_.told = [this](const NetworkEvent& event) {
    const std::lock_guard lock(mutex_);
    events_.push_back(event);
    told_.notify_all();
  };
  auto proxy = EgressProxy::Start(std::move(options_));
  ASSERT_TRUE(proxy.ok()) << proxy.status();
  proxy_ = *std::move(proxy);
}

Stream EgressProxyTest::TransparentClient(const Endpoint& destination) const {
  base::UniqueFd fd = BoundSocket(SOCK_STREAM);
  {
    const std::lock_guard lock(meant_mutex);
    meant.insert_or_assign(PortOf(fd.get()), destination);
  }
  sockaddr_storage address;
  const socklen_t size = Endpoint{IpAddress::V4({127, 0, 0, 1}), port_}.ToSockaddr(address);
  EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  return Stream(std::move(fd));
}

std::optional<IpAddress> EgressProxyTest::Lookup(const std::string& name) const {
  const base::UniqueFd fd = BoundSocket(SOCK_DGRAM);
  std::string question("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00", 12);
  for (std::size_t at = 0; at < name.size();) {
    const std::size_t dot = std::min(name.find('.', at), name.size());
    question += static_cast<char>(dot - at) + name.substr(at, dot - at);
    at = dot + 1;
  }
  question += std::string("\x00\x00\x01\x00\x01", 5);
  sockaddr_storage address;
  const socklen_t size = Endpoint{IpAddress::V4({127, 0, 0, 1}), dns_port_}.ToSockaddr(address);
  EXPECT_GT(::sendto(fd.get(), question.data(), question.size(), 0, reinterpret_cast<sockaddr*>(&address), size), 0);
  const timeval patience = {20, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  std::array<std::uint8_t, 512> answer;
  const ssize_t got = ::recv(fd.get(), answer.data(), answer.size(), 0);
  EXPECT_GT(got, 12);
  if (got < 16 || (answer[3] & 0xf) != 0) return std::nullopt;
  const auto* end = answer.data() + got;
  return IpAddress::V4({end[-4], end[-3], end[-2], end[-1]});
}

NetworkEvent EgressProxyTest::NextEvent() {
  std::unique_lock lock(mutex_);
  EXPECT_TRUE(told_.wait_for(lock, std::chrono::seconds(20), [&] { return next_ < events_.size(); }));
  return next_ < events_.size() ? events_[next_++] : NetworkEvent();
}

NetworkEvent EgressProxyTest::NextConnection() {
  NetworkEvent event = NextEvent();
  while (event.request.protocol == Protocol::kDns) event = NextEvent();
  return event;
}

void Echo(Stream& stream) {
  stream.Write(stream.ReadAll());
  stream.ShutDown();
}

void Mirror(Stream& stream) {
  while (true) {
    const std::string head = stream.ReadUntil("\r\n\r\n");
    if (head.empty()) return;
    stream.Write(fmt::format("HTTP/1.1 200 OK\r\nConnection: X-Gone\r\nX-Gone: 1\r\nContent-Length: {}\r\n\r\n{}",
                             head.size(), head));
  }
}

std::string ConnectTo(std::string_view host, std::uint16_t port) {
  return fmt::format("CONNECT {0}:{1} HTTP/1.1\r\nHost: {0}:{1}\r\n\r\n", host, port);
}

}  // namespace leash::net::testing
