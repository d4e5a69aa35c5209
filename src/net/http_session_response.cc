// What a session does with the answers of hosts.
#include <algorithm>
#include <string>
#include <utility>

#include "fmt/format.h"
#include "net/http_session.h"
#include "net/sockets.h"

namespace leash::net {
namespace {

// From when on a body is left in the kernel, and how often before others have their turn.
constexpr std::uint64_t kLongBody = std::uint64_t{128} * 1024;
constexpr int kTurns = 4;

// May be sent a second time without harm (RFC 9110, 9.2.2).
bool IsIdempotent(const std::string& method) {
  return method == "GET" || method == "HEAD" || method == "OPTIONS" || method == "PUT" || method == "DELETE";
}

}  // namespace

bool HttpSession::ForwardResponse() {
  if (client_.Unsent() >= context_.settings.buffered || piped_.held() > 0) return false;
  if (responses_.LengthLeft() >= kLongBody && response_framing_ == HttpFraming::kLength && client_.Unsent() == 0 &&
      upstream_.Unread().empty() && !upstream_.ended && !piped_.begun() && piped_.Begin()) {
    soon_.Start(absl::ZeroDuration());  // Ready() moves it
  }
  const HttpProgress progress = responses_.Read(upstream_.Unread());
  switch (progress.found) {
    case HttpFound::kHead:
      upstream_.Consume(progress.consumed);
      BeginResponse();
      return true;
    case HttpFound::kBody:
      event_.bytes_received += progress.body.size();
      if (response_framing_ == HttpFraming::kChunked) {
        AppendChunk(client_.out, progress.body);
      } else {
        client_.SendSoon(progress.body);
      }
      break;
    case HttpFound::kEnd:
      upstream_.Consume(progress.consumed);
      if (response_begun_) EndExchange();
      return true;
    case HttpFound::kError:
      if (!response_begun_) {
        Reject(502, NetworkOutcome::kMalformed, fmt::format("the host's response: {}", responses_.error().reason));
      } else {
        Tell(NetworkOutcome::kMalformed, responses_.error().reason);
        Finish();
      }
      return true;
    case HttpFound::kNothing:
      upstream_.Consume(progress.consumed);
      if (!upstream_.ended) return false;
      UpstreamEnded();
      return true;
  }
  upstream_.Consume(progress.consumed);
  deadline_.Start(context_.settings.response);
  return true;
}

void HttpSession::BeginResponse() {
  HttpHead head = responses_.head();
  const bool interim = head.status >= 100 && head.status < 200 && head.status != 101;
  const HttpFraming framing = head.framing;
  const std::string upgrade = head.upgrade;
  RemoveHopByHop(head.fields);
  if (interim) {
    if (request_.minor_version > 0) client_.out += WriteResponseHead(head);
    return;
  }
  if (head.status == 407 && proxy_ != nullptr) {  // leash's credential, and none of the program's business
    return Reject(502, NetworkOutcome::kUnreachable, RefusalOf(*proxy_, head.status));
  }
  response_begun_ = true;
  event_.status = head.status;
  keep_upstream_ = head.keep_alive && framing != HttpFraming::kUntilClose;
  keep_client_ = request_.keep_alive;
  response_framing_ = framing;
  if (framing == HttpFraming::kUntilClose || framing == HttpFraming::kChunked) {
    if (request_.minor_version > 0) {
      response_framing_ = HttpFraming::kChunked;
    } else {
      response_framing_ = HttpFraming::kUntilClose;
      keep_client_ = false;
    }
  }
  if (!request_ended_) keep_client_ = keep_upstream_ = false;  // answered before all was said: the rest is not read
  head.framing = response_framing_;
  head.keep_alive = keep_client_;
  head.upgrade = head.status == 101 ? upgrade : std::string();
  client_.out += WriteResponseHead(head);
  if (head.status == 101) {
    if (request_.upgrade.empty()) {
      Tell(NetworkOutcome::kMalformed, "the host changed the protocol without being asked");
      return Finish();
    }
    state_ = State::kUpgraded;
  }
}

void HttpSession::EndExchange() {
  if (state_ == State::kUpgraded) return;
  if (response_framing_ == HttpFraming::kChunked) client_.out += LastChunk(responses_.trailers());
  Tell(NetworkOutcome::kDone, "");
  reused_ = true;
  if (!keep_upstream_ || upstream_.ended || !upstream_.Unread().empty()) upstream_ = {};
  state_ = keep_client_ ? State::kHead : State::kClosing;
  deadline_.Start(context_.settings.idle_http);
}

void HttpSession::UpstreamEnded() {
  const HttpProgress progress = responses_.Finish();
  if (progress.found == HttpFound::kEnd) return EndExchange();
  if (!response_begun_ && reused_ && responses_.idle() && event_.bytes_sent == 0 && IsIdempotent(request_.method)) {
    // It was closed while the request was on its way (RFC 9112, 9.3.1).
    state_ = State::kAsking;
    return Connect();
  }
  if (!response_begun_) return Reject(502, NetworkOutcome::kBroken, "the host closed the connection without an answer");
  Tell(NetworkOutcome::kBroken, "the host closed the connection in the middle of its response");
  Finish();
}

// What follows a 101 is nobody's HTTP.
void HttpSession::Upgrade() {
  soon_.Stop();
  deadline_.Stop();
  // What the host has said already goes ahead of what it says next.
  if (!upstream_.in.empty()) {
    const ssize_t sent = Send(client_.stream.get(), upstream_.in.data(), upstream_.in.size());
    if (sent != static_cast<ssize_t>(upstream_.in.size())) {
      Tell(NetworkOutcome::kBroken, "the program does not read");
      return Finish();
    }
    event_.bytes_received += upstream_.in.size();
  }
  relay_ = std::make_unique<Relay>(context_.loop, context_.settings, context_.buffers,
                                   Relay::Sockets{std::move(client_.stream), std::move(upstream_.stream)},
                                   std::move(client_.in), nullptr, [this](Relay::End end) {
                                     auto [outcome, detail] = Relay::OutcomeOf(end);
                                     event_.bytes_sent += relay_->bytes_up();
                                     event_.bytes_received += relay_->bytes_down();
                                     Tell(outcome, std::move(detail));
                                     Finish();
                                   });
  relay_->Start();
}

// The rest of a long body. False: the program has gone.
bool HttpSession::MoveBody() {
  for (int turn = 0; turn < kTurns; ++turn) {
    if (piped_.held() == 0) {
      const std::uint64_t left = std::min<std::uint64_t>(responses_.LengthLeft(), RelayBuffers::kPipeSize);
      const ssize_t got = left == 0 ? -1 : piped_.Take(upstream_.stream.get(), left);
      if (got == 0 || (left > 0 && got < 0 && !WouldBlock())) upstream_.ended = true;
      if (got <= 0) {
        piped_.End();
        return true;
      }
      responses_.Skip(piped_.held());
      event_.bytes_received += piped_.held();
      deadline_.Start(context_.settings.response);
    }
    if (!piped_.Drain(client_.stream.get())) return false;
    if (piped_.held() > 0) return true;
  }
  return true;
}

}  // namespace leash::net
