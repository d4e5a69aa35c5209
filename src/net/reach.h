// From a host that the policy allows to a connection: one resolution, its check, and a dial of what was checked.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "leash/network_event.h"
#include "net/dialer.h"
#include "net/egress_context.h"

namespace leash::net {

struct Reached {
  NetworkOutcome outcome = NetworkOutcome::kDone;
  std::string detail;                  // for another outcome than kDone
  Upstream upstream;                   // for kDone
  std::vector<std::string> addresses;  // of the host, allowed or not
};

// One attempt. Destroying it gives it up.
class Reach {
 public:
  // `request` is what the policy has allowed by `ruling`, with its host normalised. A policy that sees addresses is
  // asked once more when they are known.
  Reach(EgressContext& context, NetworkRequest request, const Ruling& ruling, std::function<void(Reached)> done);

  // `done` is called once, perhaps before this returns; it may destroy this object.
  void Start();

 private:
  void Check(const std::vector<IpAddress>& addresses, bool named);
  void Dial();
  void Finish(NetworkOutcome outcome, std::string detail);

  EgressContext& context_;
  NetworkRequest request_;
  const bool address_named_;  // by the rule: then it may be a private one
  const std::function<void(Reached)> done_;
  Reached result_;
  std::vector<Endpoint> endpoints_;
  std::unique_ptr<Dialer> dialer_;
  Presence presence_;
};

}  // namespace leash::net
