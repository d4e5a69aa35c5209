// What a profile must keep for a program in ann's project (mac.h), as questions to the evaluator.
#pragma once

#include <string>
#include <vector>

#include "platform/macos/sbpl_evaluator.h"

namespace leash::testing {

struct Promise {
  std::string name;
  sbpl::Question question;
  bool allowed = false;
};

// Of the default tier with the strict switches, the project as working directory, and no network.
std::vector<Promise> Promises();

// The names of those that `profile` breaks, each with the rule that decides; and of those whose answer depends on how
// the language is read.
std::vector<std::string> Broken(const sbpl::Profile& profile, const std::vector<Promise>& promises);

}  // namespace leash::testing
