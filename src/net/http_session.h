// HTTP/1 between a program and the hosts that it asks for: every request is read, asked about by method and path, and
// written anew for its host; every response likewise for the program.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "leash/network_event.h"
#include "net/egress_context.h"
#include "net/http_destination.h"
#include "net/http_message.h"
#include "net/http_reader.h"
#include "net/http_side.h"
#include "net/reach.h"
#include "net/relay.h"
#include "net/stream.h"
#include "net/tunnel.h"

namespace leash::net {

// One connection of a program. No Via field is added, and nothing of the program is told to the host that it did not
// say itself.
class HttpSession {
 public:
  // CONNECT: the connection is to become a tunnel, and this session is over.
  struct ToTunnel {
    Stream client;
    std::string held;
    std::string host;  // normalised
    std::uint16_t port = 0;
  };
  // `asker` says of all its requests which program they come from. `done` is called once, perhaps before Start()
  // returns; it may destroy this object.
  HttpSession(EgressContext& context, std::uint64_t connection, NetworkRequest asker, HttpHandover from,
              std::optional<HttpOrigin> origin, std::function<void(std::optional<ToTunnel>)> done);
  ~HttpSession();
  HttpSession(const HttpSession&) = delete;
  HttpSession& operator=(const HttpSession&) = delete;

  void Start();
  // Whether the program may have said something that the host has not got yet.
  bool Carries() const;

  // The answer to a request that cannot be served.
  static std::string Refusal(NetworkOutcome outcome, const std::string& detail);

 private:
  enum class State { kHead, kAsking, kForwarding, kUpgraded, kClosing, kLingering };

  void Ready(int client_events, int upstream_events);
  void Continue();
  bool MoveBody();
  void Settle();
  // One thing that can be done with what is there. False: nothing can.
  bool Advance();
  bool ReadHead();
  bool ForwardRequest();
  bool ForwardResponse();

  void BeginEvent();
  void BeginExchange();
  void Ruled(const Ruling& ruling);
  void Connect();
  void HasReached(Reached reached);
  void SendRequest();
  void BeginResponse();
  void EndExchange();
  void UpstreamEnded();
  void Upgrade();

  void Reject(int status, NetworkOutcome outcome, std::string detail, const HttpFields& more = {});
  void Tell(NetworkOutcome outcome, std::string detail);
  void Finish();
  void OpenUpstream(Upstream upstream);

  EgressContext& context_;
  const std::uint64_t connection_;
  const NetworkRequest asker_;
  const std::optional<HttpOrigin> origin_;
  const std::function<void(std::optional<ToTunnel>)> done_;

  State state_ = State::kHead;
  HttpSide client_;
  HttpSide upstream_;
  std::string upstream_host_;  // what upstream_ is a connection to
  std::uint16_t upstream_port_ = 0;
  std::string peer_;
  const UpstreamProxy* proxy_ = nullptr;  // upstream_ is a connection to it, for requests in absolute form
  bool reused_ = false;                   // upstream_ has served a request before

  HttpReader requests_{HttpKind::kRequest};
  HttpReader responses_{HttpKind::kResponse};
  HttpHead request_;
  Ruling ruling_;
  bool request_ended_ = false;
  bool response_begun_ = false;
  HttpFraming response_framing_ = HttpFraming::kNone;  // as the program gets it
  // A long body goes through the kernel.
  PipedBytes piped_;
  bool keep_upstream_ = false;
  bool keep_client_ = false;

  NetworkEvent event_;
  bool told_ = true;
  bool finished_ = false;
  bool working_ = false;  // in Ready(), which goes on with whatever has become possible
  std::unique_ptr<Reach> reach_;
  std::unique_ptr<Relay> relay_;
  Timer deadline_;
  Timer soon_;
  Presence presence_;
};

}  // namespace leash::net
