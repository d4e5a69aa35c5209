// A server on loopback with a thread for each connection: what the proxy's upstreams and clients are in tests.
#pragma once

#include <sys/socket.h>

#include <atomic>
#include <functional>
#include <string>
#include <thread>

#include "base/unique_fd.h"
#include "net/ip_address.h"

namespace leash::net::testing {

// A blocking stream socket with deadlines, so that a test that hangs fails.
class Stream {
 public:
  explicit Stream(base::UniqueFd fd);
  static Stream To(std::uint16_t port);

  int fd() const { return fd_.get(); }
  void Write(std::string_view text) const;
  // What comes until `end` has been seen, or the other side says no more.
  std::string ReadUntil(std::string_view end) const;
  std::string ReadAll() const { return ReadUntil({}); }
  std::string Read(std::size_t size) const;
  void ShutDown() const { ::shutdown(fd_.get(), SHUT_WR); }
  void Close() { fd_.reset(); }

 private:
  base::UniqueFd fd_;
};

class LoopbackServer {
 public:
  explicit LoopbackServer(std::function<void(Stream&)> serve);
  ~LoopbackServer();

  std::uint16_t port() const { return port_; }
  int accepted() const { return accepted_; }

 private:
  base::UniqueFd listener_;
  std::uint16_t port_ = 0;
  std::atomic<int> accepted_ = 0;
  std::thread thread_;
  std::atomic<int> serving_ = 0;  // threads, which nobody joins: there may be very many, one after the other
};

// Bound to 127.0.0.1; the port is the system's choice.
base::UniqueFd BoundSocket(int type);
std::uint16_t PortOf(int fd);

}  // namespace leash::net::testing
