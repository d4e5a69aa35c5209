// A host with its port, as people and protocols write it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace leash::base {

// "host:80", "192.0.2.1:80", "[2001:db8::1]:80". `host` has no brackets of its own.
std::string HostPort(std::string_view host, std::uint16_t port);

}  // namespace leash::base
