#include "platform/linux/sandbox_cgroup.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <sstream>
#include <string_view>
#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/log.h"
#include "base/status.h"
#include "fmt/format.h"

namespace leash::platform {
namespace {

// How long a group may take to become empty after its processes were killed.
constexpr absl::Duration kPatience = absl::Seconds(10);

// 0 or an errno. Never makes a file: a limit written to one of our own would be no limit.
int WriteControl(const std::string& path, const std::string& value) {
  const base::UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file) return errno;
  return ::write(file.get(), value.data(), value.size()) == static_cast<ssize_t>(value.size()) ? 0 : errno;
}

// The number behind a key in a file of lines "key number"; 0 when there is none.
std::uint64_t NumberOf(const std::string& path, std::string_view key) {
  std::istringstream lines(ReadControl(path).value_or(""));
  std::string name;
  std::uint64_t number = 0;
  while (lines >> name >> number) {
    if (name == key) return number;
  }
  return 0;
}

std::uint64_t SingleNumber(const std::string& path) {
  const std::string text = ReadControl(path).value_or("");
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// A control file, what is written to it, and whether a kernel may do without it.
struct Setting {
  std::string file;
  std::string value;
  bool optional = false;
};

// In this order: version 1 wants memory limited before memory and swap together.
std::vector<Setting> SettingsFor(const CgroupPlace& place, const std::optional<std::uint64_t>& memory_bytes,
                                 const std::optional<std::uint64_t>& processes) {
  std::vector<Setting> settings;
  if (place.memory && memory_bytes.has_value()) {
    const std::string bytes = std::to_string(*memory_bytes);
    if (place.version == 2) {
      settings.push_back({"memory.max", bytes});
      settings.push_back({"memory.swap.max", "0", true});  // missing: the kernel has no swap
    } else {
      settings.push_back({"memory.limit_in_bytes", bytes});
      settings.push_back({"memory.memsw.limit_in_bytes", bytes, true});
    }
  }
  if (place.pids && processes.has_value()) settings.push_back({"pids.max", std::to_string(*processes)});
  return settings;
}

absl::Status RemoveEmptied(const std::string& directory, const CgroupCalls& calls) {
  const absl::Time deadline = absl::Now() + kPatience;
  while (calls.remove(directory) != 0 && errno != ENOENT) {
    if (errno != EBUSY || absl::Now() >= deadline) {
      return base::ErrnoError(ErrorCode::kIo, errno, fmt::format("cannot remove the control group {}", directory));
    }
    absl::SleepFor(absl::Milliseconds(1));
  }
  return absl::OkStatus();
}

// Subdirectories of a directory, by name.
std::vector<std::string> Subdirectories(const std::string& directory) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(::opendir(directory.c_str()), &::closedir);
  while (const dirent* entry = entries == nullptr ? nullptr : ::readdir(entries.get())) {
    if (entry->d_type == DT_DIR && entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  return names;
}

void RemoveNamed(const std::string& directory, const std::string& wanted, const CgroupCalls& calls) {
  for (const std::string& name : Subdirectories(directory)) {
    const std::string path = directory + "/" + name;
    if (name != wanted) {
      RemoveNamed(path, wanted, calls);
      continue;
    }
    (void)WriteControl(path + "/cgroup.kill", "1");
    const absl::Status removed = RemoveEmptied(path, calls);
    base::Log(base::LogLevel::kInfo, "control group {} of a dead owner: {}", path, removed.ok() ? "removed" : "left");
  }
}

}  // namespace

const CgroupCalls kKernelCgroups = {
    [](const std::string& directory) { return ::mkdir(directory.c_str(), 0755); },
    [](const std::string& directory) { return ::rmdir(directory.c_str()); },
};

std::string CgroupName(std::uint64_t id) { return fmt::format("leash-{:016x}", id); }

absl::StatusOr<std::unique_ptr<SandboxCgroup>> SandboxCgroup::Make(const std::vector<CgroupPlace>& places,
                                                                   std::uint64_t id,
                                                                   std::optional<std::uint64_t> memory_bytes,
                                                                   std::optional<std::uint64_t> processes,
                                                                   const CgroupCalls& calls) {
  std::unique_ptr<SandboxCgroup> group(new SandboxCgroup(calls));
  for (const CgroupPlace& place : places) LEASH_RETURN_IF_ERROR(group->Add(place, id, memory_bytes, processes));
  return group;
}

absl::Status SandboxCgroup::Add(const CgroupPlace& place, std::uint64_t id, std::optional<std::uint64_t> memory_bytes,
                                std::optional<std::uint64_t> processes) {
  std::string directory = place.directory + "/" + CgroupName(id);
  if (calls_.make(directory) != 0) {
    return base::ErrnoError(ErrorCode::kNotEnforced, errno, fmt::format("cannot make the control group {}", directory));
  }
  Group& group = groups_.emplace_back(Group{place, std::move(directory), {}});
  base::Log(base::LogLevel::kInfo, "made control group {}", group.directory);
  // A threaded group holds no limit on memory, and takes no process.
  if (place.version == 2 && ReadControl(group.directory + "/cgroup.type").value_or("") != "domain\n") {
    return base::Error(ErrorCode::kNotEnforced,
                       fmt::format("the control group {} is not one for processes", group.directory));
  }
  for (const Setting& setting : SettingsFor(place, memory_bytes, processes)) {
    const int error = WriteControl(group.directory + "/" + setting.file, setting.value);
    if (error == 0 || (error == ENOENT && setting.optional)) continue;
    return base::ErrnoError(ErrorCode::kNotEnforced, error,
                            fmt::format("cannot set {} of the control group {}", setting.file, group.directory));
  }
  // "tasks" moves the one thread that writes, which takes no lock of the whole machine's as "cgroup.procs" does.
  const std::string entry = group.directory + (place.version == 2 ? "/cgroup.procs" : "/tasks");
  group.entry.reset(::open(entry.c_str(), O_WRONLY | O_CLOEXEC));
  if (!group.entry) return base::ErrnoError(ErrorCode::kNotEnforced, errno, fmt::format("cannot open {}", entry));
  return absl::OkStatus();
}

SandboxCgroup::~SandboxCgroup() {
  const absl::Status removed = Remove();
  if (!removed.ok()) base::Log(base::LogLevel::kInfo, "{}", std::string(removed.message()));
}

std::array<int, 2> SandboxCgroup::EntryDescriptors() const {
  std::array<int, 2> entries = {-1, -1};
  for (std::size_t i = 0; i < groups_.size() && i < entries.size(); ++i) entries[i] = groups_[i].entry.get();
  return entries;
}

CgroupEvents SandboxCgroup::Events() {
  const std::lock_guard lock(mutex_);
  return last_.has_value() ? *last_ : Read();
}

CgroupEvents SandboxCgroup::Read() const {
  CgroupEvents events;
  for (const Group& group : groups_) {
    if (group.place.memory && group.place.version == 2) {
      events.memory_reached = NumberOf(group.directory + "/memory.events", "oom") > 0;
      events.kills = NumberOf(group.directory + "/memory.events", "oom_kill");
    } else if (group.place.memory) {
      // memory.failcnt stays 0 on kernels that no longer count it. Charged is by the page, or by some of them.
      const std::uint64_t limit = SingleNumber(group.directory + "/memory.limit_in_bytes");
      events.memory_reached = SingleNumber(group.directory + "/memory.max_usage_in_bytes") >= limit - limit / 16;
      events.kills = NumberOf(group.directory + "/memory.oom_control", "oom_kill");
    }
    if (group.place.pids) events.refused_processes = NumberOf(group.directory + "/pids.events", "max");
  }
  return events;
}

absl::Status SandboxCgroup::Remove() {
  const std::lock_guard lock(mutex_);
  if (last_.has_value()) return absl::OkStatus();
  last_ = Read();
  absl::Status result;
  for (const Group& group : groups_) result.Update(RemoveEmptied(group.directory, calls_));
  return result;
}

void RemoveLeftoverCgroups(const CgroupFacts& facts, std::uint64_t id, const CgroupCalls& calls) {
  for (const std::string& point : CgroupMountPoints(facts)) RemoveNamed(point, CgroupName(id), calls);
}

}  // namespace leash::platform
