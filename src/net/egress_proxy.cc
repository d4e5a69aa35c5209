#include "net/egress_proxy.h"

#include <functional>
#include <optional>
#include <utility>

#include "base/event_loop.h"
#include "base/status.h"
#include "net/acceptor.h"
#include "net/dns_service.h"
#include "net/dns_sockets.h"
#include "net/egress_connection.h"
#include "net/egress_context.h"
#include "net/resolver.h"
#include "net/served_connections.h"

namespace leash::net {
class EgressProxy::Service {
 public:
  Service(uv_loop_s* loop, EgressOptions& options)
      : context_(options.splice), names_(context_), acceptor_(loop), connections_(loop) {
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
    const auto no_room = [] { return base::Error(ErrorCode::kIo, "cannot watch the egress proxy's sockets"); };
    for (base::UniqueFd& socket : options.listeners) {
      if (!acceptor_.Add(std::move(socket), [this](base::UniqueFd client) { Serve(std::move(client)); })) {
        return no_room();
      }
    }
    for (base::UniqueFd& socket : options.resolvers) {
      datagrams_.push_back(std::make_unique<DnsDatagrams>(context_, names_, std::move(socket), options.sender));
    }
    if (options.name_sockets) {
      name_sockets_ = std::make_unique<DnsSockets>(context_, names_, std::move(options.name_sockets));
      if (!name_sockets_->ok()) return no_room();
    }
    acceptor_.Start();
    return absl::OkStatus();
  }

  std::size_t connections() const { return connections_.size(); }

  // What waits in the kernel to be accepted counts.
  bool Carries() {
    acceptor_.AcceptWaiting();
    return connections_.AnyCarries();
  }

 private:
  void Serve(base::UniqueFd client) {
    std::optional<base::ArrivedConnection> arrived =
        arrive_ ? arrive_(client.get()) : std::make_optional<base::ArrivedConnection>();
    if (!arrived.has_value() || connections_.size() >= context_.settings.connections) return;  // closed
    connections_.Serve([&](std::function<void()> done) {
      return std::make_unique<EgressConnection>(context_, names_, std::move(client), *std::move(arrived),
                                                std::move(done));
    });
  }

  EgressContext context_;
  DnsService names_;
  std::vector<std::unique_ptr<DnsDatagrams>> datagrams_;
  std::unique_ptr<DnsSockets> name_sockets_;
  base::Arrival arrive_;
  Acceptor acceptor_;
  ServedConnections<EgressConnection> connections_;
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
