#include "net/publisher.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <functional>
#include <utility>

#include "base/event_loop.h"
#include "base/status.h"
#include "fmt/format.h"
#include "net/acceptor.h"
#include "net/ip_address.h"
#include "net/published_connection.h"
#include "net/published_port.h"
#include "net/served_connections.h"
#include "net/sockets.h"

namespace leash::net {
namespace {

constexpr int kBacklog = 4096;  // the kernel has a limit of its own, net.core.somaxconn
// Clients that have no socket of the inside yet. Others wait in the kernel's queue.
constexpr std::size_t kMostWaiting = 64;
// How often a port that is free for one family is looked for until it is for the other as well.
constexpr int kTries = 32;

struct BoundPort {
  std::vector<base::UniqueFd> sockets;
  std::uint16_t host_port = 0;
};

// Empty with errno on failure.
base::UniqueFd ListenOn(const Endpoint& endpoint) {
  sockaddr_storage address;
  const socklen_t size = endpoint.ToSockaddr(address);
  base::UniqueFd socket = NewSocket(address.ss_family, SOCK_STREAM);
  if (!socket) return socket;
  const int on = 1;
  // So that connections of an earlier sandbox, which the kernel remembers for a minute, are no hindrance.
  (void)::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  // "::" is not to be every IPv4 address as well.
  const bool alone =
      address.ss_family != AF_INET6 || ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) == 0;
  if (alone && ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0 &&
      ::listen(socket.get(), kBacklog) == 0) {
    return socket;
  }
  const int error = errno;
  socket.reset();
  errno = error;
  return socket;
}

// 0, with errno, when it cannot be told.
std::uint16_t PortOf(int socket) {
  sockaddr_storage address = {};
  socklen_t size = sizeof(address);
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  return Endpoint::FromSockaddr(reinterpret_cast<const sockaddr&>(address)).value_or(Endpoint()).port;
}

absl::Status CannotListen(const Endpoint& endpoint, const PublishedPort& port, int error) {
  std::string advice;
  if (error == EADDRINUSE) {
    advice = fmt::format("; another program or sandbox listens there: publish another port, or any that is free (0:{})",
                         port.inside_port);
  } else if (error == EACCES && endpoint.port != 0 && endpoint.port < 1024) {
    advice = "; ports below 1024 are for root";
  } else if (error == EADDRNOTAVAIL) {
    advice = "; no interface of this machine has that address";
  }
  return base::Error(ErrorCode::kIo,
                     fmt::format("cannot listen on {} for port {} of the sandbox: {}{}", endpoint.ToString(),
                                 port.inside_port, base::ErrnoText(error), advice));
}

// On each address of `port`. A machine without IPv6 has no ::1.
absl::StatusOr<BoundPort> BindOnce(const PublishedPort& port) {
  BoundPort bound;
  bound.host_port = port.host_port;
  for (const IpAddress& address : AddressesOf(port)) {
    const Endpoint endpoint{address, bound.host_port};
    base::UniqueFd socket = ListenOn(endpoint);
    if (!socket) {
      const int error = errno;
      const bool has_none = error == EADDRNOTAVAIL || error == EAFNOSUPPORT;
      if (has_none && port.address.empty() && !address.is_v4()) break;
      return CannotListen(endpoint, port, error);
    }
    if (bound.host_port == 0) bound.host_port = PortOf(socket.get());
    if (bound.host_port == 0) return CannotListen(endpoint, port, errno);
    bound.sockets.push_back(std::move(socket));
  }
  return bound;
}

absl::StatusOr<BoundPort> Bind(const PublishedPort& port) {
  LEASH_RETURN_IF_ERROR(CheckPublishedPort(port));
  absl::StatusOr<BoundPort> bound = BindOnce(port);
  for (int i = 1; i < kTries && port.host_port == 0 && !bound.ok(); ++i) bound = BindOnce(port);
  return bound;
}

}  // namespace

class Publisher::Service {
 public:
  Service(uv_loop_s* loop, PublisherOptions& options)
      : context_{loop, options.settings, RelayBuffers(options.splice), SocketStock(loop, std::move(options.source))},
        acceptor_(loop, [this] { return context_.stock.waiting() >= kMostWaiting; }),
        connections_(loop) {}

  absl::Status Start(const std::vector<PublishedPort>& ports, std::vector<BoundPort>& bound) {
    const auto no_room = [] {
      return base::Error(ErrorCode::kIo, "the system has no room to watch the published ports");
    };
    if (!context_.stock.ok()) return no_room();
    for (std::size_t i = 0; i < bound.size(); ++i) {
      targets_.push_back(std::make_unique<PublishedTarget>(PublishedTarget{ports[i].inside_port, {AF_INET, AF_INET6}}));
      for (base::UniqueFd& socket : bound[i].sockets) {
        const bool added = acceptor_.Add(
            std::move(socket),
            [this, target = targets_.back().get()](base::UniqueFd client) { Serve(std::move(client), *target); });
        if (!added) return no_room();
      }
    }
    context_.stock.Fill(AF_INET);
    acceptor_.Start();
    return absl::OkStatus();
  }

  std::size_t connections() const { return connections_.size(); }

  void StopListening() { acceptor_.Stop(); }

  bool Carries() const { return connections_.AnyCarries(); }

 private:
  void Serve(base::UniqueFd client, PublishedTarget& target) {
    if (connections_.size() >= context_.settings.connections) return;  // closed
    connections_.Serve([&](std::function<void()> done) {
      return std::make_unique<PublishedConnection>(context_, std::move(client), target, std::move(done));
    });
  }

  PublisherContext context_;
  std::vector<std::unique_ptr<PublishedTarget>> targets_;
  Acceptor acceptor_;
  ServedConnections<PublishedConnection> connections_;
};

Publisher::Publisher(std::unique_ptr<Service> service, std::vector<PublishedPort> ports)
    : service_(std::move(service)), ports_(std::move(ports)) {}

absl::StatusOr<std::unique_ptr<Publisher>> Publisher::Start(PublisherOptions options) {
  std::vector<BoundPort> bound;
  std::vector<PublishedPort> ports = std::move(options.ports);
  for (PublishedPort& port : ports) {
    LEASH_ASSIGN_OR_RETURN(BoundPort one, Bind(port));
    port.host_port = one.host_port;
    bound.push_back(std::move(one));
  }
  LEASH_RETURN_IF_ERROR(base::EventLoop::Start());
  absl::Status status;
  std::unique_ptr<Service> service;
  base::EventLoop& loop = base::EventLoop::Shared();
  loop.RunSync([&] {
    service = std::make_unique<Service>(loop.Handle(), options);
    status = service->Start(ports, bound);
    if (!status.ok()) service.reset();
  });
  LEASH_RETURN_IF_ERROR(status);
  return std::unique_ptr<Publisher>(new Publisher(std::move(service), std::move(ports)));
}

Publisher::~Publisher() {
  base::EventLoop::Shared().RunSync([&] { service_.reset(); });
}

std::size_t Publisher::connections() const {
  std::size_t count = 0;
  base::EventLoop::Shared().RunSync([&] { count = service_->connections(); });
  return count;
}

void Publisher::StopListening() {
  base::EventLoop::Shared().RunSync([&] { service_->StopListening(); });
}

void Publisher::Drain(absl::Duration most) {
  WaitOffLoop([this] { return !service_->Carries(); }, most);
}

}  // namespace leash::net
