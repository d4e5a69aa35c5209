#include "platform/linux/limits.h"

#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/time/time.h"
#include "base/descriptor_limit.h"
#include "base/log.h"
#include "base/path.h"
#include "base/status.h"
#include "fmt/format.h"
#include "platform/linux/membership.h"

namespace leash::platform {
namespace {

absl::StatusOr<rlimit> Current(int resource, std::string_view name) {
  rlimit limit = {};
  if (::getrlimit(static_cast<__rlimit_resource>(resource), &limit) != 0) {
    return base::ErrnoError(ErrorCode::kIo, errno, fmt::format("cannot read the limit on {}", name));
  }
  return limit;
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

std::uint64_t WholeSeconds(absl::Duration duration) {
  return static_cast<std::uint64_t>(absl::ToInt64Seconds(absl::Ceil(duration, absl::Seconds(1))));
}

// A limit that is set, with the resource of setrlimit(2) that would hold it.
struct Wanted {
  Limit limit;
  int resource;  // -1: none
  std::uint64_t value;
  std::string_view by;
};

std::vector<Wanted> WantedOf(const core::Plan& plan) {
  const ResourceLimits& limits = plan.limits;
  std::vector<Wanted> wanted;
  if (limits.memory_bytes) {
    wanted.push_back(
        {Limit::kMemory, RLIMIT_DATA, *limits.memory_bytes, "RLIMIT_DATA: each process by itself, not their sum"});
  }
  if (limits.cpu_time) {
    wanted.push_back({Limit::kCpuTime, RLIMIT_CPU, WholeSeconds(*limits.cpu_time), "RLIMIT_CPU: each process"});
  }
  if (limits.wall_time) wanted.push_back({Limit::kWallTime, -1, 0, "leash: each command with its descendants"});
  if (limits.file_size_bytes) {
    wanted.push_back({Limit::kFileSize, RLIMIT_FSIZE, *limits.file_size_bytes, "RLIMIT_FSIZE: each file"});
  }
  if (limits.open_files) {
    wanted.push_back({Limit::kOpenFiles, RLIMIT_NOFILE, *limits.open_files, "RLIMIT_NOFILE: each process"});
  }
  if (limits.processes) {
    wanted.push_back({Limit::kProcesses, RLIMIT_NPROC, *limits.processes,
                      plan.namespaces == Namespaces::kOff
                          ? "RLIMIT_NPROC: beyond what this user runs already"
                          : "RLIMIT_NPROC: the whole sandbox; without namespaces, beyond what this user runs already"});
  }
  return wanted;
}

// Where the sandbox could lift its own limits; empty: nowhere.
std::string WritableControls(const core::Plan& plan, const CgroupFacts& facts) {
  const auto writes = [](Access access) { return Includes(access, Access::kReadWrite); };
  for (const std::string& point : CgroupMountPoints(facts)) {
    const bool below = std::any_of(plan.rules.begin(), plan.rules.end(), [&](const core::PathRule& rule) {
      return writes(rule.access) && base::IsAtOrBelow(rule.path, point);
    });
    if (below || writes(core::Decide(plan, point))) return point;
  }
  return "";
}

CgroupPlaces PlacesFor(const core::Plan& plan) {
  if (!plan.limits.memory_bytes && !plan.limits.processes) return {};
  const CgroupFacts facts = CgroupFactsOfProcess();
  if (const std::string writable = WritableControls(plan, facts); !writable.empty()) {
    return {{}, fmt::format("the sandbox may write {}, where its limits could be lifted", writable)};
  }
  return FindCgroupPlaces(facts, plan.limits.memory_bytes.has_value(), plan.limits.processes.has_value());
}

const CgroupPlace* PlaceFor(const CgroupPlaces& places, Limit limit) {
  for (const CgroupPlace& place : places.places) {
    if (limit == Limit::kMemory ? place.memory : limit == Limit::kProcesses && place.pids) return &place;
  }
  return nullptr;
}

core::LimitNote NoteOn(const Wanted& wanted, const CgroupPlaces& places) {
  if (const CgroupPlace* place = PlaceFor(places, wanted.limit)) {
    return {wanted.limit, true, fmt::format("cgroup v{} in {}: the whole sandbox", place->version, place->directory)};
  }
  if (wanted.limit == Limit::kProcesses && ::geteuid() == 0) {
    return {wanted.limit, false,
            fmt::format("the kernel exempts root from RLIMIT_NPROC, and no control group can be had ({}); run as an "
                        "ordinary user",
                        places.why_not)};
  }
  rlimit own = {};
  if (wanted.resource < 0 || ::getrlimit(static_cast<__rlimit_resource>(wanted.resource), &own) != 0 ||
      own.rlim_max == RLIM_INFINITY || wanted.value <= own.rlim_max) {
    return {wanted.limit, true, std::string(wanted.by)};
  }
  return {wanted.limit, false,
          fmt::format("{} is above the hard limit that leash itself runs under ({}), which holds instead; ask for no "
                      "more, or raise it with ulimit -H",
                      wanted.value, own.rlim_max)};
}

}  // namespace

std::vector<core::LimitNote> LimitNotesFor(const core::Plan& plan) {
  const CgroupPlaces places = PlacesFor(plan);
  std::vector<core::LimitNote> notes;
  for (const Wanted& wanted : WantedOf(plan)) notes.push_back(NoteOn(wanted, places));
  return notes;
}

absl::StatusOr<std::shared_ptr<HeldLimits>> HeldLimits::Make(const core::Plan& plan, std::uint64_t id) {
  CgroupPlaces places = PlacesFor(plan);
  std::unique_ptr<SandboxCgroup> cgroup;
  if (!places.places.empty()) {
    auto made = SandboxCgroup::Make(places.places, id, plan.limits.memory_bytes, plan.limits.processes);
    if (made.ok()) {
      cgroup = *std::move(made);
    } else {
      places = {{}, std::string(made.status().message())};
    }
  }
  std::vector<LimitValue> values;
  bool nproc = false;
  for (const Wanted& wanted : WantedOf(plan)) {
    const core::LimitNote note = NoteOn(wanted, places);
    base::Log(base::LogLevel::kInfo, "limit on {}: {}{}", LimitName(note.limit),
              note.held ? "" : "not held: ", note.by);
    if (!note.held && !plan.best_effort_limits) {
      return base::Error(ErrorCode::kNotEnforced,
                         fmt::format("the limit on {} cannot be enforced: {}, or go without it by --best-effort-limits",
                                     LimitName(note.limit), note.by));
    }
    if (!note.held || wanted.resource < 0 || PlaceFor(places, wanted.limit) != nullptr) continue;
    nproc = nproc || wanted.limit == Limit::kProcesses;
    values.push_back({wanted.resource, {wanted.value, wanted.value}});
  }
  // A core file would write the program's memory, and a core handler would carry it outside.
  values.push_back({RLIMIT_CORE, {0, 0}});
  return std::shared_ptr<HeldLimits>(new HeldLimits(plan.limits, std::move(values), nproc, std::move(cgroup)));
}

absl::StatusOr<std::vector<LimitValue>> HeldLimits::ForCommand(std::uint64_t mark, bool own_namespace) const {
  std::vector<LimitValue> list = values_;
  if (const auto former = base::DescriptorLimitBefore(); former.has_value() && !limits_.open_files.has_value()) {
    list.push_back({RLIMIT_NOFILE, *former});
  }
  if (nproc_) {
    std::uint64_t running = 1;
    if (!own_namespace) {
      LEASH_ASSIGN_OR_RETURN(running, RunningThreads());
    }
    for (LimitValue& limit : list) {
      if (limit.resource == RLIMIT_NPROC)
        limit.value = {limit.value.rlim_cur + running, limit.value.rlim_max + running};
    }
  }
  LEASH_ASSIGN_OR_RETURN(const rlimit mark_room, Current(RLIMIT_RTTIME, "real-time processor time"));
  if (BearsMark()) return list;  // it is inherited, and cannot be changed
  if (mark_room.rlim_max != RLIM_INFINITY && mark_room.rlim_max < mark) {
    return base::Error(ErrorCode::kNotEnforced,
                       "cannot mark the processes of a sandbox: RLIMIT_RTTIME is limited here (ulimit -R)");
  }
  list.push_back({RLIMIT_RTTIME, {mark, mark}});
  return list;
}

std::array<int, 2> HeldLimits::EntryDescriptors() const {
  return cgroup_ == nullptr ? std::array<int, 2>{-1, -1} : cgroup_->EntryDescriptors();
}

CgroupEvents HeldLimits::Events() const { return cgroup_ == nullptr ? CgroupEvents() : cgroup_->Events(); }

absl::Status HeldLimits::Remove() { return cgroup_ == nullptr ? absl::OkStatus() : cgroup_->Remove(); }

void HeldLimits::Account(const CgroupEvents& before, const ExitStatus& status, bool killed,
                         ResourceUsage& usage) const {
  const CgroupEvents now = Events();
  usage.refused_processes = now.refused_processes - before.refused_processes;
  if (killed || status.Success()) return;
  const int signal = status.Signal().value_or(0);
  // The kernel compares time that it samples with ticks; what it reports at the end is measured. On a busy machine a
  // tick is often somebody else's time, and the two are far apart.
  const bool out_of_time = limits_.cpu_time.has_value() &&
                           usage.user_time + usage.system_time >= 0.5 * absl::Seconds(WholeSeconds(*limits_.cpu_time));
  // Both, since a machine that is short of memory kills as well, without any limit.
  const bool out_of_memory = now.kills > before.kills && now.memory_reached;
  if (signal == SIGXFSZ && limits_.file_size_bytes.has_value()) {
    usage.ended_by = Limit::kFileSize;
  } else if ((signal == SIGKILL || signal == SIGXCPU) && out_of_time) {
    usage.ended_by = Limit::kCpuTime;
  } else if (out_of_memory) {
    usage.ended_by = Limit::kMemory;
  }
}

}  // namespace leash::platform
