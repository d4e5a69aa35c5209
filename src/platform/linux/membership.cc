#include "platform/linux/membership.h"

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <memory>
#include <vector>

#include "absl/time/clock.h"
#include "base/status.h"
#include "base/unique_fd.h"
#include "fmt/format.h"

namespace leash::platform {
namespace {

constexpr unsigned kNumberBits = 22;
constexpr std::uint64_t kNumberMask = (1ULL << kNumberBits) - 1;
// Set in every mark: as a time it is 146,000 years, and no such limit is set by anyone else.
constexpr std::uint64_t kMarkBit = 1ULL << 62;
constexpr std::uint64_t kSandboxMask = ((1ULL << 62) - 1) & ~kNumberMask;

bool Bears(pid_t pid, const Mark& mark) {
  rlimit limit = {};
  return ::syscall(SYS_prlimit64, pid, RLIMIT_RTTIME, nullptr, &limit) == 0 && limit.rlim_max != RLIM_INFINITY &&
         mark.Matches(limit.rlim_max);
}

bool HasEnded(int pidfd, int timeout_ms) {
  pollfd entry = {pidfd, POLLIN, 0};
  return ::poll(&entry, 1, timeout_ms) > 0;
}

// One look at /proc: what it saw that bore the mark and had not ended, and descriptors of what it killed of that. The
// two differ when a process ends, perhaps having forked, between being seen and being opened.
struct Look {
  std::size_t seen = 0;
  std::vector<base::UniqueFd> killed;
};

// Kills one process that bore the mark a moment ago. False: it was gone, or somebody else had its number.
bool KillOne(pid_t pid, const Mark& mark, Look& look) {
  base::UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (pidfd && HasEnded(pidfd.get(), 0)) return true;  // only to be reaped
  ++look.seen;
  // Looked at again through the descriptor's lifetime: the number may have passed to somebody else in between.
  if (!pidfd || !Bears(pid, mark)) return false;
  (void)::syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0);
  look.killed.push_back(std::move(pidfd));
  return true;
}

// One that vanished may have forked: its child has one of the next numbers, and that one's child too. Follows them for
// a while, which is faster than they are; listing /proc is not.
void Chase(pid_t last, const Mark& mark, Look& look) {
  constexpr pid_t kAhead = 64;
  for (int tries = 0; tries < 500; ++tries) {
    for (pid_t pid = last + 1; pid <= last + kAhead; ++pid) {
      if (!Bears(pid, mark)) continue;
      last = pid;
      if (KillOne(pid, mark, look)) return;
    }
  }
}

absl::StatusOr<Look> KillOnce(const Mark& mark) {
  const std::unique_ptr<DIR, int (*)(DIR*)> proc(::opendir("/proc"), &::closedir);
  if (proc == nullptr) return base::ErrnoError(ErrorCode::kIo, errno, "cannot look for left-over processes in /proc");
  Look look;
  while (const dirent* entry = ::readdir(proc.get())) {
    if (entry->d_name[0] < '1' || entry->d_name[0] > '9') continue;
    const pid_t pid = static_cast<pid_t>(std::strtol(entry->d_name, nullptr, 10));
    if (Bears(pid, mark) && !KillOne(pid, mark, look)) Chase(pid, mark, look);
  }
  return look;
}

}  // namespace

Mark Mark::OfCommand(std::uint64_t sandbox_id, std::uint64_t number) {
  return Mark(kMarkBit | ((sandbox_id << kNumberBits) & kSandboxMask) | (number & kNumberMask), ~0ULL);
}

Mark Mark::OfSandbox(std::uint64_t sandbox_id) {
  return Mark(kMarkBit | ((sandbox_id << kNumberBits) & kSandboxMask), ~kNumberMask);
}

absl::Status KillMarked(const Mark& mark, absl::Duration patience) {
  const absl::Time deadline = absl::Now() + patience;
  // A process that forks and ends all the time moves through the numbers, and can pass a look by: /proc is read in
  // their order, and they start over. Twice in a row it does so only by a rare chance; three times is the proof asked
  // for.
  constexpr int kCleanLooks = 3;
  int clean = 0;
  while (clean < kCleanLooks) {
    if (absl::Now() >= deadline) {
      return base::Error(ErrorCode::kIo, fmt::format("processes of the sandbox were still alive after {}",
                                                     absl::FormatDuration(patience)));
    }
    LEASH_ASSIGN_OR_RETURN(const Look look, KillOnce(mark));
    clean = look.seen == 0 ? clean + 1 : 0;
    for (const base::UniqueFd& pidfd : look.killed) (void)HasEnded(pidfd.get(), 100);
  }
  return absl::OkStatus();
}

}  // namespace leash::platform
