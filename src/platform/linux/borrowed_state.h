// The word on which a child on borrowed memory and somebody in its parent's process wait for each other.
#pragma once

#include <linux/futex.h>
#include <sys/syscall.h>

#include <cstdint>

#include "platform/linux/raw_syscall.h"

namespace leash::platform {

enum BorrowedState : std::uint32_t {
  kGivenBack = 0,  // the child has executed a program, or ended; where the kernel writes it, this value is its choice
  kBorrowed = 1,
  kStopped = 2,    // written by the child: it waits
  kContinued = 3,  // it need not wait any more
};

// Writes it and wakes who waits.
inline void SetBorrowedState(std::uint32_t* word, BorrowedState state) {
  __atomic_store_n(word, state, __ATOMIC_RELEASE);
  Sys(SYS_futex, word, FUTEX_WAKE, 1);
}

// Waits while the word has that value; gives the next.
inline std::uint32_t WaitWhile(std::uint32_t* word, std::uint32_t state) {
  std::uint32_t seen = 0;
  while ((seen = __atomic_load_n(word, __ATOMIC_ACQUIRE)) == state) Sys(SYS_futex, word, FUTEX_WAIT, state, 0);
  return seen;
}

}  // namespace leash::platform
