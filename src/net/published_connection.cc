#include "net/published_connection.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "net/ip_address.h"
#include "net/sockets.h"

namespace leash::net {
namespace {

IpAddress LoopbackOf(int family) {
  if (family == AF_INET) return IpAddress::V4({127, 0, 0, 1});
  return IpAddress::V6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
}

// The other side sees a reset rather than the end of a conversation that was cut short, or that there was not.
void Reset(base::UniqueFd& socket) {
  const linger now = {1, 0};
  (void)::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  socket.reset();
}

}  // namespace

PublishedConnection::PublishedConnection(PublisherContext& context, base::UniqueFd client, PublishedTarget& target,
                                         std::function<void()> done)
    : context_(context),
      client_(std::move(client)),
      target_(target),
      families_(target.families),
      done_(std::move(done)),
      deadline_(context.loop, [this] { Refuse(); }) {}

// With the sandbox: before its time, if the client waits for more.
PublishedConnection::~PublishedConnection() {
  watch_.reset();
  if (Carries()) client_ = relay_->TakeSockets().client;
  if (client_) Reset(client_);
}

void PublishedConnection::Start() {
  SetUpStream(client_.get());
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
  inside_ = std::move(socket);
  SetUpStream(inside_.get());
  sockaddr_storage address;
  const socklen_t size = Endpoint{LoopbackOf(family), target_.port}.ToSockaddr(address);
  const int result = ::connect(inside_.get(), reinterpret_cast<const sockaddr*>(&address), size);
  if (result != 0 && errno != EINPROGRESS && errno != EINTR) return TryNext();
  watch_ = std::make_unique<SocketWatch>(context_.loop, inside_.get(), [this, family](int) {
    watch_.reset();
    int error = 0;
    socklen_t length = sizeof(error);
    if (::getsockopt(inside_.get(), SOL_SOCKET, SO_ERROR, &error, &length) != 0 || error != 0) return TryNext();
    if (target_.families.front() != family) std::swap(target_.families.front(), target_.families.back());
    Connected();
  });
  if (!watch_->ok()) return Refuse();
  watch_->Watch(SocketWatch::kWritable);
}

void PublishedConnection::Connected() {
  deadline_.Stop();
  relay_ = std::make_unique<Relay>(context_.loop, context_.settings, context_.buffers,
                                   Relay::Sockets{std::move(client_), std::move(inside_)}, std::string(), nullptr,
                                   [this](Relay::End end) { RelayEnded(end); });
}

// As a port on which nobody listens.
void PublishedConnection::Refuse() {
  Reset(client_);
  Finish();
}

void PublishedConnection::RelayEnded(Relay::End end) {
  Relay::Sockets sockets = relay_->TakeSockets();
  if (end != Relay::End::kDone) {
    Reset(sockets.client);
    Reset(sockets.upstream);
  }
  Finish();
}

void PublishedConnection::Finish() {
  deadline_.Stop();
  watch_.reset();
  const auto done = done_;
  done();
}

}  // namespace leash::net
