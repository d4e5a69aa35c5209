// Rules while a plan is made: for each path, the one that wins there.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/plan.h"

namespace leash::core {

class RuleSet {
 public:
  void Add(PathRule rule);

  // The rule that decides about `path` so far: the one on it, else the nearest above. Null: none reaches it.
  const PathRule* Deciding(std::string_view path) const;
  bool IsOpen(std::string_view path) const;

  // Done with the tier: an opening inside an opening adds to it (/etc/localtime leads into /usr, which may be run).
  void SettleTier();
  // Done: sorted by path.
  std::vector<PathRule> Take();

 private:
  // The rule on the nearest directory above `path`.
  const PathRule* Above(std::string_view path) const;

  std::map<std::string, PathRule, std::less<>> rules_;
};

}  // namespace leash::core
