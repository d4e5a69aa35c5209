// One connection of a program to the egress proxy, from its arrival to its end: what it wants is found out, and given
// to who serves it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/arrived_connection.h"
#include "base/unique_fd.h"
#include "net/dns_service.h"
#include "net/egress_context.h"
#include "net/http_session.h"
#include "net/socks.h"
#include "net/stream.h"
#include "net/tunnel.h"

namespace leash::net {

class EgressConnection {
 public:
  // `done` is called once, perhaps before Start() returns; it may not destroy this object before it has returned.
  EgressConnection(EgressContext& context, DnsService& names, base::UniqueFd client, base::ArrivedConnection arrived,
                   std::function<void()> done);
  ~EgressConnection();
  EgressConnection(const EgressConnection&) = delete;
  EgressConnection& operator=(const EgressConnection&) = delete;

  void Start();
  // Whether the program may have said something that has not been passed on yet.
  bool Carries() const;

 private:
  enum class Stage { kReading, kNames, kTunnel, kHttp };

  void StartTransparent(const Endpoint& destination);
  void Read();
  void ReadSocks();
  void ServeHttp(HttpHandover from, std::optional<HttpOrigin> origin);
  void OpenTunnel(Stream client, NetworkRequest request, std::string held, TunnelReplies replies);
  void Finish();

  EgressContext& context_;
  DnsService& names_;
  const std::uint64_t number_;
  Stream client_;
  const sockaddr_storage destination_;
  const std::function<void()> done_;
  Stage stage_ = Stage::kReading;
  NetworkRequest asker_;  // what every request of it has: which program it comes from
  // Transparent: where it was to go, and whether that is an address that was given out for a name.
  std::optional<NetworkRequest> meant_;
  std::optional<IpAddress> leased_;
  std::string held_;
  std::optional<SocksParser> socks_;
  std::unique_ptr<Timer> deadline_;
  std::unique_ptr<Tunnel> tunnel_;
  std::unique_ptr<HttpSession> http_;
  std::unique_ptr<DnsStream> dns_;
};

}  // namespace leash::net
