// README.md is the list that users read: every act that is tried must be on it.
#include <unistd.h>

#include <sstream>
#include <string>

#include "guarantees.h"
#include "tree.h"

namespace leash::guarantees {
namespace {

TEST(Readme, NamesEveryProbe) {
  const std::string page = ReadWholeFile(LEASH_GUARANTEES_README);
  const Result list = RunProgram(
      {.argv = {LEASH_PROBE, "--list"}, .who = geteuid() == 0 ? Who::kRoot : Who::kOrdinary, .environment = {}});
  ASSERT_EQ(list.code, 0) << list.Describe();
  std::istringstream lines(list.output);
  int probes = 0;
  for (std::string line; std::getline(lines, line); ++probes) {
    const std::string name = line.substr(0, line.find(' '));
    EXPECT_NE(page.find("`" + name + "`"), std::string::npos) << name << " is missing in README.md";
  }
  EXPECT_GT(probes, 100);
}

}  // namespace
}  // namespace leash::guarantees
