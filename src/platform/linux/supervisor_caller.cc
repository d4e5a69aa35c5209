#include "platform/linux/supervisor_caller.h"

#include <fcntl.h>
#include <linux/limits.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "fmt/format.h"

namespace leash::platform {
namespace {

constexpr unsigned kPidfdThread = O_EXCL;  // PIDFD_THREAD, Linux 6.9

// What the kernel says when it cannot follow a pointer; anything else is not the caller's mistake.
Answer OfRead(int error) { return error == EFAULT ? -EFAULT : -EPERM; }

}  // namespace

Answer Caller::Read(std::uint64_t address, void* into, std::size_t size) const {
  const iovec local = {into, size};
  const iovec remote = {reinterpret_cast<void*>(address), size};
  const ssize_t done = ::process_vm_readv(static_cast<pid_t>(notification_.pid), &local, 1, &remote, 1, 0);
  if (done < 0) return OfRead(errno);
  return static_cast<std::size_t>(done) == size ? 0 : -EFAULT;
}

Answer Caller::ReadPath(std::uint64_t address, std::string& path) const {
  constexpr std::size_t kPage = 4096;
  std::array<char, kPage> piece;
  path.clear();
  while (path.size() < PATH_MAX) {
    // Not over the end of a page: the next may not be there.
    const std::size_t size = std::min(kPage - address % kPage, PATH_MAX - path.size());
    if (const Answer read = Read(address, piece.data(), size); read != 0) return read;
    const auto* end = static_cast<const char*>(std::memchr(piece.data(), '\0', size));
    path.append(piece.data(), end == nullptr ? size : static_cast<std::size_t>(end - piece.data()));
    if (end != nullptr) return 0;
    address += size;
  }
  return -ENAMETOOLONG;
}

Answer Caller::Take(int fd, base::UniqueFd& taken) {
  if (!pidfd_) {
    pidfd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, notification_.pid, kPidfdThread)));
    // Older kernels know only processes. A thread with descriptors of its own then has the others' taken: it acts on
    // another file of the same program, with the same judgement.
    if (!pidfd_) pidfd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, Process(), 0)));
    if (!pidfd_) return -EPERM;
  }
  taken.reset(static_cast<int>(::syscall(SYS_pidfd_getfd, pidfd_.get(), fd, 0)));
  if (taken) return 0;
  return errno == EBADF || errno == EMFILE || errno == ENFILE ? -errno : -EPERM;
}

Answer Caller::OpenMemory(base::UniqueFd& memory) const {
  memory.reset(::open(fmt::format("/proc/{}/mem", notification_.pid).c_str(), O_RDWR | O_CLOEXEC));
  return memory ? 0 : -EPERM;
}

Answer Caller::WriteTo(const base::UniqueFd& memory, std::uint64_t address, const void* bytes, std::size_t size) {
  const ssize_t done = ::pwrite(memory.get(), bytes, size, static_cast<off_t>(address));
  return done == static_cast<ssize_t>(size) ? 0 : -EFAULT;
}

Answer Caller::OpenCurrentDirectory(base::UniqueFd& directory) const {
  directory.reset(::open(fmt::format("/proc/{}/cwd", notification_.pid).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  return directory ? 0 : -EPERM;
}

pid_t Caller::Process() const { return static_cast<pid_t>(StatusLine("\nTgid:", 10).value_or(-1)); }

int Caller::Umask() const { return static_cast<int>(StatusLine("\nUmask:", 8).value_or(-1)); }

bool Caller::HasSignal() const {
  const auto signals = [this](const char* name) { return StatusLine(name, 16).value_or(0); };
  constexpr auto kIgnorable = [](int signal) { return 1LL << (signal - 1); };
  const long long pending = signals("\nSigPnd:") | signals("\nShdPnd:");
  return (pending & ~signals("\nSigBlk:") & signals("\nSigCgt:") & ~kIgnorable(SIGCHLD) & ~kIgnorable(SIGCONT) &
          ~kIgnorable(SIGURG) & ~kIgnorable(SIGWINCH)) != 0;
}

// proc(5): lines of "Name:\tvalue". A program chooses its own name, which comes first, but newlines in it are escaped.
std::optional<long long> Caller::StatusLine(const char* name, int base) const {
  const base::UniqueFd file(::open(fmt::format("/proc/{}/status", notification_.pid).c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 4096> buffer;
  const ssize_t size = file ? ::read(file.get(), buffer.data(), buffer.size() - 1) : -1;
  if (size <= 0) return std::nullopt;
  buffer[static_cast<std::size_t>(size)] = '\0';
  const char* line = std::strstr(buffer.data(), name);
  if (line == nullptr) return std::nullopt;
  return static_cast<long long>(std::strtoull(line + std::strlen(name), nullptr, base));
}

bool Caller::Waits() const { return ::ioctl(listener_, SECCOMP_IOCTL_NOTIF_ID_VALID, &notification_.id) == 0; }

}  // namespace leash::platform
