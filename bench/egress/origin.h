// The server behind the proxies, and a name server that knows it: in a thread each.
#pragma once

#include <cstdint>

#include "base/unique_fd.h"

namespace leash::bench {

struct Origin {
  std::uint16_t port = 0;      // "/small" is 1 KiB, "/bulk/N" is N MiB
  std::uint16_t dns_port = 0;  // every name is 127.0.0.1
};

// Lives as long as the process.
Origin StartOrigin();

// A socket of that type on 127.0.0.1, at a port of the system's choice.
base::UniqueFd Bound(int type, std::uint16_t& port);

}  // namespace leash::bench
