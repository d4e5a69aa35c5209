// The place that the guarantees are tested in: a home, files outside, a victim process, copies of the programs. Made
// once for each user, removed when the test program ends.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "launch.h"
#include "leash/isolation.h"

namespace leash::guarantees {

struct Extra {
  std::string directory;                      // default: an empty directory of the user's
  std::vector<std::string> environment = {};  // beside the usual one
  bool terminal = false;
  std::vector<std::pair<int, int>> descriptors = {};
  std::chrono::milliseconds deadline = std::chrono::seconds(30);
};

class World {
 public:
  // The world of one user; made when first asked for.
  static World& Of(Who who);

  World(const World&) = delete;
  World& operator=(const World&) = delete;
  ~World();

  Who who() const { return who_; }
  const std::string& root() const { return root_; }
  std::string home() const { return root_ + "/tree/home"; }
  std::string outside() const { return root_ + "/tree/outside"; }
  std::string empty_directory() const { return root_ + "/start"; }
  std::string leash() const { return root_ + "/bin/leash"; }
  std::string probe() const { return root_ + "/bin/leash-probe"; }
  std::string temporary() const { return root_ + "/tmp"; }  // TMPDIR of leash
  std::string readonly_program() const { return root_ + "/readonly/leash-probe"; }
  // Whether the default tier may read `root()`; it may not where that stands below a home or a temporary directory.
  bool readable_by_default() const { return readable_by_default_; }

  // Replaces {name} by a fact about this world, for instance {pid} of the victim. An unknown name stays.
  std::string Expand(std::string text) const;

  // A new victim, whom nobody has touched.
  void StartVictim();
  // Makes the trees as they were at first, and removes what rows may have left in shared directories.
  void Reset();
  // Everything that an act might have changed outside: two reports are equal if nothing was.
  std::string Report();
  std::string TreeReport() const;
  // Without the signal that acts on everybody send, unless it is asked for: it may come from another test program.
  std::string VictimReport();
  void CountEverybody(bool count) { count_everybody_ = count; }

  // A program that is run as it is.
  Result Outside(const std::vector<std::string>& argv, const Extra& extra = {}) const;
  // `leash run --no-config <flags> <argv>`.
  Result Inside(const std::vector<std::string>& flags, const std::vector<std::string>& argv,
                const Extra& extra = {}) const;
  Start InsideStart(const std::vector<std::string>& flags, const std::vector<std::string>& argv,
                    const Extra& extra = {}) const;
  // What was left behind in leash's temporary directory.
  std::vector<std::string> Leftovers() const;

 private:
  explicit World(Who who);

  void MakePrograms();
  void MakeSharedSecrets();
  void OpenDescriptors();
  Start Base(const Extra& extra) const;

  Who who_;
  bool readable_by_default_ = false;
  std::string root_;
  std::map<std::string, std::string> facts_;
  bool count_everybody_ = false;
  std::string pristine_;             // what TreeReport() says when nothing has been touched
  std::vector<std::string> shared_;  // paths that rows try to create outside the root
  std::unique_ptr<Background> victim_;
  std::vector<std::pair<int, int>> descriptors_;
  std::vector<int> kept_open_;
};

}  // namespace leash::guarantees
