#include "net/published_connection.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "net/sockets.h"

namespace leash::net {
PublishedConnection::PublishedConnection(PublisherContext& context, base::UniqueFd client, PublishedTarget& target,
                                         std::function<void()> done)
    : context_(context),
      client_(context.loop, std::move(client)),
      target_(target),
      families_(target.families),
      done_(std::move(done)),
      deadline_(context.loop, [this] { Refuse(); }) {}

// With the sandbox: before its time, if the client waits for more.
PublishedConnection::~PublishedConnection() {
  if (Carries()) client_ = relay_->TakeSockets().client;
  if (client_) client_.Reset();
}

void PublishedConnection::Start() {
  if (!client_) return Finish();
  deadline_.Start(context_.settings.connect);
  TryNext();
}

bool PublishedConnection::Carries() const { return relay_ != nullptr && !relay_->down_told(); }

void PublishedConnection::TryNext() {
  if (next_ == families_.size()) return Refuse();
  const int family = families_[next_++];
  context_.stock.Take(family, presence_, [this, family](base::UniqueFd socket) { Connect(family, std::move(socket)); });
}

void PublishedConnection::Connect(int family, base::UniqueFd socket) {
  if (!socket) return TryNext();
  SetUpStream(socket.get());
  inside_ = Stream(context_.loop, std::move(socket));
  if (!inside_) return Refuse();
  const int result = context_.stock.Connect(inside_.get(), family, target_.port);
  if (result != 0 && errno != EINPROGRESS && errno != EINTR) return TryNext();
  inside_.OnReady([this, family](int) {
    int error = 0;
    socklen_t length = sizeof(error);
    if (::getsockopt(inside_.get(), SOL_SOCKET, SO_ERROR, &error, &length) != 0 || error != 0) return TryNext();
    if (target_.families.front() != family) std::swap(target_.families.front(), target_.families.back());
    Connected();
  });
  inside_.Watch(SocketWatch::kWritable);
}

void PublishedConnection::Connected() {
  deadline_.Stop();
  relay_ = std::make_unique<Relay>(context_.loop, context_.settings, context_.buffers,
                                   Relay::Sockets{std::move(client_), std::move(inside_)}, std::string(), nullptr,
                                   [this](Relay::End end) { RelayEnded(end); });
  relay_->Start();
}

// As a port on which nobody listens.
void PublishedConnection::Refuse() {
  client_.Reset();
  Finish();
}

void PublishedConnection::RelayEnded(Relay::End end) {
  Relay::Sockets sockets = relay_->TakeSockets();
  if (end != Relay::End::kDone) {
    sockets.client.Reset();
    sockets.upstream.Reset();
  }
  Finish();
}

void PublishedConnection::Finish() {
  deadline_.Stop();
  inside_.Watch(SocketWatch::kNothing);
  const auto done = done_;
  done();
}

}  // namespace leash::net
