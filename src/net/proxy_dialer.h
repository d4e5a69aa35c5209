// Connects to a host by way of an upstream proxy.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "net/dialer.h"
#include "net/egress_context.h"
#include "net/proxy_dialogue.h"
#include "net/upstream_proxy.h"

namespace leash::net {

// A dialogue on a connection to a proxy. For use on the loop's thread alone; destroying it gives it up.
class ProxyHandshake {
 public:
  using Done = std::function<void(absl::StatusOr<Upstream> opened, DialogueState state)>;

  // `done` is called once, never before this returns, with the tunnel that `proxy` has become: nothing that comes
  // through it has been read. It may destroy this object. Errors: kIo.
  ProxyHandshake(EgressContext& context, Upstream proxy, std::unique_ptr<ProxyDialogue> dialogue,
                 std::string description, Done done);
  ProxyHandshake(const ProxyHandshake&) = delete;
  ProxyHandshake& operator=(const ProxyHandshake&) = delete;

 private:
  void Ready();
  bool Read();
  bool Flush();
  void Fail(std::string_view why);
  void Finish(absl::StatusOr<Upstream> result, DialogueState state);

  EgressContext& context_;
  Upstream proxy_;
  const std::unique_ptr<ProxyDialogue> dialogue_;
  const std::string description_;
  const Done done_;
  std::string out_;  // to be sent
  Timer deadline_;
};

// The proxy's own host is resolved here, and may have any address: it was named by whoever started leash. For use on
// the loop's thread alone; destroying it gives it up.
class ProxyDialer {
 public:
  // `hosts` (names or addresses, normalised) are tried one after the other; with none, the connection to the proxy
  // itself is what is wanted. `proxy` outlives this.
  ProxyDialer(EgressContext& context, const UpstreamProxy& proxy, std::vector<std::string> hosts, std::uint16_t port,
              std::function<void(absl::StatusOr<Upstream>)> done);

  // `done` is called once, perhaps before this returns; it may destroy this object. Errors: kIo, naming the proxy. The
  // endpoint of what is opened is the proxy's.
  void Start();

 private:
  void Resolved(const absl::StatusOr<std::vector<IpAddress>>& addresses);
  void Dialled(absl::StatusOr<Upstream> dialled);
  void Finish(absl::StatusOr<Upstream> result);
  absl::Status Because(const absl::Status& status) const;

  EgressContext& context_;
  const UpstreamProxy& proxy_;
  const std::vector<std::string> hosts_;
  const std::uint16_t port_;
  const std::function<void(absl::StatusOr<Upstream>)> done_;
  std::size_t next_ = 0;  // of hosts_
  std::unique_ptr<Dialer> dialer_;
  std::unique_ptr<ProxyHandshake> handshake_;
  Presence presence_;
};

}  // namespace leash::net
