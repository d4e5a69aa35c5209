// The addresses of this machine's interfaces: public or not, what listens there is local.
#pragma once

#include <cstdint>
#include <vector>

#include "net/ip_address.h"

struct uv_loop_s;

namespace leash::net {

// For use on the loop's thread alone. Looked up again after ten seconds: an address that the machine was given since is
// taken for another's until then.
class OwnAddresses {
 public:
  bool Has(const uv_loop_s* loop, const IpAddress& address);

 private:
  std::vector<IpAddress> known_;  // sorted
  std::uint64_t until_ = 0;
};

}  // namespace leash::net
