#include "base/path_fd.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>

#include <cerrno>
#include <string_view>

#include "base/path.h"
#include "base/status.h"
#include "fmt/format.h"

namespace leash::base {
namespace {

absl::Status OpenError(int error, const std::string& path) {
  if (error == ENOENT || error == ENOTDIR) {
    return ErrnoError(ErrorCode::kPathNotFound, error, fmt::format("cannot open {}", path));
  }
  if (error == ELOOP) {
    return Error(ErrorCode::kPathNotFound,
                 fmt::format("cannot open {}: it became a symbolic link while leash looked at it", path));
  }
  return ErrnoError(ErrorCode::kIo, error, fmt::format("cannot open {}", path));
}

}  // namespace

absl::StatusOr<UniqueFd> OpenCanonicalByWalk(const std::string& path) {
  UniqueFd at(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!at) return OpenError(errno, "/");
  const auto parts = Components(path);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const bool last = i + 1 == parts.size();
    const std::string name(parts[i]);
    // With O_PATH, O_NOFOLLOW opens the link itself; only O_DIRECTORY makes a link in the middle an error.
    UniqueFd next(::openat(at.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC | (last ? 0 : O_DIRECTORY)));
    if (!next) return OpenError(errno == ENOTDIR && !last ? ELOOP : errno, path);
    if (last) {
      char target;
      if (::readlinkat(next.get(), "", &target, 1) >= 0) return OpenError(ELOOP, path);
    }
    at = std::move(next);
  }
  return at;
}

absl::StatusOr<UniqueFd> OpenCanonical(const std::string& path) {
  open_how how = {};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_NO_SYMLINKS;
  const long fd = ::syscall(SYS_openat2, AT_FDCWD, path.c_str(), &how, sizeof(how));
  if (fd >= 0) return UniqueFd(static_cast<int>(fd));
  // Old kernels answer ENOSYS; sandboxes around us may answer EPERM for a call they do not know.
  if (errno == ENOSYS || errno == EPERM) return OpenCanonicalByWalk(path);
  return OpenError(errno, path);
}

}  // namespace leash::base
