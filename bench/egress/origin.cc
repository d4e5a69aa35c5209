#include "egress/origin.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <uv.h>

#include <charconv>
#include <string>
#include <thread>

#include "net/dns_message.h"
#include "net/loop_handles.h"
#include "net/sockets.h"

namespace leash::bench {
namespace {

using net::SocketWatch;

constexpr std::size_t kSmall = 1024;
constexpr std::size_t kPiece = std::size_t{256} * 1024;

// Cheap, so that what is measured is the proxy: requests are not parsed but for their path.
class Client {
 public:
  Client(uv_loop_t* loop, base::UniqueFd fd)
      : fd_(std::move(fd)), watch_(loop, fd_.get(), [this](int events) { Ready(events); }) {
    net::SetUpStream(fd_.get());
    watch_.Watch(SocketWatch::kReadable);
  }

 private:
  void Ready(int events) {
    if ((events & SocketWatch::kReadable) != 0) {
      char bytes[4096];
      const ssize_t got = net::Receive(fd_.get(), bytes, sizeof(bytes));
      if (got == 0 || (got < 0 && !net::WouldBlock())) return delete this;
      if (got > 0) in_.append(bytes, static_cast<std::size_t>(got));
      for (std::size_t end; (end = in_.find("\r\n\r\n")) != std::string::npos; in_.erase(0, end + 4)) Answer();
    }
    if (!Flush()) return delete this;
    watch_.Watch(SocketWatch::kReadable | (left_ > 0 || sent_ < out_.size() ? SocketWatch::kWritable : 0));
  }
  void Answer() {
    std::size_t size = kSmall;
    if (in_.starts_with("GET /bulk/")) {
      std::size_t mebibytes = 0;
      std::from_chars(in_.data() + 10, in_.data() + in_.size(), mebibytes);
      size = mebibytes << 20;
    }
    out_ += "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n";
    left_ += size;
  }
  bool Flush() {
    static const std::string piece(kPiece, 'x');
    while (sent_ < out_.size() || left_ > 0) {
      if (sent_ == out_.size()) {
        out_.assign(piece, 0, std::min(left_, kPiece));
        sent_ = 0;
        left_ -= out_.size();
      } else if (left_ > 0 && left_ <= kSmall) {  // head and body in one
        out_.append(left_, 'x');
        left_ = 0;
      }
      const ssize_t sent = net::Send(fd_.get(), out_.data() + sent_, out_.size() - sent_);
      if (sent < 0) return net::WouldBlock();
      sent_ += static_cast<std::size_t>(sent);
    }
    out_.clear();
    sent_ = 0;
    return true;
  }

  base::UniqueFd fd_;
  std::string in_, out_;
  std::size_t sent_ = 0, left_ = 0;
  SocketWatch watch_;
};

void AnswerName(int socket) {
  std::uint8_t bytes[1024];
  sockaddr_storage peer;
  socklen_t size = sizeof(peer);
  const ssize_t got = ::recvfrom(socket, bytes, sizeof(bytes), 0, reinterpret_cast<sockaddr*>(&peer), &size);
  if (got <= 0) return;
  const auto question = net::ParseQuestion({bytes, static_cast<std::size_t>(got)}, net::DnsTransport::kUdp);
  if (!question.has_value()) return;
  const net::DnsBytes answer = net::AddressAnswer(*question, net::IpAddress::V4({127, 0, 0, 1}), 60);
  (void)::sendto(socket, answer.data(), answer.size(), 0, reinterpret_cast<sockaddr*>(&peer), size);
}

}  // namespace

base::UniqueFd Bound(int type, std::uint16_t& port) {
  base::UniqueFd fd = net::NewSocket(AF_INET, type);
  sockaddr_storage address;
  socklen_t size = net::Endpoint{net::IpAddress::V4({127, 0, 0, 1}), 0}.ToSockaddr(address);
  ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size);
  ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size);
  port = ntohs(reinterpret_cast<sockaddr_in&>(address).sin_port);
  return fd;
}

Origin StartOrigin() {
  static Origin origin;
  static const int listener = Bound(SOCK_STREAM, origin.port).release();
  static const int resolver = Bound(SOCK_DGRAM, origin.dns_port).release();
  ::listen(listener, 4096);
  std::thread([] {
    uv_loop_t loop;
    uv_loop_init(&loop);
    SocketWatch accepting(&loop, listener, [&](int) {
      while (base::UniqueFd fd = net::Accept(listener)) new Client(&loop, std::move(fd));
    });
    SocketWatch naming(&loop, resolver, [](int) { AnswerName(resolver); });
    accepting.Watch(SocketWatch::kReadable);
    naming.Watch(SocketWatch::kReadable);
    uv_run(&loop, UV_RUN_DEFAULT);
  }).detach();
  return origin;
}

}  // namespace leash::bench
