#include "platform/linux/borrowed_clone.h"

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstddef>

#include "base/status.h"

// glibc's own name for clone(2). ThreadSanitizer takes the other one for a fork and lets the child repair its runtime,
// which with CLONE_VM is the parent's.
extern "C" int __clone(int (*function)(void*), void* stack, int flags, void* argument, ...);  // NOLINT

namespace leash::platform {
namespace {

// The stack that a child runs on until execve. One a start; with a guard page below.
class ChildStack {
 public:
  ChildStack() : base_(::mmap(nullptr, kSize, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0)) {
    if (base_ != MAP_FAILED && ::mprotect(Bottom(), kSize - kGuard, PROT_READ | PROT_WRITE) != 0) {
      ::munmap(base_, kSize);
      base_ = MAP_FAILED;
    }
  }
  ~ChildStack() {
    if (base_ != MAP_FAILED) ::munmap(base_, kSize);
  }
  ChildStack(const ChildStack&) = delete;
  ChildStack& operator=(const ChildStack&) = delete;

  bool ok() const { return base_ != MAP_FAILED; }
  void* Top() const { return static_cast<char*>(base_) + kSize; }

 private:
  static constexpr std::size_t kGuard = 4096;
  static constexpr std::size_t kSize = std::size_t{64} * 1024;
  char* Bottom() const { return static_cast<char*>(base_) + kGuard; }
  void* base_;
};

}  // namespace

absl::StatusOr<BorrowedChild> CloneBorrowed(int (*function)(void*), void* argument, int flags) {
  const ChildStack stack;
  if (!stack.ok()) return base::ErrnoError(ErrorCode::kSpawnFailed, errno, "cannot make a stack for a process");
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  // No handler of the host may run in the child, on memory that is not its own.
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int pidfd = -1;
  const pid_t pid = ::__clone(function, stack.Top(), CLONE_VM | CLONE_VFORK | CLONE_PIDFD | flags, argument, &pidfd);
  const int error = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) return base::ErrnoError(ErrorCode::kSpawnFailed, error, "cannot make a process");
  return BorrowedChild{pid, base::UniqueFd(pidfd)};
}

}  // namespace leash::platform
