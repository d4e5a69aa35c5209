#include "core/rule_set.h"

#include <utility>

#include "base/path.h"

namespace leash::core {
namespace {

// Who grants adds: nothing that the tier gives is lost, but that what becomes writable may not be executed as well.
Access Added(Access grant, Access tier) {
  const bool writes_programs = tier == Access::kReadExecute && Includes(grant, Access::kReadWrite);
  return writes_programs ? grant : grant | tier;
}

}  // namespace

void RuleSet::Add(PathRule rule) {
  const auto [found, fresh] = rules_.try_emplace(rule.path, rule);
  if (fresh) return;
  PathRule& old = found->second;
  if (rule.kind == old.kind && rule.kind == RuleKind::kGrant) {  // two grants of one path add up
    old.access = old.access | rule.access;
    old.device = old.device || rule.device;
  } else if (rule.kind > old.kind) {
    if (rule.kind == RuleKind::kGrant && old.kind == RuleKind::kTier) rule.access = Added(rule.access, old.access);
    rule.device = rule.device || (old.device && rule.access != Access::kNone);
    old = std::move(rule);
  } else if (rule.kind == old.kind && rule.kind == RuleKind::kTier) {
    old.access = old.access | rule.access;  // two names of one directory (/bin and /usr/bin)
  }
}

const PathRule* RuleSet::Deciding(std::string_view path) const {
  const auto at = rules_.find(path);
  return at != rules_.end() ? &at->second : Above(path);
}

bool RuleSet::IsOpen(std::string_view path) const {
  const PathRule* rule = Deciding(path);
  return rule != nullptr && rule->access != Access::kNone;
}

void RuleSet::SettleTier() {
  for (auto& [path, rule] : rules_) {
    const PathRule* above = Above(path);
    if (above != nullptr && rule.access != Access::kNone) rule.access = rule.access | above->access;
  }
}

std::vector<PathRule> RuleSet::Take() {
  std::vector<PathRule> result;
  for (auto& [path, rule] : rules_) {
    const PathRule* above = Above(path);
    if (rule.kind == RuleKind::kGrant && above != nullptr && above->kind == RuleKind::kTier) {
      rule.access = Added(rule.access, above->access);
      rule.device = rule.device || above->device;
    }
    result.push_back(rule);
  }
  return result;
}

const PathRule* RuleSet::Above(std::string_view path) const {
  while (path != "/") {
    path = base::ParentOf(path);
    if (const auto found = rules_.find(path); found != rules_.end()) return &found->second;
  }
  return nullptr;
}

}  // namespace leash::core
