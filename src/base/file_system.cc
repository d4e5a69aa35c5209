#include "base/file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <memory>
#include <utility>

#include "base/path.h"
#include "base/status.h"
#include "fmt/format.h"

namespace leash::base {
namespace {

FileType TypeFromMode(mode_t mode) {
  if (S_ISDIR(mode)) return FileType::kDirectory;
  if (S_ISREG(mode)) return FileType::kRegular;
  if (S_ISLNK(mode)) return FileType::kSymlink;
  if (S_ISCHR(mode) || S_ISBLK(mode)) return FileType::kDevice;
  return FileType::kOther;
}

FileType TypeOfEntry(DIR* directory, const dirent& entry) {
  if (entry.d_type != DT_UNKNOWN) return TypeFromMode(static_cast<mode_t>(DTTOIF(entry.d_type)));
  struct stat info;  // a file system that does not keep types in its directories
  const bool found = ::fstatat(::dirfd(directory), entry.d_name, &info, AT_SYMLINK_NOFOLLOW) == 0;
  return found ? TypeFromMode(info.st_mode) : FileType::kOther;
}

thread_local UnansweredQuestions* unanswered = nullptr;

// Whether the reason says something about the path: that it is not there, or out of reach for this user and so for the
// sandbox.
bool IsAnswer(int error) {
  constexpr std::array kAnswers = {ENOENT, ENOTDIR, EACCES, ELOOP, ENAMETOOLONG, ENOTCONN, ESTALE, EHOSTDOWN};
  return std::find(kAnswers.begin(), kAnswers.end(), error) != kAnswers.end();
}

std::nullopt_t Missing(int error, const std::string& path) {
  if (unanswered != nullptr && !IsAnswer(error)) unanswered->Add(error, path);
  return std::nullopt;
}

absl::Status CannotList(int error, const std::string& path) {
  Missing(error, path);
  return ErrnoError(ErrorCode::kIo, error, fmt::format("cannot list {}", path));
}

class HostFs final : public FileSystem {
 public:
  std::optional<std::string> Canonical(const std::string& path) const override {
    std::array<char, PATH_MAX> buffer;
    if (::realpath(path.c_str(), buffer.data()) == nullptr) return Missing(errno, path);
    return std::string(buffer.data());
  }

  std::optional<FileType> TypeOf(const std::string& path) const override {
    struct stat info;
    if (::lstat(path.c_str(), &info) != 0) return Missing(errno, path);
    return TypeFromMode(info.st_mode);
  }

  absl::StatusOr<std::vector<DirectoryEntry>> List(const std::string& path) const override {
    const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), &::closedir);
    if (directory == nullptr) return CannotList(errno, path);
    std::vector<DirectoryEntry> entries;
    errno = 0;
    while (const dirent* entry = ::readdir(directory.get())) {
      const std::string_view name(entry->d_name);
      if (name != "." && name != "..") entries.push_back({std::string(name), TypeOfEntry(directory.get(), *entry)});
      errno = 0;
    }
    if (errno != 0) return CannotList(errno, path);
    return entries;
  }
};

}  // namespace

const FileSystem& HostFileSystem() {
  static const HostFs fs;
  return fs;
}

UnansweredQuestions::UnansweredQuestions() : outer_(std::exchange(unanswered, this)) {}
UnansweredQuestions::~UnansweredQuestions() { unanswered = outer_; }

void UnansweredQuestions::Add(int error, const std::string& path) {
  if (status_.ok()) status_ = ErrnoError(ErrorCode::kIo, error, fmt::format("cannot look at {}", path));
}

std::string CanonicalPrefix(const FileSystem& fs, const std::string& path) {
  std::string existing = path;
  std::string rest;
  while (true) {
    if (std::optional<std::string> canonical = fs.Canonical(existing)) {
      return rest.empty() ? *canonical : JoinPath(*canonical, rest);
    }
    if (existing == "/") return path;
    const std::string name = existing.substr(existing.rfind('/') + 1);
    rest = rest.empty() ? name : JoinPath(name, rest);
    existing = std::string(ParentOf(existing));
  }
}

}  // namespace leash::base
