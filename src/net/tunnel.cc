#include "net/tunnel.h"

#include <sys/socket.h>

#include <utility>

#include "absl/time/clock.h"
#include "fmt/format.h"
#include "net/client_hello.h"
#include "net/host_name.h"
#include "net/sniff.h"
#include "net/sockets.h"

namespace leash::net {
Tunnel::Tunnel(EgressContext& context, std::uint64_t connection, Stream client, NetworkRequest request,
               std::string held, TunnelReplies replies, std::function<void(std::optional<HttpHandover>)> done)
    : context_(context),
      client_(std::move(client)),
      held_(std::move(held)),
      replies_(std::move(replies)),
      done_(std::move(done)),
      deadline_(context.loop, [this] { Refuse(NetworkOutcome::kTimedOut, "no answer in time"); }) {
  event_.time = absl::Now();
  event_.connection = connection;
  event_.request = std::move(request);
}

Tunnel::~Tunnel() {
  if (!told_) Tell(NetworkOutcome::kBroken, "the sandbox has ended");
}

void Tunnel::Start() {
  deadline_.Start(context_.settings.policy);
  AskPolicy(context_, event_.request, presence_, [this](const Ruling& ruling) { Ruled(ruling); });
}

void Tunnel::Ruled(const Ruling& ruling) {
  deadline_.Stop();
  event_.verdict = ruling.verdict;
  event_.rule = ruling.rule;
  switch (ruling.verdict) {
    case Verdict::kDeny:
      return Refuse(NetworkOutcome::kDenied, "not allowed by the network policy");
    case Verdict::kInspect:
      if (event_.request.protocol == Protocol::kTcp) return AwaitProtocol();
      return Refuse(NetworkOutcome::kDenied, "the network policy judges requests that TLS hides here");
    case Verdict::kAllow:
      break;
  }
  reach_ = std::make_unique<Reach>(context_, event_.request, ruling,
                                   [this](Reached reached) { HasReached(std::move(reached)); });
  reach_->Start();
}

void Tunnel::HasReached(Reached reached) {
  event_.request.addresses = std::move(reached.addresses);
  if (reached.outcome != NetworkOutcome::kDone) return Refuse(reached.outcome, std::move(reached.detail));
  upstream_ = std::move(reached.upstream);
  event_.peer = upstream_.endpoint.ToString();
  if (!Accept()) return Finish(NetworkOutcome::kBroken, "the program has gone");
  relay_ = std::make_unique<Relay>(
      context_.loop, context_.settings, context_.buffers,
      Relay::Sockets{std::move(client_), std::move(upstream_.stream)}, std::move(held_),
      [this](std::string_view so_far, bool complete) { return Inspect(so_far, complete); },
      [this](Relay::End end) { RelayEnded(end); });
  reach_.reset();
  relay_->Start();
}

bool Tunnel::Accept() {
  if (std::exchange(accepted_, true)) return true;
  const std::string& reply = replies_.accepted;
  return reply.empty() || Send(client_.get(), reply.data(), reply.size()) == static_cast<ssize_t>(reply.size());
}

// What is spoken decides. Nothing is connected before it is known.
void Tunnel::AwaitProtocol() {
  if (!Accept()) return Finish(NetworkOutcome::kBroken, "the program has gone");
  deadline_.Start(context_.settings.handshake);
  client_.OnReady([this](int) { ReadProtocol(); });
  client_.Watch(SocketWatch::kReadable);
  if (!held_.empty()) ReadProtocol();
}

void Tunnel::ReadProtocol() {
  auto& bytes = context_.buffers.bytes();
  const ssize_t got = Receive(client_.get(), bytes.data(), bytes.size());
  if (got == 0 || (got < 0 && !WouldBlock())) return Finish(NetworkOutcome::kBroken, "the program has gone");
  if (got > 0) held_.append(bytes.data(), static_cast<std::size_t>(got));
  switch (Inspect(held_, false)) {
    case Relay::Inspected::kMore:
      return;
    case Relay::Inspected::kStop:
      if (objection_.has_value()) return Refuse(objection_->first, std::move(objection_->second));
      return HandOver({std::move(client_), {}, std::move(held_)});
    case Relay::Inspected::kPass:
      break;
  }
  if (event_.request.protocol != Protocol::kTls) {
    return Refuse(NetworkOutcome::kDenied, "the network policy allows only what can be looked into on this host");
  }
  client_.Watch(SocketWatch::kNothing);
  Start();
}

Relay::Inspected Tunnel::Inspect(std::string_view so_far, bool complete) {
  switch (Sniff(so_far)) {
    case Sniffed::kMore:
      return complete ? Relay::Inspected::kPass : Relay::Inspected::kMore;
    case Sniffed::kTls:
      if (const Relay::Inspected seen = InspectTls(so_far); seen != Relay::Inspected::kMore || !complete) return seen;
      objection_ = {NetworkOutcome::kMalformed, "the TLS ClientHello is cut off"};
      return Relay::Inspected::kStop;
    case Sniffed::kHttp:
      return Relay::Inspected::kStop;
    case Sniffed::kOpaque:
      return Relay::Inspected::kPass;
  }
  return Relay::Inspected::kStop;
}

// Another server name than that of the host would be another host's, behind the same front (domain fronting). Where a
// rule allows an address as such, there is no name that it could differ from.
Relay::Inspected Tunnel::InspectTls(std::string_view so_far) {
  const ClientHello hello = InspectClientHello(so_far);
  switch (hello.status) {
    case ClientHelloStatus::kNeedMore:
      return Relay::Inspected::kMore;
    case ClientHelloStatus::kNotTls:
      return Relay::Inspected::kPass;
    case ClientHelloStatus::kMalformed:
      objection_ = {NetworkOutcome::kMalformed, "the TLS ClientHello cannot be read"};
      return Relay::Inspected::kStop;
    case ClientHelloStatus::kDone:
      break;
  }
  event_.request.protocol = Protocol::kTls;
  if (!hello.server_name.has_value() || IpAddress::Parse(event_.request.host).has_value()) {
    return Relay::Inspected::kPass;
  }
  const absl::StatusOr<std::string> name = NormalizeHost(*hello.server_name);
  if (name.ok() && *name == event_.request.host) return Relay::Inspected::kPass;
  objection_ = {NetworkOutcome::kMismatch, fmt::format("TLS is asked to be with {}", *hello.server_name)};
  return Relay::Inspected::kStop;
}

void Tunnel::RelayEnded(Relay::End end) {
  auto [outcome, detail] = Relay::OutcomeOf(end);
  event_.bytes_sent = relay_->bytes_up();
  event_.bytes_received = relay_->bytes_down();
  if (end != Relay::End::kStopped) return Finish(outcome, std::move(detail));
  Relay::Sockets sockets = relay_->TakeSockets();
  std::string held = relay_->TakeHeld();
  if (objection_.has_value()) {
    sockets.client.Reset();
    return Finish(objection_->first, std::move(objection_->second));
  }
  HandOver({std::move(sockets.client), {std::move(sockets.upstream), upstream_.endpoint}, std::move(held)});
}

void Tunnel::Refuse(NetworkOutcome outcome, std::string detail) {
  const std::string reply = replies_.refused && !accepted_ ? replies_.refused(outcome, detail) : std::string();
  if (reply.empty()) {
    client_.Reset();
  } else {
    (void)Send(client_.get(), reply.data(), reply.size());
    (void)::shutdown(client_.get(), SHUT_WR);
  }
  Finish(outcome, std::move(detail));
}

void Tunnel::Finish(NetworkOutcome outcome, std::string detail) {
  deadline_.Stop();
  Tell(outcome, std::move(detail));
  const auto done = done_;
  done(std::nullopt);
}

void Tunnel::HandOver(HttpHandover handover) {
  deadline_.Stop();
  told_ = true;  // of its requests
  const auto done = done_;
  done(std::move(handover));
}

void Tunnel::Tell(NetworkOutcome outcome, std::string detail) {
  told_ = true;
  event_.outcome = outcome;
  event_.detail = std::move(detail);
  event_.duration = absl::Now() - event_.time;
  context_.Tell(event_);
}

}  // namespace leash::net
