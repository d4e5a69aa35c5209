#include "base/remove_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <vector>

#include "base/status.h"
#include "base/unique_fd.h"
#include "fmt/format.h"

namespace leash::base {
namespace {

absl::Status Failed(const std::string& where, const std::string& name) {
  return ErrnoError(ErrorCode::kIo, errno, fmt::format("cannot remove {}/{}", where, name));
}

std::optional<std::vector<std::string>> ListOf(int fd) {
  const int copy = ::openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (copy < 0) return std::nullopt;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::fdopendir(copy), &::closedir);
  if (directory == nullptr) return std::nullopt;
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string_view name(entry->d_name);
    if (name != "." && name != "..") names.emplace_back(name);
  }
  return names;
}

// Opens a subdirectory for listing and changing, giving its owner back the permissions for that if needed.
UniqueFd OpenDirectory(int parent, const std::string& name) {
  UniqueFd directory(::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!directory && errno == EACCES) {
    // fchmodat follows links, but the name was a directory a moment ago and only a dead sandbox could swap it; the
    // O_NOFOLLOW open that follows decides.
    if (::fchmodat(parent, name.c_str(), 0700, 0) != 0) return UniqueFd();
    directory.reset(::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  }
  if (directory) (void)::fchmod(directory.get(), 0700);
  return directory;
}

}  // namespace

absl::Status RemoveContents(int fd, const std::string& name_for_errors) {
  unsigned long next_name = 0;
  while (true) {
    auto names = ListOf(fd);
    if (!names.has_value()) {
      return ErrnoError(ErrorCode::kIo, errno, fmt::format("cannot list {}", name_for_errors));
    }
    if (names->empty()) return absl::OkStatus();
    for (const std::string& name : *names) {
      if (::unlinkat(fd, name.c_str(), 0) == 0) continue;
      if (errno != EISDIR && errno != EPERM) return Failed(name_for_errors, name);
      if (::unlinkat(fd, name.c_str(), AT_REMOVEDIR) == 0) continue;
      if (errno != ENOTEMPTY && errno != EEXIST) return Failed(name_for_errors, name);
      const UniqueFd directory = OpenDirectory(fd, name);
      if (!directory) return Failed(name_for_errors, name);
      const auto children = ListOf(directory.get());
      if (!children.has_value()) return Failed(name_for_errors, name);
      for (const std::string& child : *children) {
        if (::unlinkat(directory.get(), child.c_str(), 0) == 0) continue;
        if (::unlinkat(directory.get(), child.c_str(), AT_REMOVEDIR) == 0) continue;
        // A directory with something in it: move it up. Its own permissions matter, since ".." changes.
        if (!OpenDirectory(directory.get(), child)) return Failed(name_for_errors, child);
        std::string up;
        do {
          up = fmt::format(".leash-rm-{}", next_name++);
        } while (::faccessat(fd, up.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0);
        if (::renameat(directory.get(), child.c_str(), fd, up.c_str()) != 0) return Failed(name_for_errors, child);
      }
      if (::unlinkat(fd, name.c_str(), AT_REMOVEDIR) != 0) return Failed(name_for_errors, name);
    }
  }
}

}  // namespace leash::base
