// The process on which TrySupervisor() tries.
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace leash::platform {

struct TryOrder {
  pid_t parent = 0;
  std::uint32_t* stop = nullptr;  // BorrowedStart::word
  int listener = -1;              // its number in the child, or a negative errno
  long answer = 0;                // what the supervised call gave
};

// The call that is supervised is getppid(2).
int RunTryChild(void* order);

}  // namespace leash::platform
