// The egress proxy of one sandbox: everything that its programs connect to, and every name that they ask for, comes
// here and is asked about.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/arrived_connection.h"
#include "base/unique_fd.h"
#include "leash/network.h"
#include "leash/network_event.h"
#include "net/address_class.h"
#include "net/egress_settings.h"
#include "net/relay.h"
#include "net/socks.h"
#include "net/upstream_proxy.h"

namespace leash::net {

struct EgressOptions {
  // TCP, listening. What is accepted and was meant for another address is served for that one; to the listener itself,
  // HTTP (absolute targets and CONNECT) and SOCKS 4, 4a and 5 are spoken.
  std::vector<base::UniqueFd> listeners;
  // UDP, for DNS. They give the address that was asked as ancillary data.
  std::vector<base::UniqueFd> resolvers;
  // DNS too: brings such sockets, each connected to one program (dns_sockets.h). May be empty.
  base::UniqueFd name_sockets;
  // Asked on the loop's thread. Null: each connection is the sandbox's, to the listener itself, by nobody known.
  base::Arrival arrive;
  // The same, of messages to `resolvers`. Null: nobody known.
  base::Sender sender;
  SpliceFunction splice = nullptr;
  // Asked of clients of the listener itself, where others than the sandbox can reach it.
  std::optional<SocksCredential> credential;

  PolicyFunction policy;
  bool policy_sees_addresses = false;  // see network_policy.h
  AddressRules addresses;
  NetworkEventCallback told;
  EgressSettings settings;
  std::vector<std::string> name_servers;  // in place of the host's: "127.0.0.1:5353"
  UpstreamProxies upstream;
};

// Runs on the loop's thread (base/event_loop.h). Safe to use from any thread.
class EgressProxy {
 public:
  static absl::StatusOr<std::unique_ptr<EgressProxy>> Start(EgressOptions options);
  // Ends every connection. `told` has heard of all of them when this returns, and hears nothing any more.
  ~EgressProxy();
  EgressProxy(const EgressProxy&) = delete;
  EgressProxy& operator=(const EgressProxy&) = delete;

  // For when the programs have ended: returns when what they had said has been passed on, or after `most`. On the
  // loop's thread itself, which must not wait, at once.
  void Drain(absl::Duration most);
  // Connections at this moment.
  std::size_t connections() const;

 private:
  class Service;
  explicit EgressProxy(std::unique_ptr<Service> service);
  std::unique_ptr<Service> service_;  // for use on the loop's thread
};

}  // namespace leash::net
