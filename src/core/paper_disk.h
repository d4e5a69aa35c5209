// A disk on which another platform could be installed: this machine's, and the system paths that the platform has.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "core/profile.h"

namespace leash::core {

class PaperDisk final : public base::FileSystem {
 public:
  // `host` is borrowed. What the tables of `profile` name is there, as directories: what else it would be, nobody here
  // can tell. Names with a star are not.
  PaperDisk(const base::FileSystem& host, const PlatformProfile& profile);

  std::optional<std::string> Canonical(const std::string& path) const override;
  std::optional<base::FileType> TypeOf(const std::string& path) const override;
  absl::StatusOr<std::vector<base::DirectoryEntry>> List(const std::string& path) const override;

 private:
  const base::FileSystem& host_;
  std::set<std::string, std::less<>> system_;  // and all directories above
};

}  // namespace leash::core
