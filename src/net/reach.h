// From a host that the policy allows to a connection: one resolution, its check, and a dial of what was checked; or by
// way of an upstream proxy.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "leash/network_event.h"
#include "net/dialer.h"
#include "net/egress_context.h"
#include "net/proxy_dialer.h"

namespace leash::net {

struct Reached {
  NetworkOutcome outcome = NetworkOutcome::kDone;
  std::string detail;                  // for another outcome than kDone
  Upstream upstream;                   // for kDone
  std::vector<std::string> addresses;  // of the host, allowed or not; none where an upstream proxy alone knows them
  // The upstream is this proxy itself, and wants requests in absolute form.
  const UpstreamProxy* absolute_form_to = nullptr;
};

enum class ReachFor {
  kTunnel,   // bytes
  kRequest,  // plain HTTP requests: an HTTP proxy takes them as such, often where it opens no tunnel
};

// One attempt. Destroying it gives it up.
class Reach {
 public:
  // `request` is what the policy has allowed by `ruling`, with its host normalised. A policy that sees addresses is
  // asked once more when they are known.
  Reach(EgressContext& context, NetworkRequest request, const Ruling& ruling, std::function<void(Reached)> done,
        ReachFor use = ReachFor::kTunnel);

  // `done` is called once, perhaps before this returns; it may destroy this object.
  void Start();

 private:
  void Resolve();
  void Resolved(const absl::StatusOr<std::vector<IpAddress>>& addresses);
  void Check(const std::vector<IpAddress>& addresses, bool named);
  void Dial();
  void DialProxy();
  void Dialled(absl::StatusOr<Upstream> dialled);
  // Whether the host is resolved by the proxy, whatever is known of it here.
  bool ProxyResolves() const;
  void Finish(NetworkOutcome outcome, std::string detail);

  EgressContext& context_;
  NetworkRequest request_;
  const bool address_named_;  // by the rule: then it may be a private one
  const std::function<void(Reached)> done_;
  const ReachFor use_;
  const UpstreamProxy* const proxy_;  // null: directly
  bool resolved_ = false;
  Reached result_;
  std::vector<Endpoint> endpoints_;
  std::unique_ptr<Dialer> dialer_;
  std::unique_ptr<ProxyDialer> proxy_dialer_;
  std::unique_ptr<Timer> patience_;
  Presence presence_;
};

}  // namespace leash::net
