#include "core/guard.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <memory>
#include <utility>

#include "base/path.h"
#include "base/path_fd.h"
#include "base/random.h"
#include "base/status.h"
#include "base/text.h"
#include "base/write_all.h"
#include "fmt/format.h"

namespace leash::core {
namespace {

// Of all watched paths together. Hooks and settings are some kilobytes.
constexpr std::uint64_t kBudget = 16 << 20;

absl::Status Failed(std::string_view what, const std::string& name) {
  return base::ErrnoError(ErrorCode::kIo, errno, fmt::format("cannot {} {}", what, base::Printable(name)));
}

std::string NameOf(const std::string& path) { return path.substr(path.rfind('/') + 1); }

absl::StatusOr<std::string> ReadAll(int fd, const std::string& name, std::uint64_t& budget) {
  std::string content;
  std::array<char, 16384> buffer;
  while (true) {
    const ssize_t size = ::read(fd, buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return Failed("read", name);
    if (size == 0) return content;
    if (static_cast<std::uint64_t>(size) > budget) {
      return base::Error(ErrorCode::kNotEnforced, fmt::format("{} is too large to be watched", base::Printable(name)));
    }
    budget -= static_cast<std::uint64_t>(size);
    content.append(buffer.data(), static_cast<std::size_t>(size));
  }
}

absl::StatusOr<std::vector<std::string>> NamesIn(int directory, const std::string& name) {
  const int copy = ::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (copy < 0) return Failed("list", name);
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(copy), &::closedir);
  if (stream == nullptr) return Failed("list", name);
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(stream.get())) {
    const std::string_view text = entry->d_name;
    if (text != "." && text != "..") names.emplace_back(text);
    errno = 0;
  }
  if (errno != 0) return Failed("list", name);
  return names;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Guard>> Guard::Make(const std::vector<std::string>& paths, std::string keep) {
  std::unique_ptr<Guard> guard(new Guard(std::move(keep)));
  std::uint64_t budget = kBudget;
  for (const std::string& path : paths) {
    Watched& watched = guard->watched_.emplace_back();
    watched.path = path;
    const auto directory = base::OpenCanonical(std::string(base::ParentOf(path)));
    if (GetErrorCode(directory.status()) == ErrorCode::kPathNotFound) continue;  // not there either
    if (!directory.ok()) return directory.status();
    LEASH_ASSIGN_OR_RETURN(watched.before, Look(directory->get(), NameOf(path), budget));
  }
  return guard;
}

absl::StatusOr<Guard::Snapshot> Guard::Look(int directory, const std::string& name, std::uint64_t& budget) {
  Snapshot snapshot;
  struct stat info;
  if (::fstatat(directory, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return snapshot;
    return Failed("look at", name);
  }
  snapshot.mode = info.st_mode & 07777;
  if (S_ISLNK(info.st_mode)) {
    std::array<char, PATH_MAX> target;
    const ssize_t size = ::readlinkat(directory, name.c_str(), target.data(), target.size());
    if (size < 0) return Failed("read the link", name);
    snapshot.kind = Snapshot::Kind::kSymlink;
    snapshot.content.assign(target.data(), static_cast<std::size_t>(size));
    return snapshot;
  }
  snapshot.kind = S_ISREG(info.st_mode)   ? Snapshot::Kind::kFile
                  : S_ISDIR(info.st_mode) ? Snapshot::Kind::kDirectory
                                          : Snapshot::Kind::kOther;
  if (snapshot.kind == Snapshot::Kind::kOther) return snapshot;
  const int kind_flags = snapshot.kind == Snapshot::Kind::kDirectory ? O_DIRECTORY : O_NONBLOCK;
  const base::UniqueFd fd(::openat(directory, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | kind_flags));
  if (!fd) return Failed("open", name);
  if (snapshot.kind == Snapshot::Kind::kFile) {
    LEASH_ASSIGN_OR_RETURN(snapshot.content, ReadAll(fd.get(), name, budget));
    return snapshot;
  }
  LEASH_ASSIGN_OR_RETURN(const std::vector<std::string> names, NamesIn(fd.get(), name));
  for (const std::string& entry : names) {
    LEASH_ASSIGN_OR_RETURN(snapshot.entries[entry], Look(fd.get(), entry, budget));
  }
  return snapshot;
}

absl::Status Guard::PutBack(int directory, const std::string& name, const Snapshot& snapshot) {
  switch (snapshot.kind) {
    case Snapshot::Kind::kMissing:
      return absl::OkStatus();
    case Snapshot::Kind::kOther:
      return base::Error(ErrorCode::kIo, fmt::format("cannot put back {}: it was a device or the like", name));
    case Snapshot::Kind::kSymlink:
      if (::symlinkat(snapshot.content.c_str(), directory, name.c_str()) != 0) return Failed("put back", name);
      return absl::OkStatus();
    case Snapshot::Kind::kFile: {
      const base::UniqueFd fd(::openat(directory, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
      if (!fd) return Failed("put back", name);
      if (!base::WriteAll(fd.get(), snapshot.content)) return Failed("write", name);
      if (::fchmod(fd.get(), snapshot.mode) != 0) return Failed("set the mode of", name);
      return absl::OkStatus();
    }
    case Snapshot::Kind::kDirectory: {
      if (::mkdirat(directory, name.c_str(), 0700) != 0) return Failed("put back", name);
      const base::UniqueFd fd(::openat(directory, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (!fd) return Failed("open", name);
      for (const auto& [entry, below] : snapshot.entries) LEASH_RETURN_IF_ERROR(PutBack(fd.get(), entry, below));
      if (::fchmod(fd.get(), snapshot.mode) != 0) return Failed("set the mode of", name);
      return absl::OkStatus();
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> Guard::MoveAway(int directory, const Watched& watched) {
  const std::string name = NameOf(watched.path);
  LEASH_ASSIGN_OR_RETURN(const std::string random, base::RandomName());
  const std::string fresh = fmt::format("{}-{}", name, random.substr(0, 8));
  if (::mkdir(keep_.c_str(), 0700) != 0 && errno != EEXIST) return Failed("make", keep_);
  std::string moved = base::JoinPath(keep_, fresh);
  if (::renameat2(directory, name.c_str(), AT_FDCWD, moved.c_str(), RENAME_NOREPLACE) == 0) return moved;
  const std::string beside = fmt::format("{}.quarantined-by-leash", fresh);
  if (::renameat2(directory, name.c_str(), directory, beside.c_str(), RENAME_NOREPLACE) != 0) {
    return Failed("move away", watched.path);
  }
  return base::JoinPath(base::ParentOf(watched.path), beside);
}

absl::StatusOr<Guard::Snapshot> Guard::LookAgain(int directory, const std::string& name) {
  std::uint64_t budget = 2 * kBudget;
  return Look(directory, name, budget);
}

absl::Status Guard::CheckOne(const Watched& watched) {
  // Through no symbolic link: the command may have put one where a directory was. Then nothing is at the path that was
  // planned, and a tool that follows the link finds what the link's target always held.
  const auto parent = base::OpenCanonical(std::string(base::ParentOf(watched.path)));
  if (GetErrorCode(parent.status()) == ErrorCode::kPathNotFound) return absl::OkStatus();
  if (!parent.ok()) return parent.status();
  const std::string name = NameOf(watched.path);
  absl::StatusOr<Snapshot> now = LookAgain(parent->get(), name);
  // A shortage of the moment is no change. What the command has made unreadable stays so.
  if (!now.ok()) now = LookAgain(parent->get(), name);
  if (now.ok() && *now == watched.before) return absl::OkStatus();
  Quarantined found;
  found.path = watched.path;
  if (!now.ok() || now->kind != Snapshot::Kind::kMissing) {
    LEASH_ASSIGN_OR_RETURN(found.moved_to, MoveAway(parent->get(), watched));
  }
  if (watched.before.kind != Snapshot::Kind::kMissing) {
    const absl::Status put_back = PutBack(parent->get(), name, watched.before);
    if (!put_back.ok()) {
      found_.push_back(std::move(found));  // what was moved away is kept: it may be the user's
      return put_back;
    }
    found.restored = true;
  }
  found_.push_back(std::move(found));
  return absl::OkStatus();
}

absl::Status Guard::Check() {
  const std::lock_guard lock(mutex_);
  absl::Status result;
  for (const Watched& watched : watched_) result.Update(CheckOne(watched));
  return result;
}

std::vector<Quarantined> Guard::Found() const {
  const std::lock_guard lock(mutex_);
  return found_;
}

}  // namespace leash::core
