// Which hosts are reached without a proxy: what the variable NO_PROXY lists.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "net/ip_address.h"

namespace leash::net {

// By what is asked for: a network in the list says nothing of a name that leads into it.
class NoProxy {
 public:
  // Separated by commas or white space:
  //   example.com, .example.com, *.example.com   that name and all below it
  //   192.0.2.7, 2001:db8::7                     that address
  //   10.0.0.0/8, 2001:db8::/32                  every address of a network; bits behind the prefix do not count
  //   example.com:8443, [2001:db8::7]:8443       the same on one port
  //   *                                          everything
  // ErrorCode::kInvalidArgument for anything else, with the place of the entry (the first character is 1).
  static absl::StatusOr<NoProxy> Parse(std::string_view text);

  // `host` is normalised. Loopback is covered whatever the list says: a proxy's is another one.
  bool Covers(std::string_view host, std::uint16_t port) const;

 private:
  struct Entry {
    std::string name;                // empty where there is a network
    std::optional<IpPrefix> prefix;  // neither: everything
    std::optional<std::uint16_t> port;
  };
  static std::optional<Entry> ParseEntry(std::string_view text);

  std::vector<Entry> entries_;
};

}  // namespace leash::net
