#include "leash/working_dir.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstdlib>
#include <memory>
#include <utility>

#include "base/log.h"
#include "base/random.h"
#include "base/remove_tree.h"
#include "base/status.h"
#include "base/unique_fd.h"
#include "core/backend.h"
#include "fmt/format.h"

namespace leash {
namespace {

constexpr std::string_view kPrefix = "leash-";
constexpr char kWork[] = "work";
constexpr char kKept[] = "kept";  // beside work: the sweep leaves this directory alone
// Younger directories are left alone: their owner may be between making and locking them.
constexpr int kSweepAgeSeconds = 10;

// A directory that others may write must be sticky, or they could replace ours in it.
bool IsSafeRoot(const struct stat& info) {
  if (!S_ISDIR(info.st_mode)) return false;
  if (info.st_uid != 0 && info.st_uid != ::geteuid()) return false;
  return (info.st_mode & (S_IWGRP | S_IWOTH)) == 0 || (info.st_mode & S_ISVTX) != 0;
}

absl::StatusOr<std::string> TemporaryRoot() {
  const char* configured = std::getenv("TMPDIR");
  for (const char* candidate : {configured, "/tmp"}) {
    if (candidate == nullptr || candidate[0] != '/') continue;
    std::array<char, PATH_MAX> canonical;
    struct stat info;
    if (::realpath(candidate, canonical.data()) == nullptr || ::stat(canonical.data(), &info) != 0) continue;
    if (IsSafeRoot(info) && ::access(canonical.data(), W_OK | X_OK) == 0) return std::string(canonical.data());
  }
  return base::Error(ErrorCode::kWorkingDirectory,
                     "no safe temporary directory: neither $TMPDIR nor /tmp is writable, yours or sticky");
}

absl::Status Failed(std::string_view what, const std::string& path) {
  return base::ErrnoError(ErrorCode::kWorkingDirectory, errno, fmt::format("cannot {} {}", what, path));
}

// The id that a directory's name carries, 0 when it is no name of ours. The last bit is set: an id is never 0.
unsigned long long IdOf(std::string_view name) {
  unsigned long long id = 0;
  if (name.size() != kPrefix.size() + 32 || !name.starts_with(kPrefix)) return 0;
  const char* digits = name.data() + kPrefix.size();
  return std::from_chars(digits, digits + 16, id, 16).ptr == digits + 16 ? id | 1 : 0;
}

// Removes `name` below `root` if its owner is dead. The lock decides, never an age or a pid.
void SweepOne(int root, const std::string& name) {
  struct stat info;
  const base::UniqueFd outer(::openat(root, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!outer || ::fstat(outer.get(), &info) != 0 || info.st_uid != ::geteuid() || (info.st_mode & 077) != 0) return;
  if (::time(nullptr) - info.st_ctime < kSweepAgeSeconds) return;
  if (::flock(outer.get(), LOCK_EX | LOCK_NB) != 0) return;  // its owner lives
  if (::faccessat(outer.get(), kKept, F_OK, AT_SYMLINK_NOFOLLOW) == 0) return;
  core::HostBackend().KillLeftovers(IdOf(name)).IgnoreError();
  const absl::Status removed = base::RemoveContents(outer.get(), name);
  if (removed.ok()) (void)::unlinkat(root, name.c_str(), AT_REMOVEDIR);
  base::Log(base::LogLevel::kInfo, "swept {} of a dead owner: {}", name, removed.ok() ? "removed" : "left in part");
}

absl::Status MarkKept(const base::UniqueFd& outer, const std::string& path) {
  const base::UniqueFd kept(::openat(outer.get(), kKept, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  return kept ? absl::OkStatus() : Failed("keep", path);
}

void Sweep(int root) {
  const int copy = ::openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (copy < 0) return;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::fdopendir(copy), &::closedir);
  if (directory == nullptr) return;
  while (const dirent* entry = ::readdir(directory.get())) {
    if (IdOf(entry->d_name) != 0) SweepOne(root, entry->d_name);
  }
}

}  // namespace

struct WorkingDir::Rep {
  bool keep_evidence = false;
  std::string name;  // of the outer directory, in root
  std::string path;  // of work
  unsigned long long id = 0;
  base::UniqueFd root;
  base::UniqueFd outer;  // holds the lock
  base::UniqueFd work;
};

WorkingDir::WorkingDir(std::unique_ptr<Rep> rep) : rep_(std::move(rep)) {}
WorkingDir::WorkingDir(WorkingDir&&) noexcept = default;

WorkingDir& WorkingDir::operator=(WorkingDir&& other) noexcept {
  if (this != &other) {
    Remove().IgnoreError();
    rep_ = std::move(other.rep_);
  }
  return *this;
}

WorkingDir::~WorkingDir() {
  const absl::Status removed = Remove();
  if (!removed.ok()) base::Log(base::LogLevel::kInfo, "{}", std::string(removed.message()));
}

absl::StatusOr<WorkingDir> WorkingDir::Create() {
  LEASH_ASSIGN_OR_RETURN(const std::string root, TemporaryRoot());
  auto rep = std::make_unique<Rep>();
  rep->root.reset(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!rep->root) return Failed("open", root);
  Sweep(rep->root.get());

  LEASH_ASSIGN_OR_RETURN(const std::string random, base::RandomName());
  rep->name = std::string(kPrefix) + random;
  const std::string outer = root + (root == "/" ? "" : "/") + rep->name;
  rep->path = outer + "/" + kWork;
  rep->id = IdOf(rep->name);
  // mkdir(2) never follows a link and fails on any name that exists: with 128 random bits, a collision is an attack.
  if (::mkdirat(rep->root.get(), rep->name.c_str(), 0700) != 0) return Failed("make", outer);
  WorkingDir result(std::move(rep));
  Rep& r = *result.rep_;
  r.outer.reset(::openat(r.root.get(), r.name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!r.outer) return Failed("open", outer);
  if (::flock(r.outer.get(), LOCK_EX | LOCK_NB) != 0) return Failed("lock", outer);
  if (::mkdirat(r.outer.get(), kWork, 0700) != 0) return Failed("make", r.path);
  r.work.reset(::openat(r.outer.get(), kWork, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!r.work) return Failed("open", r.path);
  // A umask may have taken bits away.
  if (::fchmod(r.outer.get(), 0700) != 0 || ::fchmod(r.work.get(), 0700) != 0) return Failed("set the mode of", outer);
  return result;
}

const std::string& WorkingDir::path() const { return rep_->path; }
int WorkingDir::fd() const { return rep_->work.get(); }
unsigned long long WorkingDir::id() const { return rep_->id; }

absl::Status WorkingDir::Keep() {
  if (rep_ == nullptr) return absl::OkStatus();
  LEASH_RETURN_IF_ERROR(MarkKept(rep_->outer, rep_->path));
  rep_.reset();
  return absl::OkStatus();
}

void WorkingDir::KeepEvidence() {
  if (rep_ != nullptr) rep_->keep_evidence = true;
}

void WorkingDir::RemoveIfEmpty() {
  if (rep_ == nullptr || rep_->keep_evidence || ::unlinkat(rep_->outer.get(), kWork, AT_REMOVEDIR) != 0) return;
  if (::unlinkat(rep_->root.get(), rep_->name.c_str(), AT_REMOVEDIR) == 0) rep_.reset();
}

absl::Status WorkingDir::Remove() {
  const std::unique_ptr<Rep> rep = std::move(rep_);
  if (rep == nullptr) return absl::OkStatus();
  if (!rep->outer) {  // made and never opened
    return ::unlinkat(rep->root.get(), rep->name.c_str(), AT_REMOVEDIR) == 0 ? absl::OkStatus()
                                                                             : Failed("remove", rep->path);
  }
  if (rep->keep_evidence) {
    LEASH_RETURN_IF_ERROR(MarkKept(rep->outer, rep->path));
    if (::unlinkat(rep->outer.get(), kWork, AT_REMOVEDIR) == 0) return absl::OkStatus();
    LEASH_RETURN_IF_ERROR(base::RemoveContents(rep->work.get(), rep->path));
    return ::unlinkat(rep->outer.get(), kWork, AT_REMOVEDIR) == 0 ? absl::OkStatus() : Failed("remove", rep->path);
  }
  // Most commands leave nothing behind: then two calls do.
  const auto remove_outer = [&] { return ::unlinkat(rep->root.get(), rep->name.c_str(), AT_REMOVEDIR) == 0; };
  if (::unlinkat(rep->outer.get(), kWork, AT_REMOVEDIR) == 0 && remove_outer()) return absl::OkStatus();
  if (rep->work) LEASH_RETURN_IF_ERROR(base::RemoveContents(rep->work.get(), rep->path));
  LEASH_RETURN_IF_ERROR(base::RemoveContents(rep->outer.get(), rep->name));
  return remove_outer() ? absl::OkStatus() : Failed("remove", rep->path);
}

}  // namespace leash
