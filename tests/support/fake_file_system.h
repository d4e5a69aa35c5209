// A file system in memory: directories, files, devices and links, enough to plan against.
#pragma once

#include <map>
#include <string>

#include "base/file_system.h"

namespace leash::testing {

class FakeFileSystem final : public base::FileSystem {
 public:
  FakeFileSystem() { AddDirectory("/"); }

  // Parents are made as needed.
  void AddDirectory(const std::string& path) { Add(path, {base::FileType::kDirectory, ""}); }
  void AddFile(const std::string& path) { Add(path, {base::FileType::kRegular, ""}); }
  void AddDevice(const std::string& path) { Add(path, {base::FileType::kDevice, ""}); }
  void AddLink(const std::string& path, const std::string& target) { Add(path, {base::FileType::kSymlink, target}); }
  // The directory can be passed through but not listed.
  void ForbidListing(const std::string& path) { entries_[path].listable = false; }

  std::optional<std::string> Canonical(const std::string& path) const override;
  std::optional<base::FileType> TypeOf(const std::string& path) const override;
  absl::StatusOr<std::vector<base::DirectoryEntry>> List(const std::string& path) const override;

 private:
  struct Entry {
    base::FileType type = base::FileType::kDirectory;
    std::string target;
    bool listable = true;
  };
  void Add(const std::string& path, Entry entry);

  std::map<std::string, Entry> entries_;
};

}  // namespace leash::testing
