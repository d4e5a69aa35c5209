// A directory for one test, removed at its end.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

namespace leash::testing {

class TemporaryDirectory {
 public:
  // Below /tmp, mode 0755. Not named leash-*: those are sandboxes of others, which stay closed.
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  // Absolute and canonical.
  const std::string& path() const { return path_; }
  std::string Path(std::string_view relative) const;

  // Each gives the absolute path. Parents are made as needed.
  std::string MakeDirectory(std::string_view relative, mode_t mode = 0755) const;
  std::string MakeFile(std::string_view relative, std::string_view text, mode_t mode = 0644) const;
  std::string CopyFile(const std::string& from, std::string_view relative, mode_t mode = 0755) const;

  // Gives everything in it, and itself, to a user.
  void GiveTo(uid_t user) const;

 private:
  std::string path_;
};

std::string ReadFile(const std::string& path);
bool Exists(const std::string& path);

}  // namespace leash::testing
