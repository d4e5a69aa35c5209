// What all connections of one sandbox's egress proxy share. For use on the loop's thread alone.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "leash/network.h"
#include "leash/network_event.h"
#include "net/address_class.h"
#include "net/egress_settings.h"
#include "net/ip_address.h"
#include "net/lease_pool.h"
#include "net/own_addresses.h"
#include "net/relay.h"
#include "net/resolver.h"
#include "net/socks.h"
#include "net/upstream_proxy.h"

struct uv_loop_s;

namespace leash::net {

struct EgressContext {
  uv_loop_s* loop = nullptr;
  EgressSettings settings;
  PolicyFunction policy;
  bool policy_sees_addresses = false;  // see network_policy.h
  AddressRules addresses;
  OwnAddresses own;
  NetworkEventCallback told;  // may be empty
  // What a client of the listener itself must show; none where nobody but the sandbox reaches it.
  std::optional<SocksCredential> credential;
  RelayBuffers buffers;
  std::unique_ptr<Resolver> resolver;
  UpstreamProxies upstream;
  LeasePool leases;
  std::uint64_t connections = 0;

  explicit EgressContext(SpliceFunction splice) : buffers(splice) {}

  void Tell(const NetworkEvent& event) const {
    if (told) told(event);
  }
};

// Lets a callback ask whether who waits for it is still there.
class Presence {
 public:
  std::weak_ptr<void> handle() const { return here_; }

 private:
  std::shared_ptr<void> here_ = std::make_shared<char>();
};

// Asks the policy. `answered` is called on the loop's thread, once and unless `presence` has gone; perhaps before this
// returns. A policy that never answers is for the caller's deadline.
void AskPolicy(const EgressContext& context, const NetworkRequest& request, const Presence& presence,
               std::function<void(Ruling)> answered);

}  // namespace leash::net
