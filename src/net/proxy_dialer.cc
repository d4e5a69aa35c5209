#include "net/proxy_dialer.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/status.h"
#include "fmt/format.h"
#include "leash/error.h"
#include "net/sockets.h"

namespace leash::net {

ProxyHandshake::ProxyHandshake(EgressContext& context, Upstream proxy, std::unique_ptr<ProxyDialogue> dialogue,
                               std::string description, Done done)
    : context_(context),
      proxy_(std::move(proxy)),
      dialogue_(std::move(dialogue)),
      description_(std::move(description)),
      done_(std::move(done)),
      out_(dialogue_->Opening()),
      deadline_(context.loop, [this] { Fail("did not answer in time"); }) {
  deadline_.Start(context_.settings.proxy_answer);
  proxy_.stream.OnReady([this](int) { Ready(); });
  proxy_.stream.Watch(SocketWatch::kWritable);
}

void ProxyHandshake::Ready() {
  if (!Flush()) return Fail("closed the connection");
  if (!Read()) return;
  proxy_.stream.Watch(SocketWatch::kReadable | (out_.empty() ? 0 : SocketWatch::kWritable));
}

bool ProxyHandshake::Flush() {
  while (!out_.empty()) {
    const ssize_t sent = Send(proxy_.stream.get(), out_.data(), out_.size());
    if (sent < 0) return WouldBlock();
    out_.erase(0, static_cast<std::size_t>(sent));
  }
  return true;
}

// Looks at what has come before it takes it: what follows the proxy's answer is the tunnel's, and stays where it is.
// False: this is over.
bool ProxyHandshake::Read() {
  auto& bytes = context_.buffers.bytes();
  const ssize_t got = ::recv(proxy_.stream.get(), bytes.data(), bytes.size(), MSG_PEEK);
  if (got < 0 && (WouldBlock() || errno == EINTR)) return true;
  if (got <= 0) return Fail("closed the connection without an answer"), false;
  DialogueProgress progress = dialogue_->Feed({bytes.data(), static_cast<std::size_t>(got)});
  if (Receive(proxy_.stream.get(), bytes.data(), progress.consumed) != static_cast<ssize_t>(progress.consumed)) {
    return Fail("closed the connection"), false;
  }
  switch (progress.state) {
    case DialogueState::kGoesOn:
      break;
    case DialogueState::kOpen:
      return Finish(std::move(proxy_), progress.state), false;
    case DialogueState::kRefused:
    case DialogueState::kElsewhere:
      return Finish(base::Error(ErrorCode::kIo, progress.detail), progress.state), false;
  }
  out_ += progress.send;
  if (!Flush()) return Fail("closed the connection"), false;
  return true;
}

void ProxyHandshake::Fail(std::string_view why) {
  Finish(base::Error(ErrorCode::kIo, fmt::format("{} {}", description_, why)), DialogueState::kRefused);
}

void ProxyHandshake::Finish(absl::StatusOr<Upstream> result, DialogueState state) {
  proxy_.stream.Watch(SocketWatch::kNothing);
  deadline_.Stop();
  const auto done = done_;
  done(std::move(result), state);
}

ProxyDialer::ProxyDialer(EgressContext& context, const UpstreamProxy& proxy, std::vector<std::string> hosts,
                         std::uint16_t port, std::function<void(absl::StatusOr<Upstream>)> done)
    : context_(context), proxy_(proxy), hosts_(std::move(hosts)), port_(port), done_(std::move(done)) {}

void ProxyDialer::Start() {
  if (const auto literal = IpAddress::Parse(proxy_.host)) return Resolved(std::vector{*literal});
  context_.resolver->Resolve(
      proxy_.host, [this, here = presence_.handle()](const absl::StatusOr<std::vector<IpAddress>>& addresses) {
        if (!here.expired()) Resolved(addresses);
      });
}

void ProxyDialer::Resolved(const absl::StatusOr<std::vector<IpAddress>>& addresses) {
  if (!addresses.ok()) return Finish(Because(addresses.status()));
  std::vector<Endpoint> endpoints;
  const std::size_t most = std::min(addresses->size(), context_.settings.addresses);
  for (std::size_t i = 0; i < most; ++i) endpoints.push_back({(*addresses)[i], proxy_.port});
  dialer_ = std::make_unique<Dialer>(context_.loop, context_.settings, std::move(endpoints),
                                     [this](absl::StatusOr<Upstream> dialled) { Dialled(std::move(dialled)); });
  dialer_->Start();
}

void ProxyDialer::Dialled(absl::StatusOr<Upstream> dialled) {
  if (!dialled.ok()) return Finish(Because(dialled.status()));
  if (hosts_.empty()) return Finish(std::move(dialled));
  handshake_ = std::make_unique<ProxyHandshake>(context_, *std::move(dialled),
                                                NewProxyDialogue(proxy_, hosts_[next_++], port_), proxy_.Description(),
                                                [this](absl::StatusOr<Upstream> opened, DialogueState state) {
                                                  const bool another = next_ < hosts_.size();
                                                  if (state == DialogueState::kElsewhere && another) return Start();
                                                  Finish(std::move(opened));
                                                });
}

void ProxyDialer::Finish(absl::StatusOr<Upstream> result) {
  const auto done = done_;
  done(std::move(result));
}

absl::Status ProxyDialer::Because(const absl::Status& status) const {
  const std::string_view message(status.message().data(), status.message().size());
  return base::Error(GetErrorCode(status), fmt::format("{}: {}", proxy_.Description(), message));
}

}  // namespace leash::net
