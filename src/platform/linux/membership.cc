#include "platform/linux/membership.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <set>
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

// Whether a process belongs to what is to be ended. Asked about one number at a time: it may be gone.
using Belongs = std::function<bool(pid_t)>;

bool Bears(pid_t pid, const Mark& mark) {
  rlimit limit = {};
  return ::syscall(SYS_prlimit64, pid, RLIMIT_RTTIME, nullptr, &limit) == 0 && limit.rlim_max != RLIM_INFINITY &&
         mark.Matches(limit.rlim_max);
}

// 0 when the process is gone or has no parent that can be seen.
pid_t ParentOf(pid_t pid) {
  std::array<char, 512> text = {};
  const base::UniqueFd file(::open(fmt::format("/proc/{}/stat", pid).c_str(), O_RDONLY | O_CLOEXEC));
  if (!file || ::read(file.get(), text.data(), text.size() - 1) <= 0) return 0;
  // "pid (name) state parent": the name may hold anything.
  const char* end_of_name = std::strrchr(text.data(), ')');
  if (end_of_name == nullptr || std::strlen(end_of_name) < 4) return 0;
  return static_cast<pid_t>(std::strtol(end_of_name + 4, nullptr, 10));
}

bool DescendsFrom(pid_t pid, pid_t root) {
  constexpr int kDeepest = 100000;  // parents that change while they are read could form a circle
  for (int depth = 0; pid > 1 && depth < kDeepest; ++depth) {
    pid = ParentOf(pid);
    if (pid == root) return true;
  }
  return false;
}

// The number that was given out last, on the whole machine: the last field of /proc/loadavg. -1 when it cannot be read.
long LastPid() {
  std::array<char, 128> text = {};
  const base::UniqueFd file(::open("/proc/loadavg", O_RDONLY | O_CLOEXEC));
  if (!file || ::read(file.get(), text.data(), text.size() - 1) <= 0) return -1;
  const char* space = std::strrchr(text.data(), ' ');
  return space == nullptr ? -1 : std::strtol(space, nullptr, 10);
}

bool HasEnded(int pidfd, int timeout_ms) {
  pollfd entry = {pidfd, POLLIN, 0};
  return ::poll(&entry, 1, timeout_ms) > 0;
}

// One look at /proc: what it saw that belonged and had not ended, and descriptors of what it killed of that. The
// two differ when a process ends, perhaps having forked, between being seen and being opened.
struct Look {
  std::size_t seen = 0;
  std::set<pid_t> ended;  // belonged and waited to be reaped: the trail of one that moves
  std::vector<base::UniqueFd> killed;
};

// Kills one process that belonged a moment ago. False: it was gone, or somebody else had its number.
bool KillOne(pid_t pid, const Belongs& belongs, Look& look) {
  base::UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (pidfd && HasEnded(pidfd.get(), 0)) return look.ended.insert(pid), true;
  ++look.seen;
  // Looked at again through the descriptor's lifetime: the number may have passed to somebody else in between.
  if (!pidfd || !belongs(pid)) return false;
  (void)::syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0);
  look.killed.push_back(std::move(pidfd));
  return true;
}

// One that vanished may have forked: its child has one of the next numbers, and that one's child too. Follows them for
// a while, which is faster than they are; listing /proc is not.
void Chase(pid_t last, const Belongs& belongs, Look& look) {
  constexpr pid_t kAhead = 64;
  for (int tries = 0; tries < 500; ++tries) {
    for (pid_t pid = last + 1; pid <= last + kAhead; ++pid) {
      if (!belongs(pid)) continue;
      last = pid;
      if (KillOne(pid, belongs, look)) return;
    }
  }
}

absl::StatusOr<Look> KillOnce(const Belongs& belongs) {
  const std::unique_ptr<DIR, int (*)(DIR*)> proc(::opendir("/proc"), &::closedir);
  if (proc == nullptr) return base::ErrnoError(ErrorCode::kIo, errno, "cannot look for left-over processes in /proc");
  Look look;
  while (const dirent* entry = ::readdir(proc.get())) {
    if (entry->d_name[0] < '1' || entry->d_name[0] > '9') continue;
    const pid_t pid = static_cast<pid_t>(std::strtol(entry->d_name, nullptr, 10));
    if (belongs(pid) && !KillOne(pid, belongs, look)) Chase(pid, belongs, look);
  }
  return look;
}

absl::Status KillAll(const Belongs& belongs, absl::Duration patience) {
  const absl::Time deadline = absl::Now() + patience;
  // A process that forks and ends all the time moves through the numbers and can pass a look by, since /proc is read in
  // their order and they start over. A look that found nobody is proof when no process was made anywhere meanwhile;
  // otherwise several in a row must have found neither anybody nor a fresh trail.
  constexpr int kCleanLooks = 5;
  int clean = 0;
  std::set<pid_t> known;
  while (clean < kCleanLooks) {
    if (absl::Now() >= deadline) {
      return base::Error(ErrorCode::kIo, fmt::format("processes of the sandbox were still alive after {}",
                                                     absl::FormatDuration(patience)));
    }
    const long last = LastPid();
    LEASH_ASSIGN_OR_RETURN(const Look look, KillOnce(belongs));
    const bool quiet =
        look.seen == 0 && std::includes(known.begin(), known.end(), look.ended.begin(), look.ended.end());
    known = look.ended;
    if (quiet && last >= 0 && last == LastPid()) return absl::OkStatus();
    clean = quiet ? clean + 1 : 0;
    for (const base::UniqueFd& pidfd : look.killed) (void)HasEnded(pidfd.get(), 100);
  }
  return absl::OkStatus();
}

}  // namespace

Mark Mark::OfCommand(std::uint64_t sandbox_id, std::uint64_t number) {
  return Mark(kMarkBit | ((sandbox_id << kNumberBits) & kSandboxMask) | (number & kNumberMask), ~0ULL);
}

Mark Mark::OfSandbox(std::uint64_t sandbox_id) {
  return Mark(kMarkBit | ((sandbox_id << kNumberBits) & kSandboxMask), ~kNumberMask);
}

absl::Status KillMarked(const Mark& mark, absl::Duration patience) {
  return KillAll([&](pid_t pid) { return Bears(pid, mark); }, patience);
}

absl::Status KillDescendants(pid_t root, absl::Duration patience) {
  return KillAll([root](pid_t pid) { return DescendsFrom(pid, root); }, patience);
}

bool BearsMark() {
  rlimit limit = {};
  return ::getrlimit(RLIMIT_RTTIME, &limit) == 0 && limit.rlim_max != RLIM_INFINITY && (limit.rlim_max & kMarkBit) != 0;
}

}  // namespace leash::platform
