// A child that shares its parent's memory until it executes a program or ends (CLONE_VM | CLONE_VFORK): it costs the
// same from a host of any size, and copies nothing of a host with threads.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "platform/linux/borrowed_state.h"

namespace leash::platform {

struct BorrowedChild {
  pid_t pid;
  base::UniqueFd pidfd;
};

// Returns when the child has executed a program or ended. `function` may only make system calls and write to what
// `argument` points to. `flags` are further ones for clone(2), with the signal that tells of the end, if any.
// Errors: clone(2)'s own.
absl::StatusOr<BorrowedChild> CloneBorrowed(int (*function)(void*), void* argument, int flags);

// The stack that a child runs on until it has executed a program; with a guard page below.
class ChildStack {
 public:
  ChildStack();
  ~ChildStack();
  ChildStack(const ChildStack&) = delete;
  ChildStack& operator=(const ChildStack&) = delete;

  bool ok() const { return base_ != nullptr; }
  void* Top() const;

 private:
  void* base_ = nullptr;
};

// The same without waiting: the parent goes on while the child borrows its memory. This object, and what `argument`
// points to, must stay where they are until Wait() has returned, or the child has been waited for.
class BorrowedStart {
 public:
  absl::StatusOr<BorrowedChild> Clone(int (*function)(void*), void* argument, int flags);
  // Returns when the child has given the memory back: it has executed a program, or ended.
  void Wait();

  // The child may stop halfway for the parent to do something: it calls StopForParent(word()), the parent
  // WaitForStop() and, if that was true, Continue(). False: the child gave the memory back and did not stop.
  std::uint32_t* word() { return &state_; }
  bool WaitForStop();
  void Continue();

 private:
  ChildStack stack_;
  std::uint32_t state_ = 0;  // a BorrowedState; the kernel sets it to 0 and wakes who waits (set_tid_address(2))
};

}  // namespace leash::platform
