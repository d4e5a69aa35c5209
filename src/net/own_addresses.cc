#include "net/own_addresses.h"

#include <uv.h>

#include <algorithm>

namespace leash::net {
namespace {

constexpr std::uint64_t kRememberedMilliseconds = 10'000;

}  // namespace

bool OwnAddresses::Has(const uv_loop_t* loop, const IpAddress& address) {
  if (uv_now(loop) >= until_) {
    uv_interface_address_t* interfaces = nullptr;
    int count = 0;
    // Where they cannot be listed, those that were known before are the best there is.
    if (uv_interface_addresses(&interfaces, &count) == 0) {
      known_.clear();
      for (int i = 0; i < count; ++i) {
        const auto one = IpAddress::FromSockaddr(reinterpret_cast<const sockaddr&>(interfaces[i].address));
        if (one.has_value()) known_.push_back(*one);
      }
      uv_free_interface_addresses(interfaces, count);
      std::sort(known_.begin(), known_.end());
    }
    until_ = uv_now(loop) + kRememberedMilliseconds;
  }
  return std::binary_search(known_.begin(), known_.end(), address);
}

}  // namespace leash::net
