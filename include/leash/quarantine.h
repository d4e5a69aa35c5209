// What a command planted where it must not, and what was done about it.
#pragma once

#include <string>

namespace leash {

// A protected name in a directory that the command may write, which it made or changed nevertheless: see
// SecurityConfig::protect_project_files.
struct Quarantined {
  std::string path;
  std::string moved_to;   // where what the command had put there is now; empty if the command removed it
  bool restored = false;  // what was there before has been put back

  bool operator==(const Quarantined&) const = default;
};

}  // namespace leash
