#include "net/http_session.h"

#include <sys/socket.h>

#include <utility>

#include "absl/time/clock.h"
#include "base/host_port.h"
#include "fmt/format.h"
#include "net/sockets.h"

namespace leash::net {
namespace {

constexpr std::uint16_t kHttpPort = 80;

int StatusOf(NetworkOutcome outcome) {
  switch (outcome) {
    case NetworkOutcome::kDone:
      return 200;
    case NetworkOutcome::kDenied:
    case NetworkOutcome::kAddressRefused:
      return 403;
    case NetworkOutcome::kMismatch:
      return 421;
    case NetworkOutcome::kMalformed:
      return 400;
    case NetworkOutcome::kTimedOut:
      return 504;
    case NetworkOutcome::kUnresolved:
    case NetworkOutcome::kUnreachable:
    case NetworkOutcome::kBroken:
      return 502;
  }
  return 502;
}

std::string HostField(const std::string& host, std::uint16_t port) {
  if (port != kHttpPort) return base::HostPort(host, port);
  return host.find(':') == std::string::npos ? host : fmt::format("[{}]", host);
}

// How long a program is listened to that has been told no: closing at once, with what it says unread, would reset the
// connection, and take the answer from it.
constexpr absl::Duration kLinger = absl::Seconds(2);

}  // namespace

HttpSession::HttpSession(EgressContext& context, std::uint64_t connection, NetworkRequest asker, HttpHandover from,
                         std::optional<HttpOrigin> origin, std::function<void(std::optional<ToTunnel>)> done)
    : context_(context),
      connection_(connection),
      asker_(std::move(asker)),
      origin_(std::move(origin)),
      done_(std::move(done)),
      piped_(context.buffers),
      deadline_(context.loop,
                [this] {
                  if (state_ == State::kAsking || state_ == State::kForwarding) {
                    if (!response_begun_) return Reject(504, NetworkOutcome::kTimedOut, "no answer in time");
                    Tell(NetworkOutcome::kTimedOut, "the response stopped in the middle");
                  }
                  Finish();
                }),
      soon_(context.loop, [this] { Ready(0, 0); }) {
  client_.stream = std::move(from.client);
  client_.in = std::move(from.held);
  if (from.upstream.stream) {
    upstream_host_ = origin_->host;
    upstream_port_ = origin_->port;
    OpenUpstream(std::move(from.upstream));
  }
}

HttpSession::~HttpSession() {
  if (!told_) Tell(NetworkOutcome::kBroken, "the sandbox has ended");
}

void HttpSession::Start() {
  client_.stream.OnReady([this](int events) { Ready(events, 0); });
  deadline_.Start(context_.settings.handshake);
  Ready(0, 0);
}

bool HttpSession::Carries() const {
  if (relay_ != nullptr) return !relay_->up_told();
  return !client_.ended || !client_.in.empty() || upstream_.Unsent() > 0 || state_ == State::kAsking;
}

std::string HttpSession::Refusal(NetworkOutcome outcome, const std::string& detail) {
  return ErrorResponse(StatusOf(outcome), NetworkOutcomeName(outcome), detail);
}

// ---- sockets -------------------------------------------------------------------------------------------------------

// Goes on as far as it can with what has come.
void HttpSession::Ready(int client_events, int upstream_events) {
  const auto here = presence_.handle();
  working_ = true;
  bool whole = true;
  if ((client_events & SocketWatch::kReadable) != 0) whole = client_.Fill(context_.buffers, context_.settings.buffered);
  if (whole && piped_.begun()) {
    whole = MoveBody();
  } else if ((upstream_events & SocketWatch::kReadable) != 0 &&
             !upstream_.FillInPlace(context_.buffers, context_.settings.buffered)) {
    upstream_.ended = true;  // as good as its end: what it means is decided where the response is read
  }
  if (!whole) {
    Tell(NetworkOutcome::kBroken, "a side has vanished");
    return Finish();
  }
  while (Advance()) {
    if (here.expired() || finished_) return;
  }
  if (here.expired() || finished_) return;
  upstream_.Keep();
  if (!client_.Flush()) {
    Tell(NetworkOutcome::kBroken, "a side has vanished");
    return Finish();
  }
  if (!upstream_.Flush()) {  // it may have answered before it closed: the response is still read
    upstream_.out.clear();
    upstream_.sent = 0;
  }
  if (state_ == State::kClosing && client_.Unsent() == 0) {
    (void)::shutdown(client_.stream.get(), SHUT_WR);
    state_ = State::kLingering;
    deadline_.Start(kLinger);
  }
  if (state_ == State::kLingering) {
    client_.in.clear();
    if (client_.ended) return Finish();
  }
  if (state_ == State::kUpgraded && client_.Unsent() == 0 && upstream_.Unsent() == 0) return Upgrade();
  working_ = false;
  Settle();
}

void HttpSession::Continue() {
  if (!working_) soon_.Start(absl::ZeroDuration());
}

void HttpSession::Settle() {
  const bool wants_client = !client_.ended && state_ != State::kClosing && state_ != State::kUpgraded &&
                            client_.in.size() < context_.settings.buffered &&
                            upstream_.Unsent() < context_.settings.buffered;
  client_.stream.Watch((wants_client ? SocketWatch::kReadable : 0) |
                       (client_.Unsent() > 0 || piped_.held() > 0 ? SocketWatch::kWritable : 0));
  // Also between requests: so the end of a connection that is kept is seen.
  const bool wants_upstream = !upstream_.ended && state_ != State::kUpgraded &&
                              upstream_.in.size() < context_.settings.buffered &&
                              client_.Unsent() < context_.settings.buffered && piped_.held() == 0;
  upstream_.stream.Watch((wants_upstream ? SocketWatch::kReadable : 0) |
                         (upstream_.Unsent() > 0 ? SocketWatch::kWritable : 0));
}

void HttpSession::OpenUpstream(Upstream upstream) {
  peer_ = upstream.endpoint.ToString();
  upstream_ = {};
  upstream_.stream = std::move(upstream.stream);
  upstream_.stream.OnReady([this](int events) { Ready(0, events); });
  responses_ = HttpReader(HttpKind::kResponse);
  reused_ = false;
}

// ---- requests ------------------------------------------------------------------------------------------------------

bool HttpSession::Advance() {
  switch (state_) {
    case State::kHead:
      return ReadHead();
    case State::kForwarding: {
      const bool forwarded = ForwardRequest();
      return state_ == State::kForwarding ? ForwardResponse() || forwarded : forwarded;
    }
    case State::kAsking:
    case State::kUpgraded:
    case State::kClosing:
    case State::kLingering:
      return false;
  }
  return false;
}

bool HttpSession::ReadHead() {
  if (client_.in.empty()) {
    if (client_.ended) state_ = State::kClosing;
    return false;
  }
  const HttpProgress progress = requests_.Read(client_.in);
  client_.in.erase(0, progress.consumed);
  switch (progress.found) {
    case HttpFound::kHead:
      BeginExchange();
      return true;
    case HttpFound::kError:
      BeginEvent();
      Reject(requests_.error().status, NetworkOutcome::kMalformed, requests_.error().reason);
      return true;
    case HttpFound::kNothing:
      if (client_.ended) state_ = State::kClosing;
      return false;
    case HttpFound::kBody:
    case HttpFound::kEnd:
      return true;
  }
  return false;
}

void HttpSession::BeginEvent() {
  event_ = {};
  event_.time = absl::Now();
  event_.connection = connection_;
  event_.request = asker_;
  event_.request.protocol = Protocol::kHttp;
  event_.request.arrival = Arrival::kHttp;
  if (origin_.has_value()) {
    event_.request.host = origin_->host;
    event_.request.port = origin_->port;
    event_.request.arrival = origin_->arrival;
  }
  told_ = false;
}

void HttpSession::BeginExchange() {
  request_ = requests_.head();
  // After a change to HTTP/2 in the clear, requests would come that nobody judges.
  if (!EqualsIgnoringCase(request_.upgrade, "websocket")) request_.upgrade.clear();
  request_ended_ = response_begun_ = false;
  BeginEvent();
  event_.request.method = request_.method;
  const std::optional<HttpTarget> target = ParseTarget(request_.method, request_.target);
  if (!target.has_value()) return Reject(400, NetworkOutcome::kMalformed, "the request target is malformed");
  if (!origin_.has_value() && context_.credential.has_value() && !ShowsCredential(request_, *context_.credential)) {
    return Reject(407, NetworkOutcome::kDenied, "this proxy is another program's: a credential is needed",
                  {{"Proxy-Authenticate", "Basic realm=\"leash\""}});
  }
  NetworkRequest& asked = event_.request;
  auto found = FindDestination(request_, *target, origin_);
  if (auto* objection = std::get_if<HttpObjection>(&found)) {
    return Reject(objection->status, objection->outcome, std::move(objection->detail));
  }
  asked.host = std::get<HttpDestination>(found).host;
  asked.port = std::get<HttpDestination>(found).port;
  if (target->form == HttpTargetForm::kAuthority) {
    const auto done = done_;
    finished_ = told_ = true;  // the tunnel tells
    return done(ToTunnel{std::move(client_.stream), std::move(client_.in), asked.host, asked.port});
  }
  asked.path = target->path;
  request_.target = target->ToOriginForm();
  state_ = State::kAsking;
  deadline_.Start(context_.settings.policy);
  AskPolicy(context_, asked, presence_, [this](const Ruling& ruling) { Ruled(ruling); });
}

void HttpSession::Ruled(const Ruling& ruling) {
  event_.verdict = ruling.verdict;
  event_.rule = ruling.rule;
  if (ruling.verdict != Verdict::kAllow) {
    event_.verdict = Verdict::kDeny;
    return Reject(403, NetworkOutcome::kDenied, "not allowed by the network policy");
  }
  if (upstream_.stream && !upstream_.ended && upstream_.Unread().empty() && upstream_host_ == event_.request.host &&
      upstream_port_ == event_.request.port && (proxy_ == nullptr || request_.upgrade.empty())) {
    SendRequest();
    return Continue();
  }
  ruling_ = ruling;
  Connect();
}

void HttpSession::Connect() {
  upstream_ = {};
  reach_ = std::make_unique<Reach>(
      context_, event_.request, ruling_, [this](Reached reached) { HasReached(std::move(reached)); },
      request_.upgrade.empty() ? ReachFor::kRequest : ReachFor::kTunnel);
  reach_->Start();
}

void HttpSession::HasReached(Reached reached) {
  event_.request.addresses = std::move(reached.addresses);
  if (reached.outcome != NetworkOutcome::kDone) {
    return Reject(StatusOf(reached.outcome), reached.outcome, std::move(reached.detail));
  }
  OpenUpstream(std::move(reached.upstream));
  upstream_host_ = event_.request.host;
  upstream_port_ = event_.request.port;
  proxy_ = reached.absolute_form_to;
  SendRequest();
  Continue();
}

void HttpSession::SendRequest() {
  event_.peer = peer_;
  HttpHead head = request_;
  RemoveHopByHop(head.fields);
  SetField(head.fields, "Host", HostField(event_.request.host, event_.request.port));
  if (origin_.has_value() && IpAddress::Parse(origin_->host).has_value()) {
    if (const auto said = FindField(request_.fields, "Host")) SetField(head.fields, "Host", *said);
  }
  if (proxy_ != nullptr) AddressToProxy(head, *proxy_, HostField(event_.request.host, event_.request.port));
  head.keep_alive = true;
  upstream_.out += WriteRequestHead(head);
  responses_.AnswersTo(request_.method);
  state_ = State::kForwarding;
  deadline_.Start(context_.settings.response);
}

bool HttpSession::ForwardRequest() {
  if (request_ended_ || upstream_.Unsent() >= context_.settings.buffered) return false;
  const HttpProgress progress = requests_.Read(client_.in);
  switch (progress.found) {
    case HttpFound::kBody:
      event_.bytes_sent += progress.body.size();
      if (request_.framing == HttpFraming::kChunked) {
        AppendChunk(upstream_.out, progress.body);
      } else {
        upstream_.out += progress.body;
      }
      break;
    case HttpFound::kEnd:
      request_ended_ = true;
      if (request_.framing == HttpFraming::kChunked) upstream_.out += LastChunk(requests_.trailers());
      break;
    case HttpFound::kError:
      if (response_begun_) {
        Tell(NetworkOutcome::kMalformed, requests_.error().reason);
        state_ = State::kClosing;
      } else {
        Reject(requests_.error().status, NetworkOutcome::kMalformed, requests_.error().reason);
      }
      return true;
    case HttpFound::kHead:
    case HttpFound::kNothing:
      if (client_.ended && !response_begun_) {
        Tell(NetworkOutcome::kBroken, "the program ended in the middle of its request");
        Finish();
        return true;
      }
      break;
  }
  client_.in.erase(0, progress.consumed);
  deadline_.Start(context_.settings.response);
  return progress.found == HttpFound::kBody || progress.found == HttpFound::kEnd;
}

// ---- ends ----------------------------------------------------------------------------------------------------------

// The connection ends with it: what else the program has sent is not read any more.
void HttpSession::Reject(int status, NetworkOutcome outcome, std::string detail, const HttpFields& more) {
  reach_.reset();
  event_.status = status;
  client_.out += ErrorResponse(status, NetworkOutcomeName(outcome), detail, more);
  Tell(outcome, std::move(detail));
  state_ = State::kClosing;
  upstream_ = {};
  Continue();
}

void HttpSession::Tell(NetworkOutcome outcome, std::string detail) {
  if (std::exchange(told_, true)) return;
  event_.outcome = outcome;
  event_.detail = std::move(detail);
  event_.duration = absl::Now() - event_.time;
  context_.Tell(event_);
}

void HttpSession::Finish() {
  if (std::exchange(finished_, true)) return;
  Tell(NetworkOutcome::kBroken, "the program has gone");
  soon_.Stop();
  deadline_.Stop();
  client_.stream.Watch(SocketWatch::kNothing);
  upstream_.stream.Watch(SocketWatch::kNothing);
  const auto done = done_;
  done(std::nullopt);
}

}  // namespace leash::net
