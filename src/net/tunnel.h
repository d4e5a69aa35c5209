// One connection of a program to one host: asked about, made, looked into at its beginning, and carried.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "leash/network_event.h"
#include "net/egress_context.h"
#include "net/reach.h"
#include "net/relay.h"
#include "net/stream.h"

namespace leash::net {

// What the client is told, as bytes of the protocol in which it asked. Empty: nothing.
struct TunnelReplies {
  std::string accepted;
  std::function<std::string(NetworkOutcome outcome, const std::string& detail)> refused;
};

// A tunnel in which HTTP is spoken: it goes on as an exchange of requests, each asked about by itself.
struct HttpHandover {
  Stream client;
  Upstream upstream;  // empty when what is spoken was to decide, and so nothing was connected yet
  std::string held;   // what the client has said so far
};

class Tunnel {
 public:
  // `request` has its host normalised. `held` is what the client has said already. `done` is called once, never before
  // Start() returns unless the constructor's caller says otherwise; it may destroy this object.
  Tunnel(EgressContext& context, std::uint64_t connection, Stream client, NetworkRequest request, std::string held,
         TunnelReplies replies, std::function<void(std::optional<HttpHandover>)> done);
  // What is under way ends as kBroken.
  ~Tunnel();
  Tunnel(const Tunnel&) = delete;
  Tunnel& operator=(const Tunnel&) = delete;

  void Start();
  // Whether the program may have said something that the host has not got yet.
  bool Carries() const { return relay_ == nullptr || !relay_->up_told(); }

 private:
  void Ruled(const Ruling& ruling);
  void HasReached(Reached reached);
  void AwaitProtocol();
  void ReadProtocol();
  bool Accept();
  Relay::Inspected Inspect(std::string_view so_far, bool complete);
  Relay::Inspected InspectTls(std::string_view so_far);
  void RelayEnded(Relay::End end);
  void Refuse(NetworkOutcome outcome, std::string detail);
  void Finish(NetworkOutcome outcome, std::string detail);
  void HandOver(HttpHandover handover);
  void Tell(NetworkOutcome outcome, std::string detail);

  EgressContext& context_;
  Stream client_;
  std::string held_;
  const TunnelReplies replies_;
  const std::function<void(std::optional<HttpHandover>)> done_;
  NetworkEvent event_;
  bool accepted_ = false;
  bool told_ = false;
  // Why the inspector stopped; none: because HTTP is spoken.
  std::optional<std::pair<NetworkOutcome, std::string>> objection_;
  Upstream upstream_;
  std::unique_ptr<Reach> reach_;
  std::unique_ptr<Relay> relay_;
  Timer deadline_;
  Presence presence_;
};

}  // namespace leash::net
