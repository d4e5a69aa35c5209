#include "support/fake_file_system.h"

#include "base/path.h"
#include "base/status.h"

namespace leash::testing {

void FakeFileSystem::Add(const std::string& path, Entry entry) {
  if (path != "/" && !entries_.contains(std::string(base::ParentOf(path))))
    AddDirectory(std::string(base::ParentOf(path)));
  entries_[path] = std::move(entry);
}

std::optional<std::string> FakeFileSystem::Canonical(const std::string& path) const {
  std::string at = "/";
  std::string rest = path;
  for (int links = 0; links < 40;) {
    const auto parts = base::Components(rest);
    if (parts.empty()) return at;
    const std::string name(parts.front());
    const std::size_t end = rest.find(name) + name.size();
    rest = rest.substr(end);
    if (name == ".") continue;
    if (name == "..") {
      at = std::string(base::ParentOf(at));
      continue;
    }
    const std::string next = base::JoinPath(at, name);
    const auto found = entries_.find(next);
    if (found == entries_.end()) return std::nullopt;
    if (found->second.type != base::FileType::kSymlink) {
      at = next;
      continue;
    }
    ++links;
    if (found->second.target.starts_with('/')) at = "/";
    rest = found->second.target + rest;
  }
  return std::nullopt;
}

std::optional<base::FileType> FakeFileSystem::TypeOf(const std::string& path) const {
  const auto found = entries_.find(path);
  if (found == entries_.end()) return std::nullopt;
  return found->second.type;
}

absl::StatusOr<std::vector<base::DirectoryEntry>> FakeFileSystem::List(const std::string& path) const {
  const auto found = entries_.find(path);
  if (found == entries_.end() || !found->second.listable) {
    return base::Error(ErrorCode::kIo, "cannot list " + path);
  }
  std::vector<base::DirectoryEntry> entries;
  for (const auto& [entry, info] : entries_) {
    if (entry != "/" && base::ParentOf(entry) == path)
      entries.push_back({entry.substr(entry.rfind('/') + 1), info.type});
  }
  return entries;
}

}  // namespace leash::testing
