#include "ipc/server.h"

#include <sys/socket.h>

#include <cerrno>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/event_loop.h"
#include "base/loop_handles.h"
#include "base/status.h"
#include "ipc/connection.h"
#include "ipc/payload.h"

namespace leash::ipc {
namespace {

constexpr std::size_t kBuffer = 64U << 10;
constexpr int kAcceptsInARow = 32;
constexpr absl::Duration kPauseWithoutDescriptors = absl::Milliseconds(100);

// On its way to the loop.
struct Arrived {
  Arrived(std::shared_ptr<Usage> counted, base::UniqueFd connection)
      : usage(std::move(counted)), socket(std::move(connection)) {
    ++usage->arriving;
  }
  ~Arrived() { --usage->arriving; }
  Arrived(const Arrived&) = delete;
  Arrived& operator=(const Arrived&) = delete;

  const std::shared_ptr<Usage> usage;
  base::UniqueFd socket;
};

}  // namespace

// For the loop's thread.
class Server::Service {
 public:
  Service(uv_loop_s* loop, ServerOptions options, std::shared_ptr<Usage> usage, WorkerPool& pool)
      : buffer_(kBuffer),
        listener_(std::move(options.listener)),
        admits_(std::move(options.admits)),
        pause_(loop, [this] { Accept(); }) {
    host_.loop = loop;
    host_.sandbox_id = options.sandbox_id;
    host_.description = DescribeCommands(*options.router);
    host_.router = std::move(options.router);
    host_.usage = std::move(usage);
    host_.pool = &pool;
    host_.buffer = buffer_;
  }

  bool Listen() {
    if (!listener_) return true;
    watch_ = base::SocketWatch(host_.loop, listener_.get());
    watch_.OnReady([this](int) { Accept(); });
    watch_.Watch(base::SocketWatch::kReadable);
    return watch_.ok();
  }

  void Serve(base::UniqueFd socket, const base::UnixPeer& peer) {
    if (admits_ && !admits_(peer)) return;
    if (connections_.size() >= host_.router->limits.connections) return;
    const std::uint64_t key = next_++;
    const auto connection =
        std::make_shared<Connection>(host_, std::move(socket), peer, [this, key] { connections_.erase(key); });
    if (connection->Start()) connections_.emplace(key, connection);
  }

  std::size_t size() const { return connections_.size(); }

 private:
  void Accept() {
    for (int i = 0; i < kAcceptsInARow; ++i) {
      base::UniqueFd socket = base::AcceptUnix(listener_.get());
      if (!socket && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
        watch_.Watch(base::SocketWatch::kNothing);
        return pause_.Start(kPauseWithoutDescriptors);
      }
      if (!socket) break;
      const base::UnixPeer peer = base::PeerOf(socket.get());
      Serve(std::move(socket), peer);
    }
    watch_.Watch(base::SocketWatch::kReadable);
  }

  std::vector<char> buffer_;
  base::UniqueFd listener_;
  const std::function<bool(const base::UnixPeer&)> admits_;
  Host host_;
  std::unordered_map<std::uint64_t, std::shared_ptr<Connection>> connections_;
  std::uint64_t next_ = 0;
  base::Timer pause_;
  base::SocketWatch watch_;
};

Server::Server(ServerOptions options, std::shared_ptr<Usage> usage)
    : usage_(std::move(usage)),
      most_connections_(options.router->limits.connections),
      pool_(std::make_unique<WorkerPool>(options.router->limits.threads)) {
  base::EventLoop& loop = base::EventLoop::Shared();
  service_ = std::make_shared<Service>(loop.Handle(), std::move(options), usage_, *pool_);
}

absl::StatusOr<std::unique_ptr<Server>> Server::Start(ServerOptions options) {
  LEASH_RETURN_IF_ERROR(base::EventLoop::Start());
  std::unique_ptr<Server> server;
  base::EventLoop::Shared().RunSync([&] {
    server.reset(new Server(std::move(options), std::make_shared<Usage>()));
    if (!server->service_->Listen()) server->service_.reset();
  });
  if (server->service_ == nullptr) return base::Error(ErrorCode::kIo, "the system has no room to watch another socket");
  return server;
}

Server::~Server() {
  base::EventLoop::Shared().RunSync([&] { service_.reset(); });
}

// Who makes connections faster than the loop takes them gets no more of the host's descriptors for it.
void Server::Adopt(base::UniqueFd connection, std::optional<base::UnixPeer> peer) {
  if (!peer.has_value()) peer = base::PeerOf(connection.get());
  const auto arrived = std::make_shared<Arrived>(usage_, std::move(connection));
  if (usage_->arriving > most_connections_) return;
  base::EventLoop::Shared().Post([service = std::weak_ptr(service_), arrived, peer = *peer] {
    if (const auto living = service.lock()) living->Serve(std::move(arrived->socket), peer);
  });
}

std::size_t Server::connections() const {
  std::size_t count = 0;
  base::EventLoop::Shared().RunSync([&] { count = service_->size(); });
  return count;
}

}  // namespace leash::ipc
