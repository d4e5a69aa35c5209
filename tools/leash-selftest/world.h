// The place that probes are tried in: a home with a secret, files outside the working directory, a victim process. It
// lies in a directory of its own with mode 0700, which the destructor removes.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "launch.h"

namespace leash::selftest {

// The words by which the programs of tools/leash-probe are started.
struct Programs {
  std::vector<std::string> probe;
  std::vector<std::string> victim;
};

class World {
 public:
  // Below `directory`, an absolute path.
  static absl::StatusOr<std::unique_ptr<World>> Make(const std::string& directory, Programs programs,
                                                     Interruption& interruption);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // Replaces {name} by a fact about this world. An unknown name stays, and {launcher} does (see Launch).
  std::string Expand(std::string text) const;
  // Whether `text` has the name of a fact that this machine does not have.
  bool HasUnknown(std::string_view text) const;

  // Makes the files as they were at first, and a new victim if something touched the old one.
  absl::Status Reset();

  // What an act may have changed: two reports are equal if nothing was.
  std::string Files() const;                          // outside the working directory
  std::string FileAt(const std::string& path) const;  // one file, without its times
  absl::StatusOr<std::string> Victim();

  // How the launcher of probes is started: its environment and descriptors hold secrets.
  Launch LauncherOf(const std::vector<std::string>& command) const;
  const Programs& programs() const { return programs_; }
  std::vector<pid_t> Kept() const;
  Interruption& interruption() { return *interruption_; }

 private:
  World(std::string root, Programs programs, Interruption& interruption);

  absl::Status MakeFiles();
  absl::Status OpenDescriptors();
  absl::Status StartVictim();
  std::string Everything() const;

  std::string root_;
  Programs programs_;
  Interruption* interruption_;
  std::map<std::string, std::string> facts_;
  std::string pristine_files_;
  std::string pristine_victim_;
  std::optional<Companion> victim_;
  base::UniqueFd secret_;
  base::UniqueFd home_;
};

}  // namespace leash::selftest
