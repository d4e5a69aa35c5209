// What was decided about the network in one run, for people.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <tuple>
#include <vector>

#include "leash/network_event.h"

namespace leash::cli {

// Counts by host, port and outcome. Every method may be called from any thread.
class NetworkSummary {
 public:
  void Add(const NetworkEvent& event);
  // One line a message: first what was refused, with the option that would allow it, then what was let through. Names
  // are as the program chose them: PrintMessage escapes.
  std::vector<std::string> Lines() const;

 private:
  // Refused ones sort first.
  using Key = std::tuple<bool, std::string, std::uint16_t, NetworkOutcome>;  // allowed, host, port, outcome
  struct Row {
    std::uint64_t count = 0;
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    std::string detail;
  };
  mutable std::mutex mutex_;
  std::map<Key, Row> rows_;  // guarded by mutex_, as what follows
  std::uint64_t others_ = 0;
};

}  // namespace leash::cli
