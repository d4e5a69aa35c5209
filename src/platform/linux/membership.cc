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

// One look at /proc. Kills what it finds alive and gives descriptors of it.
absl::StatusOr<std::vector<base::UniqueFd>> KillOnce(const Mark& mark) {
  const std::unique_ptr<DIR, int (*)(DIR*)> proc(::opendir("/proc"), &::closedir);
  if (proc == nullptr) return base::ErrnoError(ErrorCode::kIo, errno, "cannot look for left-over processes in /proc");
  std::vector<base::UniqueFd> killed;
  while (const dirent* entry = ::readdir(proc.get())) {
    if (entry->d_name[0] < '1' || entry->d_name[0] > '9') continue;
    const pid_t pid = static_cast<pid_t>(std::strtol(entry->d_name, nullptr, 10));
    if (!Bears(pid, mark)) continue;
    base::UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    // Looked at again through the descriptor's lifetime: the number may have passed to somebody else in between.
    if (!pidfd || !Bears(pid, mark) || HasEnded(pidfd.get(), 0)) continue;
    (void)::syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0);
    killed.push_back(std::move(pidfd));
  }
  return killed;
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
  std::size_t alive = 0;
  do {
    LEASH_ASSIGN_OR_RETURN(const std::vector<base::UniqueFd> killed, KillOnce(mark));
    if (killed.empty()) return absl::OkStatus();
    alive = 0;
    for (const base::UniqueFd& pidfd : killed) alive += HasEnded(pidfd.get(), 100) ? 0 : 1;
  } while (absl::Now() < deadline);
  return base::Error(ErrorCode::kIo, fmt::format("{} processes of the sandbox would not die within {}", alive,
                                                 absl::FormatDuration(patience)));
}

}  // namespace leash::platform
