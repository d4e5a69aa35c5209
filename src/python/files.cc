#include "python/files.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstring>

#include "base/path.h"
#include "base/status.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "fmt/format.h"

namespace leash::python {
namespace {

bool HasType(const std::string& path, mode_t type) {
  struct stat status = {};
  return ::stat(path.c_str(), &status) == 0 && (status.st_mode & S_IFMT) == type;
}

}  // namespace

bool IsProgram(const std::string& path) {
  return IsFile(path) && ::faccessat(AT_FDCWD, path.c_str(), X_OK, AT_EACCESS) == 0;
}

bool IsDirectory(const std::string& path) { return HasType(path, S_IFDIR); }

bool IsFile(const std::string& path) { return HasType(path, S_IFREG); }

bool IsElf(const std::string& path) {
  const base::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  std::array<char, SELFMAG> begin = {};
  return fd && ::pread(fd.get(), begin.data(), begin.size(), 0) == SELFMAG &&
         std::memcmp(begin.data(), ELFMAG, SELFMAG) == 0;
}

std::optional<std::string> ReadSmallFile(const std::string& path, std::size_t most) {
  // A pipe in its place must not make us wait.
  const base::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  struct stat status = {};
  if (!fd || ::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  std::string text;
  std::array<char, 16384> buffer;
  while (true) {
    const ssize_t size = ::read(fd.get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return std::nullopt;
    if (size == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(size));
    if (text.size() > most) return std::nullopt;
  }
}

std::optional<std::string> LinkTarget(const std::string& path) {
  std::array<char, PATH_MAX> buffer;
  const ssize_t size = ::readlink(path.c_str(), buffer.data(), buffer.size());
  if (size <= 0 || static_cast<std::size_t>(size) == buffer.size()) return std::nullopt;
  const std::string target(buffer.data(), static_cast<std::size_t>(size));
  return target.front() == '/' ? target : base::JoinPath(base::ParentOf(path), target);
}

absl::Status CheckNoLink(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  const std::optional<std::string> target = LinkTarget(path);
  if (!target.has_value()) return absl::OkStatus();
  return base::Error(ErrorCode::kInvalidArgument,
                     fmt::format("{} is a symbolic link, through which no virtual environment is written; name {}",
                                 base::Printable(path), base::Printable(*target)));
}

}  // namespace leash::python
