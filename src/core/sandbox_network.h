// What a sandbox has of a network: the egress proxy for what its programs connect to, and published ports for what
// connects to them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/backend.h"
#include "core/plan.h"
#include "leash/config.h"
#include "leash/network_policy.h"
#include "net/address_class.h"
#include "net/egress_proxy.h"
#include "net/publisher.h"
#include "net/upstream_proxy.h"

namespace leash::core {

// What can be wrong with the configuration of the network, found before anything is made.
struct NetworkRules {
  PolicyFunction policy;  // none: denies everything
  bool policy_sees_addresses = false;
  net::AddressRules addresses;
  net::UpstreamProxies upstream;
};
absl::StatusOr<NetworkRules> ReadNetworkRules(const SandboxConfig& config, PolicyFunction policy,
                                              bool policy_sees_addresses);

class SandboxNetwork {
 public:
  // Empty where the policy denies everything and no port is published. `prepared` is only used by this call.
  static absl::StatusOr<SandboxNetwork> Start(const SandboxConfig& config, const Plan& plan, NetworkRules rules,
                                              PreparedSandbox& prepared);

  std::vector<PublishedPort> published() const;
  // See EgressIntake::why_not_all.
  const std::string& why_not_all() const { return why_not_all_; }

  // No client from outside is served any more.
  void StopListening();
  // When nothing runs inside any more: passes on what programs said last, for `most` at most, and ends everything.
  void End(absl::Duration most);

 private:
  std::unique_ptr<net::EgressProxy> egress_;
  std::unique_ptr<net::Publisher> publisher_;
  std::string why_not_all_;
};

}  // namespace leash::core
