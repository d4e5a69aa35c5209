#include "net/egress_connection.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "absl/time/clock.h"
#include "net/address_class.h"
#include "net/host_name.h"
#include "net/sniff.h"
#include "net/sockets.h"

namespace leash::net {
namespace {

constexpr std::uint16_t kHttpPort = 80;

SocksReply SocksReplyFor(NetworkOutcome outcome) {
  switch (outcome) {
    case NetworkOutcome::kDenied:
    case NetworkOutcome::kAddressRefused:
      return SocksReply::kNotAllowed;
    case NetworkOutcome::kUnresolved:
      return SocksReply::kHostUnreachable;
    case NetworkOutcome::kUnreachable:
      return SocksReply::kConnectionRefused;
    case NetworkOutcome::kTimedOut:
      return SocksReply::kTtlExpired;
    default:
      return SocksReply::kFailure;
  }
}

}  // namespace

EgressConnection::EgressConnection(EgressContext& context, DnsService& names, base::UniqueFd client,
                                   base::ArrivedConnection arrived, std::function<void()> done)
    : context_(context),
      names_(names),
      number_(++context.connections),
      client_(context.loop, std::move(client)),
      destination_(arrived.destination),
      done_(std::move(done)) {
  asker_.pid = arrived.program.pid;
  asker_.executable = std::move(arrived.program.executable);
}

EgressConnection::~EgressConnection() {
  if (leased_.has_value()) context_.leases.Release(*leased_, absl::Now());
}

void EgressConnection::Start() {
  if (!client_) return Finish();
  if (destination_.ss_family == AF_UNSPEC) return Read();
  const auto destination = Endpoint::FromSockaddr(reinterpret_cast<const sockaddr&>(destination_));
  return destination.has_value() ? StartTransparent(*destination) : Finish();
}

bool EgressConnection::Carries() const {
  switch (stage_) {
    case Stage::kReading:
      return true;
    case Stage::kNames:
      return false;
    case Stage::kTunnel:
      return tunnel_->Carries();
    case Stage::kHttp:
      return http_->Carries();
  }
  return false;
}

void EgressConnection::StartTransparent(const Endpoint& destination) {
  if (destination.port == kDnsPort) {
    dns_ = std::make_unique<DnsStream>(context_, names_, number_, base::Program{asker_.pid, asker_.executable},
                                       std::move(client_), [this] { Finish(); });
    stage_ = Stage::kNames;
    return dns_->Start();
  }
  NetworkRequest request = asker_;
  request.host = destination.address.ToString();
  request.port = destination.port;
  request.arrival = Arrival::kTransparent;
  // Loopback is the sandbox's own: what was meant for it and comes here all the same is not for the host's.
  if (Classify(destination.address) == AddressClass::kLoopback) {
    NetworkEvent event;
    event.time = absl::Now();
    event.connection = number_;
    event.request = std::move(request);
    event.outcome = NetworkOutcome::kAddressRefused;
    event.detail = "loopback is the sandbox's own, and nobody listens there";
    context_.Tell(event);
    return Finish();
  }
  if (auto name = context_.leases.NameOf(destination.address)) {
    request.host = *std::move(name);
    if (context_.leases.Hold(destination.address)) leased_ = destination.address;
  }
  // Where HTTP is spoken mostly, the program is heard first: a refusal can then be one that it understands.
  if (destination.port == kHttpPort) {
    meant_ = std::move(request);
    return Read();
  }
  OpenTunnel(std::move(client_), std::move(request), "", {});
}

// Reads until it is known what is spoken to us.
void EgressConnection::Read() {
  if (deadline_ == nullptr) {
    client_.OnReady([this](int) { Read(); });
    client_.Watch(SocketWatch::kReadable);
    deadline_ = std::make_unique<Timer>(context_.loop, [this] { Finish(); });
    deadline_->Start(context_.settings.handshake);
  }
  auto& bytes = context_.buffers.bytes();
  const ssize_t got = Receive(client_.get(), bytes.data(), bytes.size());
  if (got < 0) {
    if (!WouldBlock()) Finish();
    return;
  }
  if (got == 0) return Finish();
  held_.append(bytes.data(), static_cast<std::size_t>(got));
  if (socks_.has_value()) return ReadSocks();
  if (meant_.has_value()) {
    switch (Sniff(held_)) {
      case Sniffed::kMore:
        return;
      case Sniffed::kHttp: {
        deadline_.reset();
        HttpOrigin origin{meant_->host, meant_->port, Arrival::kTransparent};
        return ServeHttp({std::move(client_), {}, std::move(held_)}, std::move(origin));
      }
      case Sniffed::kTls:
      case Sniffed::kOpaque:
        deadline_.reset();
        return OpenTunnel(std::move(client_), *std::move(meant_), std::move(held_), {});
    }
    return;
  }
  if (held_[0] == '\x04' || held_[0] == '\x05') {
    socks_.emplace(context_.credential);
    return ReadSocks();
  }
  deadline_.reset();
  ServeHttp({std::move(client_), {}, std::move(held_)}, std::nullopt);
}

void EgressConnection::ReadSocks() {
  const SocksProgress progress = socks_->Feed(held_);
  held_.erase(0, progress.consumed);
  if (!progress.send.empty() &&
      Send(client_.get(), progress.send.data(), progress.send.size()) != static_cast<ssize_t>(progress.send.size())) {
    return Finish();
  }
  switch (progress.event) {
    case SocksEvent::kNeedMore:
      return;
    case SocksEvent::kClose:
      return Finish();
    case SocksEvent::kRequest:
      break;
  }
  deadline_.reset();
  NetworkRequest request = asker_;
  request.port = socks_->request().port;
  request.arrival = Arrival::kSocks;
  auto host = NormalizeHost(socks_->request().host);
  if (!host.ok()) {
    const std::string reply = socks_->Reply(SocksReply::kFailure);
    (void)Send(client_.get(), reply.data(), reply.size());
    return Finish();
  }
  request.host = *std::move(host);
  if (const auto address = socks_->request().address) {
    if (auto name = context_.leases.NameOf(*address)) request.host = *std::move(name);
  }
  OpenTunnel(std::move(client_), std::move(request), std::move(held_),
             {socks_->Reply(SocksReply::kSucceeded), [socks = *socks_](NetworkOutcome outcome, const std::string&) {
                return socks.Reply(SocksReplyFor(outcome));
              }});
}

void EgressConnection::ServeHttp(HttpHandover from, std::optional<HttpOrigin> origin) {
  http_ = std::make_unique<HttpSession>(context_, number_, asker_, std::move(from), std::move(origin),
                                        [this](std::optional<HttpSession::ToTunnel> tunnel) {
                                          if (!tunnel.has_value()) return Finish();
                                          NetworkRequest request = asker_;
                                          request.host = std::move(tunnel->host);
                                          request.port = tunnel->port;
                                          request.arrival = Arrival::kConnect;
                                          OpenTunnel(
                                              std::move(tunnel->client), std::move(request), std::move(tunnel->held),
                                              {"HTTP/1.1 200 Connection established\r\n\r\n", &HttpSession::Refusal});
                                        });
  stage_ = Stage::kHttp;
  http_->Start();
}

void EgressConnection::OpenTunnel(Stream client, NetworkRequest request, std::string held, TunnelReplies replies) {
  HttpOrigin origin{request.host, request.port, request.arrival};
  tunnel_ = std::make_unique<Tunnel>(context_, number_, std::move(client), std::move(request), std::move(held),
                                     std::move(replies),
                                     [this, origin = std::move(origin)](std::optional<HttpHandover> http) mutable {
                                       if (!http.has_value()) return Finish();
                                       ServeHttp(*std::move(http), std::move(origin));
                                     });
  stage_ = Stage::kTunnel;
  tunnel_->Start();
}

void EgressConnection::Finish() {
  client_.Watch(SocketWatch::kNothing);
  deadline_.reset();
  done_();
}

}  // namespace leash::net
