#include "core/plan.h"

#include "base/path.h"

namespace leash::core {

std::string_view RuleKindName(RuleKind kind) {
  switch (kind) {
    case RuleKind::kTier:
      return "tier";
    case RuleKind::kProtection:
      return "protection";
    case RuleKind::kGrant:
      return "grant";
    case RuleKind::kDeny:
      return "deny";
  }
  return "unknown";
}

bool HasSockets(const Plan& plan) { return !plan.network_denied || !plan.published.empty(); }

const PathRule* DecidingRule(const Plan& plan, std::string_view path) {
  const PathRule* best = nullptr;
  for (const PathRule& rule : plan.rules) {
    if (!base::IsAtOrBelow(path, rule.path)) continue;
    if (best == nullptr || rule.path.size() > best->path.size()) best = &rule;
  }
  return best;
}

Access Decide(const Plan& plan, std::string_view path) {
  const PathRule* rule = DecidingRule(plan, path);
  return rule == nullptr ? Access::kNone : rule->access;
}

}  // namespace leash::core
