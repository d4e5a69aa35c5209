// The word that a child on borrowed memory and its parent wait on (borrowed_clone.h, child_steps.h).
#pragma once

#include <cstdint>

namespace leash::platform {

enum BorrowedState : std::uint32_t {
  kGivenBack = 0,  // written by the kernel
  kBorrowed = 1,
  kStopped = 2,    // written by the child: it waits for its parent
  kContinued = 3,  // written by the parent
};

}  // namespace leash::platform
