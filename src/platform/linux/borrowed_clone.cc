#include "platform/linux/borrowed_clone.h"

#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

#include "base/blocked_signals.h"
#include "base/status.h"

// glibc's own name for clone(2). ThreadSanitizer takes the other one for a fork and lets the child repair its runtime,
// which with CLONE_VM is the parent's.
extern "C" int __clone(int (*function)(void*), void* stack, int flags, void* argument, ...);  // NOLINT

namespace leash::platform {
namespace {

constexpr std::size_t kGuard = 4096;
constexpr std::size_t kStackSize = std::size_t{64} * 1024;

// `given_back`, if any, becomes 0 when the child gives the memory back; without, this waits until then.
absl::StatusOr<BorrowedChild> Clone(const ChildStack& stack, int (*function)(void*), void* argument, int flags,
                                    std::uint32_t* given_back) {
  if (!stack.ok()) return base::Error(ErrorCode::kSpawnFailed, "cannot make a stack for a process");
  // No handler of the host may run in the child, on memory that is not its own.
  const base::BlockedSignals blocked;
  int pidfd = -1;
  flags |= CLONE_VM | CLONE_PIDFD | (given_back != nullptr ? CLONE_CHILD_CLEARTID : CLONE_VFORK);
  const pid_t pid = ::__clone(function, stack.Top(), flags, argument, &pidfd, nullptr, given_back);
  if (pid < 0) return base::ErrnoError(ErrorCode::kSpawnFailed, errno, "cannot make a process");
  return BorrowedChild{pid, base::UniqueFd(pidfd)};
}

}  // namespace

ChildStack::ChildStack() {
  void* base = ::mmap(nullptr, kStackSize, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (base == MAP_FAILED) return;
  if (::mprotect(static_cast<char*>(base) + kGuard, kStackSize - kGuard, PROT_READ | PROT_WRITE) != 0) {
    ::munmap(base, kStackSize);
    return;
  }
  base_ = base;
}

ChildStack::~ChildStack() {
  if (base_ != nullptr) ::munmap(base_, kStackSize);
}

void* ChildStack::Top() const { return static_cast<char*>(base_) + kStackSize; }

absl::StatusOr<BorrowedChild> CloneBorrowed(int (*function)(void*), void* argument, int flags) {
  return Clone(ChildStack(), function, argument, flags, nullptr);
}

absl::StatusOr<BorrowedChild> BorrowedStart::Clone(int (*function)(void*), void* argument, int flags) {
  state_ = kBorrowed;
  absl::StatusOr<BorrowedChild> child = platform::Clone(stack_, function, argument, flags, &state_);
  if (!child.ok()) state_ = kGivenBack;
  return child;
}

void BorrowedStart::Wait() {
  for (std::uint32_t state = kBorrowed; state != kGivenBack;) state = WaitWhile(&state_, state);
}

bool BorrowedStart::WaitForStop() { return WaitWhile(&state_, kBorrowed) == kStopped; }

void BorrowedStart::Continue() {
  std::uint32_t stopped = kStopped;  // unless it was killed meanwhile, and the kernel has written its word
  if (__atomic_compare_exchange_n(&state_, &stopped, kContinued, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
    Sys(SYS_futex, &state_, FUTEX_WAKE, 1);
  }
}

}  // namespace leash::platform
