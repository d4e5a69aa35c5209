// The little that planning needs to know of the disk, behind an interface, so that plans are tested without one.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace leash::base {

enum class FileType { kDirectory, kRegular, kDevice, kSymlink, kOther };

struct DirectoryEntry {
  std::string name;
  FileType type;  // of the entry itself; links are not followed
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;

  // The canonical path: absolute, every symbolic link followed. `path` must be absolute.
  // nullopt: it does not exist, or a component is not a directory or cannot be searched.
  virtual std::optional<std::string> Canonical(const std::string& path) const = 0;

  // The type of the file itself; links are not followed.
  virtual std::optional<FileType> TypeOf(const std::string& path) const = 0;

  // What is in a directory, without "." and "..", in no order. Error: the system's reason.
  virtual absl::StatusOr<std::vector<DirectoryEntry>> List(const std::string& path) const = 0;
};

// The machine's own. Lives forever; every method may be called from any thread.
const FileSystem& HostFileSystem();

// What the machine's file system did not answer, on this thread and in this object's lifetime: a question that failed
// for want of memory or descriptors, say. The caller was told "it does not exist", which must not stand where that
// leaves something open. Of nested ones the innermost is told.
class UnansweredQuestions {
 public:
  UnansweredQuestions();
  ~UnansweredQuestions();
  UnansweredQuestions(const UnansweredQuestions&) = delete;
  UnansweredQuestions& operator=(const UnansweredQuestions&) = delete;

  // Ok, or the first of them.
  const absl::Status& status() const { return status_; }
  void Add(int error, const std::string& path);

 private:
  UnansweredQuestions* const outer_;
  absl::Status status_;
};

// The canonical form of a path whose last components may not exist yet: the longest existing prefix is resolved, the
// rest is appended as it is.
std::string CanonicalPrefix(const FileSystem& fs, const std::string& path);

}  // namespace leash::base
