// Plan -> the mount tree of a sandbox with namespaces, as data: pure, but for looking at what exists.
//
// A path that the plan does not open is not there at all. What the tiers open is attached piece by piece to an empty
// root, so that a closed name below is left out; what a user granted is attached whole, so that new names appear in it
// and can be made in it, and a closed path in it is covered by something empty.
//
// Not covered by mounts: a closed path that does not exist yet in a directory that a user granted. It cannot be
// covered without making it. `unguarded` names those that could be made from inside.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "core/plan.h"
#include "platform/linux/init_wire.h"
#include "platform/linux/landlock.h"

namespace leash::platform {

struct Mount {
  wire::MountKind kind;
  std::uint16_t flags = 0;  // wire::MountFlags
  std::uint32_t mode = 0755;
  std::string source;  // absolute
  std::string target;  // relative to the new root; empty: the root itself
  std::uint64_t attributes = 0;
  std::uint64_t rights = 0;

  bool operator==(const Mount&) const = default;
};

struct MountPlan {
  bool own_root = true;  // an empty root; otherwise the first mount is the root
  std::uint64_t root_rights = 0;
  std::vector<Mount> mounts;  // in the order in which they are made
  std::vector<std::string> unguarded;
};

MountPlan PlanMounts(const core::Plan& plan, const LandlockFeatures& features, const base::FileSystem& files);

}  // namespace leash::platform
