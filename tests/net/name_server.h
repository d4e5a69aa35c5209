// A name server on loopback that knows the names of a test.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "base/unique_fd.h"

namespace leash::net::testing {

class NameServer {
 public:
  // IPv4 addresses by name. Any other name does not exist.
  explicit NameServer(std::map<std::string, std::vector<std::string>> names);
  ~NameServer();

  std::uint16_t port() const { return port_; }

 private:
  void Serve() const;

  const std::map<std::string, std::vector<std::string>> names_;
  base::UniqueFd socket_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

}  // namespace leash::net::testing
