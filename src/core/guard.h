// Names that a command must not plant in a directory that it may write: what a user's own tools will run or trust
// later (git hooks, editor and agent configuration), and closed paths that do not exist yet.
//
// A platform that can makes the existing ones read-only while the command runs. What it cannot hold so is watched: how
// each stood before the first command is remembered, and after each command a change is undone: what appeared is moved
// out of the way, what was there is put back. Nothing is left in the directory.
//
// Not covered: what happens between a command's change and its end, which a program outside may see; and a leash that
// is ended by SIGKILL, which undoes nothing.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "leash/quarantine.h"

namespace leash::core {

class Guard {
 public:
  // Remembers how `paths` (canonical but for the last component) stand. What appears there is moved into `keep`, a
  // directory, when that is on the same file system; else it is renamed where it is.
  // Errors: kIo, or kNotEnforced when one is too large to be remembered.
  static absl::StatusOr<std::unique_ptr<Guard>> Make(const std::vector<std::string>& paths, std::string keep);

  // Undoes what has changed since. Safe from any thread.
  absl::Status Check();
  std::vector<Quarantined> Found() const;

 private:
  // What is at a name, as far as it can be put back.
  struct Snapshot {
    enum class Kind { kMissing, kFile, kSymlink, kDirectory, kOther };
    Kind kind = Kind::kMissing;
    mode_t mode = 0;
    std::string content;  // of a file; where a link leads
    std::map<std::string, Snapshot> entries;

    bool operator==(const Snapshot&) const = default;
  };
  struct Watched {
    std::string path;
    Snapshot before;
  };

  explicit Guard(std::string keep) : keep_(std::move(keep)) {}

  static absl::StatusOr<Snapshot> Look(int directory, const std::string& name, std::uint64_t& budget);
  static absl::StatusOr<Snapshot> LookAgain(int directory, const std::string& name);
  static absl::Status PutBack(int directory, const std::string& name, const Snapshot& snapshot);
  absl::StatusOr<std::string> MoveAway(int directory, const Watched& watched);
  absl::Status CheckOne(const Watched& watched);

  const std::string keep_;
  std::vector<Watched> watched_;
  mutable std::mutex mutex_;
  std::vector<Quarantined> found_;  // guarded by mutex_
};

}  // namespace leash::core
