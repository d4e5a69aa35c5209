// Synthetic addresses for host names: the sandbox's resolver gives them out, and a connection to one tells which name
// was meant.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/time/time.h"
#include "net/ip_address.h"

namespace leash::net {

struct LeaseSettings {
  // Ranges that lead nowhere: RFC 2544 (benchmarks), RFC 4193 (unique local). The first and last address stay unused.
  IpPrefix v4{IpAddress::V4({198, 18, 0, 0}), 15};
  IpPrefix v6{IpAddress::V6({0xfd, 0x6c, 0x65, 0x61, 0x73, 0x68}), 96};
  std::size_t most = 4096;  // names at once; no more than either prefix has addresses
  // What clients are told. They cache for longer than that, so a lease lives on for `margin`.
  absl::Duration ttl = absl::Minutes(1);
  absl::Duration margin = absl::Minutes(9);
};

// One name's addresses, of both families.
struct Lease {
  IpAddress v4;
  IpAddress v6;

  bool operator==(const Lease&) const = default;
};

// Not thread-safe. `now` should not go backwards; where it does, leases live longer.
class LeasePool {
 public:
  explicit LeasePool(const LeaseSettings& settings = {});
  // Has iterators into itself.
  LeasePool(const LeasePool&) = delete;
  LeasePool& operator=(const LeasePool&) = delete;

  // The name's lease, new or renewed for ttl + margin. A name keeps its addresses while it is renewed. A new one takes
  // addresses that nobody had, or those of the lease that expired first. None: all leases are living or held.
  std::optional<Lease> Take(std::string_view name, absl::Time now);

  // The name that an address of either family was last given to. An expired lease names its host until its addresses
  // are given to another: till then there is one thing only that the client can mean.
  std::optional<std::string> NameOf(const IpAddress& address) const;

  // From Hold until as many calls of Release, the address's lease does not expire; the last Release renews it. For
  // open connections. False: no lease has the address.
  bool Hold(const IpAddress& address);
  void Release(const IpAddress& address, absl::Time now);

  absl::Duration ttl() const { return settings_.ttl; }
  std::size_t size() const { return slots_.size(); }

 private:
  struct Slot {
    std::string name;
    absl::Time expires;
    int holds = 0;
    std::list<std::size_t>::iterator place;  // in idle_, when holds is 0
  };
  std::optional<std::size_t> SlotFor(absl::Time now);
  std::optional<std::size_t> SlotOf(const IpAddress& address) const;
  Lease LeaseOf(std::size_t slot) const;
  void Renew(Slot& slot, absl::Time now);

  LeaseSettings settings_;
  std::vector<Slot> slots_;      // the n-th has the n-th usable address of each prefix
  std::list<std::size_t> idle_;  // slots that nobody holds, the least recently used first
  std::unordered_map<std::string, std::size_t> slot_of_name_;
};

}  // namespace leash::net
