#include "base/host_port.h"

#include "fmt/format.h"

namespace leash::base {

std::string HostPort(std::string_view host, std::uint16_t port) {
  const bool brackets = host.find(':') != std::string_view::npos;
  return brackets ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

}  // namespace leash::base
