#include "net/name_server.h"

#include <sys/socket.h>

#include <array>
#include <utility>

#include "net/ip_address.h"
#include "net/loopback_server.h"

namespace leash::net::testing {

NameServer::NameServer(std::map<std::string, std::vector<std::string>> names)
    : names_(std::move(names)), socket_(BoundSocket(SOCK_DGRAM)), port_(PortOf(socket_.get())) {
  thread_ = std::thread([this] { Serve(); });
}

NameServer::~NameServer() {
  // An empty datagram ends it.
  sockaddr_storage address;
  const socklen_t size = Endpoint{IpAddress::V4({127, 0, 0, 1}), port_}.ToSockaddr(address);
  const base::UniqueFd last = BoundSocket(SOCK_DGRAM);
  ::sendto(last.get(), "", 0, 0, reinterpret_cast<sockaddr*>(&address), size);
  thread_.join();
}

void NameServer::Serve() const {
  while (true) {
    std::array<char, 512> bytes;
    sockaddr_storage peer;
    socklen_t peer_size = sizeof(peer);
    const ssize_t got =
        ::recvfrom(socket_.get(), bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&peer), &peer_size);
    if (got <= 0) return;
    const std::string question(bytes.data(), static_cast<std::size_t>(got));
    std::string name;
    std::size_t at = 12;
    while (at < question.size() && question[at] != '\0') {
      const auto length = std::size_t{static_cast<unsigned char>(question[at])};
      name += (name.empty() ? "" : ".") + question.substr(at + 1, length);
      at += length + 1;
    }
    if (at + 5 > question.size()) continue;
    const bool v4 = question[at + 2] == '\x01';
    const auto known = names_.find(name);
    std::string records;
    int count = 0;
    if (known != names_.end() && v4) {
      for (const std::string& text : known->second) {
        records += std::string("\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04", 12);
        const auto address = IpAddress::Parse(text);
        for (const std::uint8_t byte : address->bytes()) records += static_cast<char>(byte);
        ++count;
      }
    }
    std::string answer = question.substr(0, 2);
    answer += known == names_.end() ? "\x81\x83" : std::string("\x81\x80", 2);
    answer += std::string("\x00\x01\x00", 3);
    answer += static_cast<char>(count);
    answer += std::string(4, '\0') + question.substr(12, at + 5 - 12);
    answer += records;
    ::sendto(socket_.get(), answer.data(), answer.size(), 0, reinterpret_cast<sockaddr*>(&peer), peer_size);
  }
}

}  // namespace leash::net::testing
