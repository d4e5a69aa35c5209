// A profile for a test that is not about how one is read.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "gtest/gtest.h"
#include "sbpl_evaluator.h"

namespace leash::testing::sbpl {

// `start` and `rules`. Where they are no profile the test fails, and goes on with one that denies everything.
inline Profile Parsed(std::string_view rules, std::string_view start = "(version 1)(deny default)\n",
                      const Parameters& parameters = {}) {
  auto profile = Profile::Parse(std::string(start).append(rules), parameters);
  EXPECT_TRUE(profile.ok()) << profile.status() << "\n" << start << rules;
  return profile.ok() ? *std::move(profile) : *Profile::Parse("(version 1)(deny default)");
}

}  // namespace leash::testing::sbpl
