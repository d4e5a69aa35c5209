// Rules -> grants, for mechanisms that can only add.
//
// Landlock grants a directory with everything below it and cannot take a part back. So a closed path inside an open
// directory is left out by granting its siblings instead of the directory, level by level down to the closed path.
//
// What that costs, and is documented for users: the directories above a closed path keep only what is allowed in all
// of them, so they can usually not be listed, and no new name can be made directly in them. A name that appears there
// later is closed too.
#pragma once

#include <string>
#include <vector>

#include "base/file_system.h"
#include "core/plan.h"

namespace leash::core {

struct SubtreeGrant {
  std::string path;  // canonical; grants are in order of depth-first traversal
  Access access = Access::kNone;
  bool device = false;
  bool sibling = false;  // found by listing a directory: it may be gone again by the time it is opened

  bool operator==(const SubtreeGrant&) const = default;
};

// For every path: the union of the grants at and above it is Decide() of that path, or less where a directory could
// not be listed or has since gained a name. Never more.
std::vector<SubtreeGrant> CarveOut(const std::vector<PathRule>& rules, const base::FileSystem& files);

}  // namespace leash::core
