#include "net/loopback_server.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <memory>

namespace leash::net::testing {

Stream::Stream(base::UniqueFd fd) : fd_(std::move(fd)) {
  const timeval patience = {20, 0};
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
}

Stream Stream::To(std::uint16_t port) {
  base::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_storage address;
  const socklen_t size = Endpoint{IpAddress::V4({127, 0, 0, 1}), port}.ToSockaddr(address);
  EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), size), 0) << errno;
  return Stream(std::move(fd));
}

void Stream::Write(std::string_view text) const {
  while (!text.empty()) {
    const ssize_t sent = ::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
}

std::string Stream::ReadUntil(std::string_view end) const {
  std::string result;
  char byte[4096];
  while (end.empty() || result.find(end) == std::string::npos) {
    const ssize_t got = ::recv(fd_.get(), byte, end.empty() ? sizeof(byte) : 1, 0);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) ADD_FAILURE() << "nothing came; so far: " << result;
    if (got <= 0) break;
    result.append(byte, static_cast<std::size_t>(got));
  }
  return result;
}

std::string Stream::Read(std::size_t size) const {
  std::string result(size, '\0');
  std::size_t have = 0;
  while (have < size) {
    const ssize_t got = ::recv(fd_.get(), result.data() + have, size - have, 0);
    if (got <= 0) break;
    have += static_cast<std::size_t>(got);
  }
  result.resize(have);
  return result;
}

LoopbackServer::LoopbackServer(std::function<void(Stream&)> serve) : listener_(BoundSocket(SOCK_STREAM)) {
  ::listen(listener_.get(), 128);
  port_ = PortOf(listener_.get());
  thread_ = std::thread([this, serve = std::move(serve)] {
    while (true) {
      base::UniqueFd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!client) break;
      ++accepted_;
      ++serving_;
      std::thread([this, &serve, stream = std::make_shared<Stream>(std::move(client))]() mutable {
        serve(*stream);
        stream.reset();
        --serving_;
      }).detach();
    }
    while (serving_ > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  });
}

LoopbackServer::~LoopbackServer() {
  ::shutdown(listener_.get(), SHUT_RDWR);
  thread_.join();
}

base::UniqueFd BoundSocket(int type) {
  base::UniqueFd fd(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
  sockaddr_storage address;
  const socklen_t size = Endpoint{IpAddress::V4({127, 0, 0, 1}), 0}.ToSockaddr(address);
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  return fd;
}

std::uint16_t PortOf(int fd) {
  sockaddr_storage address = {};
  socklen_t size = sizeof(address);
  EXPECT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  return Endpoint::FromSockaddr(reinterpret_cast<sockaddr&>(address))->port;
}

}  // namespace leash::net::testing
