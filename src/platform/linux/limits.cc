#include "platform/linux/limits.h"

#include <dirent.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "base/status.h"
#include "fmt/format.h"

namespace leash::platform {
namespace {

absl::StatusOr<rlimit> Current(int resource, std::string_view name) {
  rlimit limit = {};
  if (::getrlimit(static_cast<__rlimit_resource>(resource), &limit) != 0) {
    return base::ErrnoError(ErrorCode::kIo, errno, fmt::format("cannot read the limit on {}", name));
  }
  return limit;
}

absl::Status Add(std::vector<LimitValue>& list, int resource, std::uint64_t value, std::string_view name) {
  LEASH_ASSIGN_OR_RETURN(const rlimit current, Current(resource, name));
  if (current.rlim_max != RLIM_INFINITY && value > current.rlim_max) {
    return base::Error(ErrorCode::kNotEnforced,
                       fmt::format("the limit on {} ({}) is above the hard limit that leash itself runs under ({})",
                                   name, value, current.rlim_max));
  }
  list.push_back({resource, {value, value}});
  return absl::OkStatus();
}

// Threads of this user's processes, as RLIMIT_NPROC counts them.
absl::StatusOr<std::uint64_t> RunningThreads() {
  const std::unique_ptr<DIR, int (*)(DIR*)> proc(::opendir("/proc"), &::closedir);
  if (proc == nullptr) return base::ErrnoError(ErrorCode::kIo, errno, "cannot count processes in /proc");
  std::uint64_t threads = 0;
  while (const dirent* entry = ::readdir(proc.get())) {
    if (entry->d_name[0] < '1' || entry->d_name[0] > '9') continue;
    struct stat info;
    const std::string tasks = std::string("/proc/") + entry->d_name + "/task";
    // A directory's link count is two more than its subdirectories, one a thread.
    if (::stat(tasks.c_str(), &info) == 0 && info.st_uid == ::geteuid()) threads += info.st_nlink - 2;
  }
  return threads;
}

}  // namespace

absl::StatusOr<std::vector<LimitValue>> LimitsFor(const ResourceLimits& limits, std::uint64_t mark) {
  std::vector<LimitValue> list;
  if (limits.memory_bytes) LEASH_RETURN_IF_ERROR(Add(list, RLIMIT_DATA, *limits.memory_bytes, "memory"));
  if (limits.cpu_time) {
    const absl::Duration whole = absl::Ceil(*limits.cpu_time, absl::Seconds(1));
    LEASH_RETURN_IF_ERROR(
        Add(list, RLIMIT_CPU, static_cast<std::uint64_t>(absl::ToInt64Seconds(whole)), "processor time"));
  }
  if (limits.file_size_bytes) LEASH_RETURN_IF_ERROR(Add(list, RLIMIT_FSIZE, *limits.file_size_bytes, "file size"));
  if (limits.open_files) LEASH_RETURN_IF_ERROR(Add(list, RLIMIT_NOFILE, *limits.open_files, "open files"));
  if (limits.processes) {
    if (::geteuid() == 0) {
      return base::Error(
          ErrorCode::kNotEnforced,
          "a limit on processes does not hold for root (RLIMIT_NPROC exempts it); run as an ordinary user");
    }
    LEASH_ASSIGN_OR_RETURN(const std::uint64_t running, RunningThreads());
    LEASH_RETURN_IF_ERROR(Add(list, RLIMIT_NPROC, running + *limits.processes, "processes"));
  }
  // A core file would write the program's memory, and a core handler would carry it outside.
  list.push_back({RLIMIT_CORE, {0, 0}});
  LEASH_ASSIGN_OR_RETURN(const rlimit mark_room, Current(RLIMIT_RTTIME, "real-time processor time"));
  if (mark_room.rlim_max != RLIM_INFINITY && mark_room.rlim_max < mark) {
    return base::Error(ErrorCode::kNotEnforced,
                       "cannot mark the processes of a sandbox: RLIMIT_RTTIME is limited here, by leash itself when "
                       "this is inside a sandbox (nesting is not supported by this version) or by ulimit -R");
  }
  list.push_back({RLIMIT_RTTIME, {mark, mark}});
  return list;
}

}  // namespace leash::platform
