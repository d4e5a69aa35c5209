#include "platform/linux/supervisor_paths.h"

#include <fcntl.h>
#include <linux/limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <optional>
#include <string_view>

#include "fmt/format.h"

namespace leash::platform {
namespace {

std::optional<int> NumberAfter(std::string_view path, std::string_view prefix) {
  if (!path.starts_with(prefix)) return std::nullopt;
  path.remove_prefix(prefix.size());
  int number = 0;
  const auto [end, error] = std::from_chars(path.data(), path.data() + path.size(), number);
  if (error != std::errc() || end != path.data() + path.size() || number < 0) return std::nullopt;
  return number;
}

// The caller's own descriptor, if the path is one of the names for it. glibc's fchmodat(3) uses the first.
std::optional<int> DescriptorMeant(const Caller& caller, std::string_view path) {
  constexpr std::array<std::string_view, 3> kStreams = {"/dev/stdin", "/dev/stdout", "/dev/stderr"};
  for (std::size_t i = 0; i < kStreams.size(); ++i) {
    if (path == kStreams[i]) return static_cast<int>(i);
  }
  for (const std::string_view prefix : {"/proc/self/fd/", "/proc/thread-self/fd/", "/dev/fd/"}) {
    if (const auto number = NumberAfter(path, prefix)) return number;
  }
  if (!path.starts_with("/proc/")) return std::nullopt;
  return NumberAfter(path, fmt::format("/proc/{}/fd/", caller.Process()));
}

bool IsInProc(int fd) {
  struct statfs info;
  return ::fstatfs(fd, &info) != 0 || info.f_type == PROC_SUPER_MAGIC;
}

}  // namespace

Answer OpenStart(Caller& caller, int directory, base::UniqueFd& start) {
  return directory == AT_FDCWD ? caller.OpenCurrentDirectory(start) : caller.Take(directory, start);
}

Answer OpenFor(Caller& caller, int directory, const std::string& path, bool follow, base::UniqueFd& file) {
  if (follow) {
    if (const auto number = DescriptorMeant(caller, path)) {
      const Answer taken = caller.Take(*number, file);
      if (taken != 0) return taken == -EBADF ? -ENOENT : taken;
      return IsInProc(file.get()) ? -EPERM : 0;
    }
  }
  base::UniqueFd start;
  if (!path.starts_with('/')) {
    if (const Answer opened = OpenStart(caller, directory, start); opened != 0) return opened;
  }
  open_how how = {};
  how.flags = O_PATH | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW);
  how.resolve = RESOLVE_NO_MAGICLINKS;
  file.reset(static_cast<int>(::syscall(SYS_openat2, start.get(), path.c_str(), &how, sizeof(how))));
  if (!file) return -errno;
  return IsInProc(file.get()) ? -EPERM : 0;
}

FileFacts FactsOf(int fd) {
  FileFacts facts;
  struct stat info;
  std::array<char, PATH_MAX> name;
  const ssize_t size = ::readlink(NameOf(fd).c_str(), name.data(), name.size());
  if (size <= 0 || static_cast<std::size_t>(size) == name.size() || ::fstat(fd, &info) != 0) return facts;
  facts.path.assign(name.data(), static_cast<std::size_t>(size));
  facts.mode = info.st_mode;
  facts.linked = info.st_nlink > 0;
  return facts;
}

std::string NameOf(int fd) { return fmt::format("/proc/self/fd/{}", fd); }

}  // namespace leash::platform
