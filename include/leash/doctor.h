// What this machine can enforce.
#pragma once

#include <string>
#include <vector>

namespace leash {

struct Mechanism {
  std::string name;  // "landlock.fs", "seccomp.filter", ...
  bool available = false;
  bool required = false;  // leash refuses to run without it
  std::string detail;     // the version found, or why it is not available
  std::string purpose;    // what it holds, and so what is given up without it
};

// Tries each mechanism in a process of its own: what is reported as available did refuse something just now.
// Takes some milliseconds; starts no program.
std::vector<Mechanism> ProbeMechanisms();

}  // namespace leash
