#include "core/plan.h"

#include "gtest/gtest.h"

namespace leash::core {
namespace {

Plan PlanWith(std::vector<PathRule> rules) {
  Plan plan;
  plan.rules = std::move(rules);
  return plan;
}

TEST(Decide, TheLongestPathWins) {
  const Plan plan = PlanWith({{"/", Access::kRead, RuleKind::kTier, "", false},
                              {"/home", Access::kNone, RuleKind::kProtection, "", false},
                              {"/home/u/project", Access::kReadWrite, RuleKind::kGrant, "", false},
                              {"/home/u/project/.git/hooks", Access::kNone, RuleKind::kDeny, "", false}});
  EXPECT_EQ(Decide(plan, "/"), Access::kRead);
  EXPECT_EQ(Decide(plan, "/usr/x"), Access::kRead);
  EXPECT_EQ(Decide(plan, "/home"), Access::kNone);
  EXPECT_EQ(Decide(plan, "/home/u/.ssh/id"), Access::kNone);
  EXPECT_EQ(Decide(plan, "/home/u/project"), Access::kReadWrite);
  EXPECT_EQ(Decide(plan, "/home/u/projects"), Access::kNone);
  EXPECT_EQ(Decide(plan, "/home/u/project/.git/config"), Access::kReadWrite);
  EXPECT_EQ(Decide(plan, "/home/u/project/.git/hooks/pre-commit"), Access::kNone);
}

TEST(Decide, NoRuleMeansNothing) {
  const Plan plan = PlanWith({{"/usr", Access::kReadExecute, RuleKind::kTier, "", false}});
  EXPECT_EQ(Decide(plan, "/etc/passwd"), Access::kNone);
  EXPECT_EQ(DecidingRule(plan, "/etc/passwd"), nullptr);
  EXPECT_EQ(DecidingRule(plan, "/usr/bin")->path, "/usr");
}

}  // namespace
}  // namespace leash::core
