#include "core/paper_disk.h"

#include "base/path.h"

namespace leash::core {

PaperDisk::PaperDisk(const base::FileSystem& host, const PlatformProfile& profile) : host_(host) {
  for (const auto& table : {profile.strict, profile.open, profile.permissive}) {
    for (const TierPath& row : table) {
      if (row.path.ends_with('*')) continue;
      for (std::string_view path = row.path; system_.emplace(path).second && path != "/";) path = base::ParentOf(path);
    }
  }
}

std::optional<std::string> PaperDisk::Canonical(const std::string& path) const {
  return system_.contains(path) ? path : host_.Canonical(path);
}

std::optional<base::FileType> PaperDisk::TypeOf(const std::string& path) const {
  return system_.contains(path) ? base::FileType::kDirectory : host_.TypeOf(path);
}

absl::StatusOr<std::vector<base::DirectoryEntry>> PaperDisk::List(const std::string& path) const {
  return host_.List(path);
}

}  // namespace leash::core
