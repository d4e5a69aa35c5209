#include "base/environment.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace leash::base {
namespace {

using ::testing::ElementsAre;

TEST(Environment, HoldsEachNameOnceSorted) {
  Environment environment;
  environment.Set("B", "1");
  environment.Set("A", "x=y");
  environment.Set("B", "2");
  EXPECT_THAT(environment.Entries(), ElementsAre("A=x=y", "B=2"));
  environment.Remove("A");
  environment.Remove("MISSING");
  EXPECT_THAT(environment.Entries(), ElementsAre("B=2"));
  EXPECT_EQ(environment.Get("A"), std::nullopt);
  EXPECT_EQ(environment.Get("B"), "2");
}

TEST(Environment, KnowsWhatCanBeAName) {
  EXPECT_TRUE(IsEnvironmentName("PATH"));
  EXPECT_FALSE(IsEnvironmentName(""));
  EXPECT_FALSE(IsEnvironmentName("A=B"));
  EXPECT_FALSE(IsEnvironmentName(std::string_view("A\0B", 3)));
}

TEST(Environment, ReadsTheProcesssOwn) { EXPECT_TRUE(Environment::OfProcess().Get("PATH").has_value()); }

}  // namespace
}  // namespace leash::base
