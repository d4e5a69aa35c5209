#include "platform/linux/supervisor_metadata.h"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>
#include <utime.h>

#include <array>
#include <cerrno>
#include <functional>
#include <optional>
#include <string>

#include "base/unique_fd.h"
#include "platform/linux/supervisor_paths.h"
#include "platform/linux/supervisor_rules.h"

namespace leash::platform {
namespace {

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

constexpr int kPathFlags = AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH;

using Act = std::function<long(int file)>;

// What the caller named: by a descriptor, or by a path with what flags.
struct Named {
  int directory = AT_FDCWD;
  std::optional<std::uint64_t> path;  // where it stands in the caller's memory; none: the descriptor itself
  int flags = 0;
};

Answer Result(long result) { return result == -1 ? -errno : result; }

// Takes the file, judges it, makes sure that the caller is still the caller, and acts.
Answer OnFile(Caller& caller, const Named& named, const std::function<bool(const FileFacts&)>& may, int refusal,
              const Act& act) {
  base::UniqueFd file;
  Answer opened = 0;
  if (!named.path.has_value()) {
    if (named.directory == AT_FDCWD) return -EFAULT;
    opened = caller.Take(named.directory, file);
  } else {
    std::string path;
    if (const Answer read = caller.ReadPath(*named.path, path); read != 0) return read;
    const bool itself = path.empty() && (named.flags & AT_EMPTY_PATH) != 0;
    opened = itself ? OpenStart(caller, named.directory, file)
                    : OpenFor(caller, named.directory, path, (named.flags & AT_SYMLINK_NOFOLLOW) == 0, file);
  }
  if (opened != 0) return opened;
  if (!may(FactsOf(file.get()))) return -refusal;
  if (!caller.Waits()) return -EINTR;
  return Result(act(file.get()));
}

Answer Change(const core::Plan& plan, Caller& caller, const Named& named, const Act& act) {
  return OnFile(
      caller, named, [&](const FileFacts& file) { return MayChange(plan, file); }, EPERM, act);
}

// -- modes and owners -------------------------------------------------------------------------------------------------

// By descriptor (fchmod), where one that was opened with O_PATH is no good; else by the held file's name.
Answer ChangeMode(const core::Plan& plan, Caller& caller, const Named& named, std::uint64_t argument) {
  if ((named.flags & ~kPathFlags) != 0) return -EINVAL;
  const auto mode = static_cast<mode_t>(argument & 07777);
  // The filter has refused them. Said again, since what is done here is done outside.
  if ((mode & (S_ISUID | S_ISGID)) != 0) return -EPERM;
  return Change(plan, caller, named, [&](int file) -> long {
    return named.path.has_value() ? ::chmod(NameOf(file).c_str(), mode) : ::fchmod(file, mode);
  });
}

Answer ChangeOwner(const core::Plan& plan, Caller& caller, const Named& named, std::uint64_t user,
                   std::uint64_t group) {
  if ((named.flags & ~kPathFlags) != 0) return -EINVAL;
  return Change(plan, caller, named, [&](int file) -> long {
    const auto uid = static_cast<uid_t>(user);
    const auto gid = static_cast<gid_t>(group);
    return named.path.has_value() ? ::fchownat(file, "", uid, gid, AT_EMPTY_PATH) : ::fchown(file, uid, gid);
  });
}

// -- times ------------------------------------------------------------------------------------------------------------

using Times = std::array<timespec, 2>;  // of access, of modification

Answer ChangeTimes(const core::Plan& plan, Caller& caller, const Named& named, const std::optional<Times>& times) {
  if ((named.flags & ~kPathFlags) != 0) return -EINVAL;
  return Change(plan, caller, named, [&](int file) -> long {
    const timespec* values = times.has_value() ? times->data() : nullptr;
    // The system call: libc does not take a null path.
    return named.path.has_value() ? ::syscall(SYS_utimensat, file, "", values, AT_EMPTY_PATH)
                                  : ::syscall(SYS_utimensat, file, nullptr, values, 0);
  });
}

// Null: the present time. `T` is what the call takes.
template <typename T>
Answer ReadTimes(const Caller& caller, std::uint64_t address, std::optional<std::array<T, 2>>& values) {
  values.reset();
  if (address == 0) return 0;
  return caller.Read(address, values.emplace().data(), sizeof(T) * 2);
}

Answer ChangeTimesByTimespec(const core::Plan& plan, Caller& caller, const Named& named, std::uint64_t address) {
  std::optional<Times> times;
  if (const Answer read = ReadTimes(caller, address, times); read != 0) return read;
  return ChangeTimes(plan, caller, named, times);
}

#if defined(SYS_utimes)
Answer ChangeTimesByTimeval(const core::Plan& plan, Caller& caller, const Named& named, std::uint64_t address) {
  std::optional<std::array<timeval, 2>> values;
  if (const Answer read = ReadTimes(caller, address, values); read != 0) return read;
  if (!values.has_value()) return ChangeTimes(plan, caller, named, std::nullopt);
  Times times;
  for (std::size_t i = 0; i < times.size(); ++i) {
    if ((*values)[i].tv_usec < 0 || (*values)[i].tv_usec >= 1'000'000) return -EINVAL;
    times[i] = {(*values)[i].tv_sec, (*values)[i].tv_usec * 1000};
  }
  return ChangeTimes(plan, caller, named, times);
}

Answer ChangeTimesBySeconds(const core::Plan& plan, Caller& caller, const Named& named, std::uint64_t address) {
  if (address == 0) return ChangeTimes(plan, caller, named, std::nullopt);
  utimbuf seconds;
  if (const Answer read = caller.Read(address, &seconds, sizeof(seconds)); read != 0) return read;
  return ChangeTimes(plan, caller, named, Times{{{seconds.actime, 0}, {seconds.modtime, 0}}});
}
#endif

// A null path means the descriptor, to the two calls that take one.
std::optional<std::uint64_t> PathOrNone(std::uint64_t address) {
  return address == 0 ? std::nullopt : std::optional<std::uint64_t>(address);
}

// -- watches ----------------------------------------------------------------------------------------------------------

Answer Watch(const core::Plan& plan, Caller& caller) {
  base::UniqueFd watcher;
  if (const Answer taken = caller.Take(caller.IntArgument(0), watcher); taken != 0) return taken;
  const auto mask = static_cast<std::uint32_t>(caller.Argument(2));
  const Named named = {AT_FDCWD, caller.Argument(1), (mask & IN_DONT_FOLLOW) != 0 ? AT_SYMLINK_NOFOLLOW : 0};
  const auto may = [&](const FileFacts& file) { return MayWatch(plan, file); };
  return OnFile(caller, named, may, EACCES, [&](int file) -> long {
    // The held file's name is a link that must be followed whatever the caller said of its own.
    return ::inotify_add_watch(watcher.get(), NameOf(file).c_str(), mask & ~std::uint32_t{IN_DONT_FOLLOW});
  });
}

}  // namespace

Answer ChangeMetadata(const core::Plan& plan, Caller& caller) {
  const auto a = [&](unsigned index) { return caller.Argument(index); };
  const auto i = [&](unsigned index) { return caller.IntArgument(index); };
  switch (caller.Number()) {
    case SYS_fchmod:
      return ChangeMode(plan, caller, {i(0), std::nullopt}, a(1));
    case SYS_fchmodat:
      return ChangeMode(plan, caller, {i(0), a(1)}, a(2));
    case SYS_fchmodat2:
      return ChangeMode(plan, caller, {i(0), a(1), i(3)}, a(2));
    case SYS_fchown:
      return ChangeOwner(plan, caller, {i(0), std::nullopt}, a(1), a(2));
    case SYS_fchownat:
      return ChangeOwner(plan, caller, {i(0), a(1), i(4)}, a(2), a(3));
    case SYS_utimensat:
      return ChangeTimesByTimespec(plan, caller, {i(0), PathOrNone(a(1)), i(3)}, a(2));
    case SYS_inotify_add_watch:
      return Watch(plan, caller);
#if defined(SYS_chmod)  // what older architectures have beside
    case SYS_chmod:
      return ChangeMode(plan, caller, {AT_FDCWD, a(0)}, a(1));
    case SYS_chown:
      return ChangeOwner(plan, caller, {AT_FDCWD, a(0)}, a(1), a(2));
    case SYS_lchown:
      return ChangeOwner(plan, caller, {AT_FDCWD, a(0), AT_SYMLINK_NOFOLLOW}, a(1), a(2));
    case SYS_utime:
      return ChangeTimesBySeconds(plan, caller, {AT_FDCWD, a(0)}, a(1));
    case SYS_utimes:
      return ChangeTimesByTimeval(plan, caller, {AT_FDCWD, a(0)}, a(1));
    case SYS_futimesat:
      return ChangeTimesByTimeval(plan, caller, {i(0), PathOrNone(a(1))}, a(2));
#endif
    default:
      return -ENOSYS;
  }
}

}  // namespace leash::platform
