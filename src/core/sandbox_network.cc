#include "core/sandbox_network.h"

#include <utility>

#include "base/environment.h"
#include "base/status.h"

namespace leash::core {
namespace {

absl::StatusOr<std::unique_ptr<net::EgressProxy>> StartEgress(const SandboxConfig& config, NetworkRules rules,
                                                              EgressIntake intake) {
  net::EgressOptions options;
  options.listeners = std::move(intake.listeners);
  options.resolvers = std::move(intake.resolvers);
  options.name_sockets = std::move(intake.name_sockets);
  options.arrive = std::move(intake.arrive);
  options.sender = std::move(intake.sender);
  options.splice = intake.splice;
  options.policy = std::move(rules.policy);
  options.policy_sees_addresses = rules.policy_sees_addresses;
  options.addresses = std::move(rules.addresses);
  options.upstream = std::move(rules.upstream);
  options.told = config.on_network_event;
  options.name_servers = config.name_servers;
  return net::EgressProxy::Start(std::move(options));
}

absl::StatusOr<std::unique_ptr<net::Publisher>> Publish(const Plan& plan, PreparedSandbox& prepared) {
  LEASH_ASSIGN_OR_RETURN(InsideSockets inside, prepared.MakeInsideSockets());
  net::PublisherOptions options;
  options.ports = plan.published;
  options.source = std::move(inside.source);
  options.splice = inside.splice;
  return net::Publisher::Start(std::move(options));
}

}  // namespace

absl::StatusOr<NetworkRules> ReadNetworkRules(const SandboxConfig& config, PolicyFunction policy,
                                              bool policy_sees_addresses) {
  NetworkRules rules;
  for (const std::string& cidr : config.allow_addresses) LEASH_RETURN_IF_ERROR(rules.addresses.Add(cidr));
  if (policy == nullptr) return rules;
  rules.policy = std::move(policy);
  rules.policy_sees_addresses = policy_sees_addresses;
  LEASH_ASSIGN_OR_RETURN(rules.upstream,
                         net::ReadUpstreamProxies(config.upstream_proxy, base::Environment::OfProcess()));
  rules.upstream.names_resolve_here = config.resolve_locally;
  return rules;
}

absl::StatusOr<SandboxNetwork> SandboxNetwork::Start(const SandboxConfig& config, const Plan& plan, NetworkRules rules,
                                                     PreparedSandbox& prepared) {
  SandboxNetwork network;
  if (!plan.network_denied) {
    EgressIntake intake = prepared.TakeEgress();
    network.why_not_all_ = intake.why_not_all;
    LEASH_ASSIGN_OR_RETURN(network.egress_, StartEgress(config, std::move(rules), std::move(intake)));
  }
  if (!plan.published.empty()) {
    LEASH_ASSIGN_OR_RETURN(network.publisher_, Publish(plan, prepared));
  }
  return network;
}

std::vector<PublishedPort> SandboxNetwork::published() const {
  return publisher_ == nullptr ? std::vector<PublishedPort>() : publisher_->ports();
}

void SandboxNetwork::StopListening() {
  if (publisher_ != nullptr) publisher_->StopListening();
}

void SandboxNetwork::End(absl::Duration most) {
  if (publisher_ != nullptr) publisher_->Drain(most);
  publisher_.reset();
  if (egress_ != nullptr) egress_->Drain(most);
  egress_.reset();
}

}  // namespace leash::core
