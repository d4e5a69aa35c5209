// A private directory that lives as long as its owner.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace leash {

// `<temporary directory>/leash-<128 random bits>/work`, both 0700, made exclusively: a name that exists, or a symbolic
// link planted in its place, is never used. The temporary directory is $TMPDIR when it is absolute and safe (the
// user's own or sticky), else /tmp; it is outside the project by construction.
//
// The owner holds a lock on the outer directory for as long as it lives. Create() sweeps directories whose owner has
// died without removing them (SIGKILL, power loss), and the processes that such an owner left behind.
//
// Movable. One thread at a time.
class WorkingDir {
 public:
  static absl::StatusOr<WorkingDir> Create();

  WorkingDir(WorkingDir&&) noexcept;
  WorkingDir& operator=(WorkingDir&&) noexcept;
  ~WorkingDir();  // removes it, unless kept; failures are logged

  // Absolute and canonical.
  const std::string& path() const;
  // An open descriptor of the directory, owned by this object.
  int fd() const;
  // Identifies the sandbox that owns it: random, never 0.
  unsigned long long id() const;
  // Leaves the directory behind, out of reach of the sweep.
  absl::Status Keep();
  // The name of a directory beside `work` for what is to outlive it: once this is called, Remove() leaves it.
  static constexpr const char* kEvidence = "quarantine";
  void KeepEvidence();
  // Removes it now, whatever was put into it: deep trees, directories without permissions, odd names. Never follows
  // a link out of it.
  absl::Status Remove();
  // Removes it now if nothing is in it; otherwise nothing happens.
  void RemoveIfEmpty();

 private:
  struct Rep;
  explicit WorkingDir(std::unique_ptr<Rep> rep);
  std::unique_ptr<Rep> rep_;
};

}  // namespace leash
