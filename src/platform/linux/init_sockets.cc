#include "platform/linux/init_sockets.h"

#include <sys/socket.h>

#include <utility>

#include "base/status.h"
#include "platform/linux/internet_address.h"

namespace leash::platform {
namespace {

class InitSockets final : public base::SocketSource {
 public:
  InitSockets(std::shared_ptr<const InitProcess> init, base::UniqueFd answers, base::UniqueFd to_init)
      : init_(std::move(init)), answers_(std::move(answers)), to_init_(std::move(to_init)) {}

  bool Request(int family) override { return init_->AskForSockets(family, to_init_.get()); }
  int Fd() const override { return answers_.get(); }

  bool Receive(Delivery& delivery) override {
    Received received;
    const absl::StatusOr<bool> come = ReceiveFrom(answers_.get(), false, received);
    if (!come.ok() || !*come) return false;
    delivery.family = received.answer.family;
    delivery.error = received.answer.error;
    delivery.sockets.clear();
    // Fewer than were sent when there was no room for them here.
    for (base::UniqueFd& fd : received.fds) {
      if (fd) delivery.sockets.push_back(std::move(fd));
    }
    return true;
  }

  int Connect(int socket, int family, std::uint16_t port) override {
    const sockaddr_storage server = LoopbackAddress(family, port);
    return ::connect(socket, reinterpret_cast<const sockaddr*>(&server), SizeOf(server));
  }

 private:
  const std::shared_ptr<const InitProcess> init_;
  const base::UniqueFd answers_;
  const base::UniqueFd to_init_;  // a copy goes with each request
};

}  // namespace

absl::StatusOr<std::unique_ptr<base::SocketSource>> MakeInitSockets(std::shared_ptr<const InitProcess> init) {
  LEASH_ASSIGN_OR_RETURN(auto sockets, SocketPair(ErrorCode::kIo, "the published ports"));
  return std::make_unique<InitSockets>(std::move(init), std::move(sockets.first), std::move(sockets.second));
}

}  // namespace leash::platform
