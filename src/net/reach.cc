#include "net/reach.h"

#include <utility>

#include "base/status.h"
#include "leash/error.h"

namespace leash::net {

Reach::Reach(EgressContext& context, NetworkRequest request, const Ruling& ruling, std::function<void(Reached)> done,
             ReachFor use)
    : context_(context),
      request_(std::move(request)),
      address_named_(ruling.names_address),
      done_(std::move(done)),
      use_(use),
      proxy_(context.upstream.For(request_.host, request_.port, request_.protocol == Protocol::kHttp)) {}

bool Reach::ProxyResolves() const { return proxy_ != nullptr && proxy_->resolves_names(); }

void Reach::Start() {
  if (const auto literal = IpAddress::Parse(request_.host)) return Check({*literal}, address_named_);
  Resolve();
}

void Reach::Resolve() {
  // Who insists on knowing the addresses waits for them.
  if (ProxyResolves() && !context_.upstream.names_resolve_here && !context_.policy_sees_addresses) {
    patience_ = std::make_unique<Timer>(context_.loop, [this] { Resolved(base::Error(ErrorCode::kIo, "no answer")); });
    patience_->Start(context_.settings.proxied_name);
  }
  context_.resolver->Resolve(
      request_.host, [this, here = presence_.handle()](const absl::StatusOr<std::vector<IpAddress>>& addresses) {
        if (!here.expired()) Resolved(addresses);
      });
}

// A name that nobody here knows is the proxy's to judge, unless it is to be known.
void Reach::Resolved(const absl::StatusOr<std::vector<IpAddress>>& addresses) {
  if (std::exchange(resolved_, true)) return;
  if (patience_ != nullptr) patience_->Stop();
  if (addresses.ok()) return Check(*addresses, false);
  if (!ProxyResolves() || context_.upstream.names_resolve_here) {
    return Finish(NetworkOutcome::kUnresolved, std::string(addresses.status().message()));
  }
  if (context_.policy_sees_addresses) {
    return Finish(NetworkOutcome::kDenied, "the network policy judges addresses, and the host's are not known here");
  }
  Dial();
}

// All that may be dialled is tried, and nothing else is: a name that also leads inside is no way inside. A proxy that
// resolves names chooses for itself, so there each of them must be one that may be dialled.
void Reach::Check(const std::vector<IpAddress>& addresses, bool named) {
  std::string refused;
  for (const IpAddress& address : addresses) {
    result_.addresses.push_back(address.ToString());
    const absl::Status allowed =
        named ? absl::OkStatus() : context_.addresses.Check(address, context_.own.Has(context_.loop, address));
    if (!allowed.ok()) {
      refused = std::string(allowed.message());
    } else if (endpoints_.size() < context_.settings.addresses) {
      endpoints_.push_back({address, request_.port});
    }
  }
  if (endpoints_.empty() || (ProxyResolves() && !refused.empty()))
    return Finish(NetworkOutcome::kAddressRefused, std::move(refused));
  if (!context_.policy_sees_addresses) return Dial();
  request_.addresses.clear();
  for (const Endpoint& endpoint : endpoints_) request_.addresses.push_back(endpoint.address.ToString());
  AskPolicy(context_, request_, presence_, [this](const Ruling& ruling) {
    if (ruling.verdict == Verdict::kAllow) return Dial();
    Finish(NetworkOutcome::kDenied, "not allowed by the network policy, at its addresses");
  });
}

void Reach::Dial() {
  if (proxy_ != nullptr) return DialProxy();
  dialer_ = std::make_unique<Dialer>(context_.loop, context_.settings, std::move(endpoints_),
                                     [this](absl::StatusOr<Upstream> dialled) { Dialled(std::move(dialled)); });
  dialer_->Start();
}

void Reach::DialProxy() {
  std::vector<std::string> hosts;
  if (use_ == ReachFor::kRequest && proxy_->kind == UpstreamProxy::Kind::kHttp) {
    result_.absolute_form_to = proxy_;
  } else if (ProxyResolves()) {
    hosts = {request_.host};
  } else {
    for (const Endpoint& endpoint : endpoints_) hosts.push_back(endpoint.address.ToString());
  }
  proxy_dialer_ =
      std::make_unique<ProxyDialer>(context_, *proxy_, std::move(hosts), request_.port,
                                    [this](absl::StatusOr<Upstream> dialled) { Dialled(std::move(dialled)); });
  proxy_dialer_->Start();
}

void Reach::Dialled(absl::StatusOr<Upstream> dialled) {
  if (!dialled.ok()) {
    const bool late = GetErrorCode(dialled.status()) == ErrorCode::kTimeout;
    return Finish(late ? NetworkOutcome::kTimedOut : NetworkOutcome::kUnreachable,
                  std::string(dialled.status().message()));
  }
  result_.upstream = *std::move(dialled);
  Finish(NetworkOutcome::kDone, "");
}

void Reach::Finish(NetworkOutcome outcome, std::string detail) {
  result_.outcome = outcome;
  result_.detail = std::move(detail);
  const auto done = done_;
  done(std::move(result_));
}

}  // namespace leash::net
