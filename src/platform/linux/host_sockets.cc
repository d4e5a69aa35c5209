#include "platform/linux/host_sockets.h"

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <deque>
#include <utility>

#include "base/status.h"
#include "platform/linux/internet_address.h"

namespace leash::platform {
namespace {

constexpr int kAtOnce = 8;

class HostSockets final : public base::SocketSource {
 public:
  HostSockets(std::shared_ptr<InsideLoopback> loopback, base::UniqueFd made)
      : loopback_(std::move(loopback)), made_(std::move(made)) {}

  bool Request(int family) override {
    Delivery delivery;
    delivery.family = family;
    for (int i = 0; i < kAtOnce; ++i) {
      base::UniqueFd socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      if (!socket) break;
      delivery.sockets.push_back(std::move(socket));
    }
    if (delivery.sockets.empty()) delivery.error = errno;
    deliveries_.push_back(std::move(delivery));
    return ::eventfd_write(made_.get(), 1) == 0;
  }

  int Fd() const override { return made_.get(); }

  bool Receive(Delivery& delivery) override {
    if (deliveries_.empty()) {
      std::uint64_t count;
      (void)::eventfd_read(made_.get(), &count);
      return false;
    }
    delivery = std::move(deliveries_.front());
    deliveries_.pop_front();
    return true;
  }

  int Connect(int socket, int family, std::uint16_t port) override {
    const Answer answer = loopback_->ConnectFromOutside(socket, LoopbackAddress(family, port));
    if (answer == 0) return 0;
    errno = static_cast<int>(-answer);
    return -1;
  }

 private:
  const std::shared_ptr<InsideLoopback> loopback_;
  const base::UniqueFd made_;  // an event for each delivery
  std::deque<Delivery> deliveries_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<base::SocketSource>> MakeHostSockets(std::shared_ptr<InsideLoopback> loopback) {
  LEASH_RETURN_IF_ERROR(loopback->Check());
  base::UniqueFd made(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!made) return base::ErrnoError(ErrorCode::kIo, errno, "cannot make sockets for the published ports");
  return std::make_unique<HostSockets>(std::move(loopback), std::move(made));
}

}  // namespace leash::platform
