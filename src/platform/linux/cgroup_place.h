// Where a sandbox's control groups can be made.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace leash::platform {

// One directory of a control group file system, in which a group with these controllers can be made.
struct CgroupPlace {
  int version = 2;
  std::string directory;
  bool memory = false;
  bool pids = false;

  bool operator==(const CgroupPlace&) const = default;
};

struct CgroupPlaces {
  std::vector<CgroupPlace> places;  // at most one a controller
  std::string why_not;              // when a wanted controller has no place
};

// What a process reads of itself in /proc/self/mountinfo and /proc/self/cgroup.
struct CgroupFacts {
  std::string mounts;
  std::string own;
};
CgroupFacts CgroupFactsOfProcess();

// Places for the wanted controllers. Version 2: the nearest directory, from the process's own group upwards, that hands
// the controllers on to its children and that this user may write, as a process can only be moved below a group whose
// cgroup.procs its mover may write. A group with processes in it cannot hand on controllers, so its own group is rarely
// the one. leash switches no controller on: that would outlive it, and change groups that are not its own.
// Version 1, for a controller that version 2 does not have: the process's own group, if this user may write it.
// In both cases the limits above stay in force.
CgroupPlaces FindCgroupPlaces(const CgroupFacts& facts, bool memory, bool pids);

// The content of a control file; nullopt when it cannot be read.
std::optional<std::string> ReadControl(const std::string& path);

// The mount points of all control group file systems.
std::vector<std::string> CgroupMountPoints(const CgroupFacts& facts);

}  // namespace leash::platform
