#include "net/reach.h"

#include <utility>

namespace leash::net {

Reach::Reach(EgressContext& context, NetworkRequest request, const Ruling& ruling, std::function<void(Reached)> done)
    : context_(context), request_(std::move(request)), address_named_(ruling.names_address), done_(std::move(done)) {}

void Reach::Start() {
  if (const auto literal = IpAddress::Parse(request_.host)) return Check({*literal}, address_named_);
  context_.resolver->Resolve(
      request_.host, [this, here = presence_.handle()](const absl::StatusOr<std::vector<IpAddress>>& addresses) {
        if (here.expired()) return;
        if (!addresses.ok()) return Finish(NetworkOutcome::kUnresolved, std::string(addresses.status().message()));
        Check(*addresses, false);
      });
}

// All that may be dialled is tried, and nothing else is: a name that also leads inside is no way inside.
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
  if (endpoints_.empty()) return Finish(NetworkOutcome::kAddressRefused, std::move(refused));
  if (!context_.policy_sees_addresses) return Dial();
  request_.addresses.clear();
  for (const Endpoint& endpoint : endpoints_) request_.addresses.push_back(endpoint.address.ToString());
  AskPolicy(context_, request_, presence_, [this](const Ruling& ruling) {
    if (ruling.verdict == Verdict::kAllow) return Dial();
    Finish(NetworkOutcome::kDenied, "not allowed by the network policy, at its addresses");
  });
}

void Reach::Dial() {
  dialer_ = std::make_unique<Dialer>(
      context_.loop, context_.settings, std::move(endpoints_), [this](absl::StatusOr<Upstream> dialled) {
        if (!dialled.ok()) return Finish(NetworkOutcome::kUnreachable, std::string(dialled.status().message()));
        result_.upstream = *std::move(dialled);
        Finish(NetworkOutcome::kDone, "");
      });
  dialer_->Start();
}

void Reach::Finish(NetworkOutcome outcome, std::string detail) {
  result_.outcome = outcome;
  result_.detail = std::move(detail);
  const auto done = done_;
  done(std::move(result_));
}

}  // namespace leash::net
