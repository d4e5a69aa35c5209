// Which pattern stands for a port, of many with ranges that may overlap.
#pragma once

#include <cstdint>
#include <vector>

#include "net/host_pattern.h"

namespace leash::net {

// Filled, then sealed, then asked. Where several patterns have a port, the one that was added first stands for it.
class PortTable {
 public:
  void Add(const HostPattern& pattern) { segments_.push_back({pattern.ports, &pattern}); }
  void Seal();

  const HostPattern* Find(std::uint16_t port) const;
  // Of any port; none when the table is empty.
  const HostPattern* First() const { return segments_.empty() ? nullptr : segments_.front().pattern; }
  // Has every port a pattern?
  bool IsComplete() const;

 private:
  struct Segment {
    PortRange ports;
    const HostPattern* pattern;
  };
  std::vector<Segment> segments_;  // once sealed: sorted, disjoint
};

}  // namespace leash::net
