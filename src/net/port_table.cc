#include "net/port_table.h"

#include <algorithm>
#include <cstddef>
#include <set>

namespace leash::net {

// Walks along the ports past each begin and end of a range, with the set of ranges that are open there.
void PortTable::Seal() {
  if (segments_.size() < 2) return;
  struct Event {
    int port;
    bool opens;
    std::size_t index;
  };
  std::vector<Event> events;
  for (std::size_t i = 0; i < segments_.size(); ++i) {
    events.push_back({segments_[i].ports.from, true, i});
    events.push_back({segments_[i].ports.to + 1, false, i});
  }
  std::sort(events.begin(), events.end(), [](const Event& a, const Event& b) { return a.port < b.port; });

  std::vector<Segment> sealed;
  std::set<std::size_t> open;
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (events[i].opens) {
      open.insert(events[i].index);
    } else {
      open.erase(events[i].index);
    }
    const bool more_here = i + 1 < events.size() && events[i + 1].port == events[i].port;
    if (more_here || open.empty()) continue;
    const HostPattern* pattern = segments_[*open.begin()].pattern;
    const PortRange ports = {static_cast<std::uint16_t>(events[i].port),
                             static_cast<std::uint16_t>(events[i + 1].port - 1)};  // what is open is closed later
    if (!sealed.empty() && sealed.back().pattern == pattern && sealed.back().ports.to + 1 == ports.from) {
      sealed.back().ports.to = ports.to;
    } else {
      sealed.push_back({ports, pattern});
    }
  }
  segments_ = std::move(sealed);
}

const HostPattern* PortTable::Find(std::uint16_t port) const {
  const auto after = std::upper_bound(segments_.begin(), segments_.end(), port,
                                      [](std::uint16_t a, const Segment& b) { return a < b.ports.from; });
  if (after == segments_.begin()) return nullptr;
  const Segment& segment = *std::prev(after);
  return port <= segment.ports.to ? segment.pattern : nullptr;
}

bool PortTable::IsComplete() const {
  int next = 1;
  for (const Segment& segment : segments_) {
    if (segment.ports.from != next) return false;
    next = segment.ports.to + 1;
  }
  return next == 65536;
}

}  // namespace leash::net
