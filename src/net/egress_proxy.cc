#include "net/egress_proxy.h"

#include <cerrno>
#include <functional>
#include <utility>

#include "base/event_loop.h"
#include "base/status.h"
#include "net/dns_service.h"
#include "net/dns_sockets.h"
#include "net/egress_connection.h"
#include "net/egress_context.h"
#include "net/loop_handles.h"
#include "net/resolver.h"
#include "net/served_connections.h"
#include "net/sockets.h"

namespace leash::net {
namespace {

constexpr int kAcceptsATurn = 64;
// After the system had no room for another connection.
constexpr absl::Duration kPause = absl::Milliseconds(50);

}  // namespace

class EgressProxy::Service {
 public:
  Service(uv_loop_s* loop, EgressOptions& options)
      : context_(options.splice),
        names_(context_),
        connections_(loop),
        pause_(loop, [this] { Listen(SocketWatch::kReadable); }) {
    context_.loop = loop;
    context_.settings = options.settings;
    context_.policy = std::move(options.policy);
    context_.policy_sees_addresses = options.policy_sees_addresses;
    context_.addresses = std::move(options.addresses);
    context_.told = std::move(options.told);
    arrive_ = std::move(options.arrive);
    context_.credential = std::move(options.credential);
    context_.upstream = std::move(options.upstream);
  }

  absl::Status Start(EgressOptions& options) {
    LEASH_ASSIGN_OR_RETURN(context_.resolver,
                           Resolver::Make(context_.loop, {context_.settings.resolve, context_.settings.remember,
                                                          std::move(options.name_servers)}));
    for (base::UniqueFd& socket : options.listeners) {
      const int fd = socket.get();
      SetUpStream(fd);  // what is accepted has its options
      listeners_.push_back(
          {std::move(socket), std::make_unique<SocketWatch>(context_.loop, fd, [this, fd](int) { AcceptFrom(fd); })});
      if (!listeners_.back().watch->ok()) return base::Error(ErrorCode::kIo, "cannot watch the egress proxy's sockets");
    }
    for (base::UniqueFd& socket : options.resolvers) {
      datagrams_.push_back(std::make_unique<DnsDatagrams>(context_, names_, std::move(socket)));
    }
    if (options.name_sockets) {
      name_sockets_ = std::make_unique<DnsSockets>(context_, names_, std::move(options.name_sockets));
      if (!name_sockets_->ok()) return base::Error(ErrorCode::kIo, "cannot watch the egress proxy's sockets");
    }
    Listen(SocketWatch::kReadable);
    return absl::OkStatus();
  }

  std::size_t connections() const { return connections_.size(); }

  // What waits in the kernel to be accepted counts.
  bool Carries() {
    for (const Listener& listener : listeners_) AcceptFrom(listener.socket.get());
    return connections_.AnyCarries();
  }

 private:
  struct Listener {
    base::UniqueFd socket;
    std::unique_ptr<SocketWatch> watch;
  };

  void Listen(int events) {
    for (const Listener& listener : listeners_) listener.watch->Watch(events);
  }

  void AcceptFrom(int listener) {
    for (int turn = 0; turn < kAcceptsATurn; ++turn) {
      base::UniqueFd client = Accept(listener);
      if (!client) {
        if (WouldBlock()) return;
        // No descriptor, or no memory: what waits in the queue would wake us without end.
        Listen(SocketWatch::kNothing);
        pause_.Start(kPause);
        return;
      }
      std::optional<base::ArrivedConnection> arrived =
          arrive_ ? arrive_(client.get()) : std::make_optional<base::ArrivedConnection>();
      if (!arrived.has_value()) continue;                                  // closed
      if (connections_.size() >= context_.settings.connections) continue;  // likewise
      connections_.Serve([&](std::function<void()> done) {
        return std::make_unique<EgressConnection>(context_, names_, std::move(client), *std::move(arrived),
                                                  std::move(done));
      });
    }
  }

  EgressContext context_;
  DnsService names_;
  std::vector<Listener> listeners_;
  std::vector<std::unique_ptr<DnsDatagrams>> datagrams_;
  std::unique_ptr<DnsSockets> name_sockets_;
  base::Arrival arrive_;
  ServedConnections<EgressConnection> connections_;
  Timer pause_;
};

EgressProxy::EgressProxy(std::unique_ptr<Service> service) : service_(std::move(service)) {}

absl::StatusOr<std::unique_ptr<EgressProxy>> EgressProxy::Start(EgressOptions options) {
  LEASH_RETURN_IF_ERROR(base::EventLoop::Start());
  absl::Status status;
  std::unique_ptr<Service> service;
  base::EventLoop& loop = base::EventLoop::Shared();
  loop.RunSync([&] {
    service = std::make_unique<Service>(loop.Handle(), options);
    status = service->Start(options);
    if (!status.ok()) service.reset();
  });
  LEASH_RETURN_IF_ERROR(status);
  return std::unique_ptr<EgressProxy>(new EgressProxy(std::move(service)));
}

EgressProxy::~EgressProxy() {
  base::EventLoop::Shared().RunSync([&] { service_.reset(); });
}

void EgressProxy::Drain(absl::Duration most) {
  WaitOffLoop([this] { return !service_->Carries(); }, most);
}

std::size_t EgressProxy::connections() const {
  std::size_t count = 0;
  base::EventLoop::Shared().RunSync([&] { count = service_->connections(); });
  return count;
}

}  // namespace leash::net
