#include "core/command_names.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/path.h"
#include "base/remove_tree.h"
#include "base/status.h"
#include "base/unique_fd.h"
#include "base/write_all.h"
#include "core/client_image.h"
#include "fmt/format.h"

namespace leash::core {
namespace {

constexpr mode_t kReadExecute = S_IRUSR | S_IXUSR;

absl::Status Failed(const std::string& path) {
  return base::ErrnoError(ErrorCode::kIo, errno, fmt::format("cannot make {}", path));
}

absl::Status WriteClient(int directory, const std::string& path) {
  const base::UniqueFd file(::openat(directory, std::string(kIpcClient).c_str(),
                                     O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRWXU));
  if (!file) return Failed(path);
  const bool made = base::WriteAll(file.get(), ClientImage()) && ::fchmod(file.get(), kReadExecute) == 0;
  return made ? absl::OkStatus() : Failed(path);
}

}  // namespace

absl::StatusOr<CommandNames> CommandNames::Make(const std::string& directory, const IpcRouter& router) {
  if (::mkdir(directory.c_str(), S_IRWXU) != 0) return Failed(directory);
  CommandNames names;
  names.directory_ = directory;
  const base::UniqueFd opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!opened) return Failed(directory);
  struct statvfs file_system;
  if (::fstatvfs(opened.get(), &file_system) == 0 && (file_system.f_flag & ST_NOEXEC) != 0) {
    return base::Error(ErrorCode::kUnsupported,
                       fmt::format("commands of the host are programs in {}, whose file system executes nothing "
                                   "(noexec): set TMPDIR to a directory elsewhere",
                                   directory));
  }
  LEASH_RETURN_IF_ERROR(WriteClient(opened.get(), base::JoinPath(directory, kIpcClient)));
  for (const auto& [name, entry] : router.commands()) {
    if (::symlinkat(std::string(kIpcClient).c_str(), opened.get(), name.c_str()) != 0) {
      return Failed(base::JoinPath(directory, name));
    }
  }
  if (::fchmod(opened.get(), kReadExecute) != 0) return Failed(directory);
  return names;
}

CommandNames& CommandNames::operator=(CommandNames&& other) noexcept {
  std::swap(directory_, other.directory_);
  return *this;
}

CommandNames::~CommandNames() {
  if (directory_.empty()) return;
  const base::UniqueFd opened(::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!opened || ::fchmod(opened.get(), S_IRWXU) != 0) return;  // gone already
  base::RemoveContents(opened.get(), directory_).IgnoreError();
  (void)::rmdir(directory_.c_str());
}

}  // namespace leash::core
