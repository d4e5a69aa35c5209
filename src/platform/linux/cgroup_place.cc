#include "platform/linux/cgroup_place.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <set>
#include <sstream>
#include <utility>

#include "base/path.h"
#include "base/unique_fd.h"
#include "fmt/format.h"

namespace leash::platform {
namespace {

std::set<std::string> Words(const std::string& text, char separator = ' ') {
  std::set<std::string> words;
  std::istringstream stream(text);
  for (std::string word; std::getline(stream, word, separator);) {
    while (!word.empty() && word.back() == '\n') word.pop_back();
    if (!word.empty()) words.insert(word);
  }
  return words;
}

struct Mount {
  int version;
  std::string root;                   // of what is mounted, in the hierarchy
  std::string point;                  // where
  std::set<std::string> controllers;  // version 1: among its options
};

// Lines of mountinfo (proc(5)): id, parent, device, root, mount point, options, optional fields, "-", type, source,
// options. Characters that would break a line stand as \ooo; such mount points are passed over.
std::vector<Mount> MountsOf(const std::string& text) {
  std::vector<Mount> mounts;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t dash = line.find(" - ");
    if (dash == std::string::npos || line.find('\\') != std::string::npos) continue;
    std::istringstream before(line.substr(0, dash));
    std::istringstream after(line.substr(dash + 3));
    std::string skip, type, options;
    Mount mount;
    before >> skip >> skip >> skip >> mount.root >> mount.point;
    after >> type >> skip >> options;
    if (type != "cgroup" && type != "cgroup2") continue;
    mount.version = type == "cgroup2" ? 2 : 1;
    mount.controllers = Words(options, ',');
    mounts.push_back(std::move(mount));
  }
  return mounts;
}

// The process's own group in a hierarchy; lines are "id:controllers:path", version 2 being "0::path".
std::optional<std::string> OwnPath(const std::string& text, int version, const std::string& controller) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const bool match =
        version == 2 ? line.starts_with("0::") : !controllers.empty() && Words(controllers, ',').contains(controller);
    if (match) return line.substr(second + 1);
  }
  return std::nullopt;
}

// The directory of the process's own group below a mount point. Not there: the group is outside what is mounted, as in
// some containers.
std::optional<std::string> OwnDirectory(const Mount& mount, const std::optional<std::string>& own) {
  if (!own.has_value() || own->find("/..") != std::string::npos) return std::nullopt;
  if (!base::IsAtOrBelow(*own, mount.root)) return std::nullopt;
  std::string_view below = *own;
  below.remove_prefix(mount.root == "/" ? 0 : mount.root.size());
  std::string directory = below.size() > 1 ? mount.point + std::string(below) : mount.point;
  if (::access(directory.c_str(), F_OK) != 0) return std::nullopt;
  return directory;
}

bool Writable(const std::string& path) { return ::faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) == 0; }

// Looks for the nearest directory at or above `directory` that hands on all of `wanted`.
std::optional<std::string> HandsOn(const std::string& top, std::string directory, const std::set<std::string>& wanted) {
  while (true) {
    const std::set<std::string> handed = Words(ReadControl(directory + "/cgroup.subtree_control").value_or(""));
    const bool all = std::includes(handed.begin(), handed.end(), wanted.begin(), wanted.end());
    if (all && Writable(directory) && Writable(directory + "/cgroup.procs")) return directory;
    if (directory.size() <= top.size()) return std::nullopt;
    directory = std::string(base::ParentOf(directory));
  }
}

class Finder {
 public:
  explicit Finder(const CgroupFacts& facts) : facts_(facts), mounts_(MountsOf(facts.mounts)) {}

  CgroupPlaces Run(bool memory, bool pids) {
    if (memory && pids && InVersion2({"memory", "pids"})) return std::move(result_);
    const auto one = [&](const char* controller) {
      // A process is in one group of version 2: the second controller must be had from version 1.
      if (result_.places.empty() && InVersion2({controller})) return;
      if (!InVersion1(controller)) result_.why_not = WhyNot(controller);
    };
    if (memory) one("memory");
    if (pids) one("pids");
    return std::move(result_);
  }

 private:
  bool InVersion2(const std::set<std::string>& wanted) {
    for (const Mount& mount : mounts_) {
      if (mount.version != 2) continue;
      const auto own = OwnDirectory(mount, OwnPath(facts_.own, 2, ""));
      if (!own.has_value()) continue;
      auto found = HandsOn(mount.point, *own, wanted);
      if (!found.has_value()) continue;
      result_.places.push_back({2, *std::move(found), wanted.contains("memory"), wanted.contains("pids")});
      return true;
    }
    return false;
  }

  bool InVersion1(const std::string& controller) {
    for (const Mount& mount : mounts_) {
      if (mount.version != 1 || !mount.controllers.contains(controller)) continue;
      const auto own = OwnDirectory(mount, OwnPath(facts_.own, 1, controller));
      if (!own.has_value() || !Writable(*own)) continue;
      // Two controllers may share a hierarchy.
      auto place = std::find_if(result_.places.begin(), result_.places.end(),
                                [&](const CgroupPlace& other) { return other.directory == *own; });
      if (place == result_.places.end()) place = result_.places.insert(place, CgroupPlace{1, *own});
      (controller == "memory" ? place->memory : place->pids) = true;
      return true;
    }
    return false;
  }

  std::string WhyNot(const std::string& controller) const {
    for (const Mount& mount : mounts_) {
      const bool has = mount.version == 1
                           ? mount.controllers.contains(controller)
                           : Words(ReadControl(mount.point + "/cgroup.controllers").value_or("")).contains(controller);
      if (!has) continue;
      if (mount.version == 1) return fmt::format("this user may not make control groups in {}", mount.point);
      return fmt::format(
          "in {}, no control group above this process both hands on the {} controller and may be "
          "written by this user",
          mount.point, controller);
    }
    return fmt::format("no control group file system with the {} controller is mounted", controller);
  }

  const CgroupFacts& facts_;
  const std::vector<Mount> mounts_;
  CgroupPlaces result_;
};

}  // namespace

std::optional<std::string> ReadControl(const std::string& path) {
  const base::UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  std::array<char, 4096> buffer;
  while (file) {
    const ssize_t size = ::read(file.get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return std::nullopt;
    if (size == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(size));
  }
  return std::nullopt;
}

CgroupFacts CgroupFactsOfProcess() {
  return {ReadControl("/proc/self/mountinfo").value_or(""), ReadControl("/proc/self/cgroup").value_or("")};
}

CgroupPlaces FindCgroupPlaces(const CgroupFacts& facts, bool memory, bool pids) {
  return Finder(facts).Run(memory, pids);
}

std::vector<std::string> CgroupMountPoints(const CgroupFacts& facts) {
  std::vector<std::string> points;
  for (const Mount& mount : MountsOf(facts.mounts)) points.push_back(mount.point);
  return points;
}

}  // namespace leash::platform
