// The promises of leash as rows of tables, and what it takes for a row to hold.
#pragma once

#include <ostream>
#include <string>
#include <tuple>
#include <vector>

#include "gtest/gtest.h"
#include "launch.h"
#include "leash/isolation.h"
#include "world.h"

namespace leash::guarantees {

// Sets of tiers.
inline constexpr unsigned kStrict = 1;
inline constexpr unsigned kDefault = 2;
inline constexpr unsigned kPermissive = 4;
inline constexpr unsigned kClosedTiers = kStrict | kDefault;
inline constexpr unsigned kAllTiers = kStrict | kDefault | kPermissive;

// What holds a sandbox: namespaces with Landlock and the rest on top, or those alone.
enum class Mechanism { kNamespaces, kProcess };
inline constexpr unsigned kWithNamespaces = 1;
inline constexpr unsigned kWithoutNamespaces = 2;
inline constexpr unsigned kBothMechanisms = kWithNamespaces | kWithoutNamespaces;

// What the act does when nothing refuses it, so that "nothing happened" can be told from "nobody looked".
enum class Effect {
  kNone,      // nothing that lasts
  kTree,      // a file is another one afterwards
  kVictim,    // the victim sees it
  kTerminal,  // a character comes up on the terminal
};

// How a refusal shows.
enum class Refusal {
  kTold,    // the probe says "refused"
  kSilent,  // the call may succeed, but has no effect outside
};

// What may happen with namespaces instead of being told of a refusal.
enum class Instead {
  kRefusal,
  kOwnCopy,  // the act succeeds on something that is the sandbox's own
  kUndone,   // the act succeeds, and is undone and reported when the program has ended
};

// One act that must be refused. {names} in `args` and `flags` are facts of the World.
struct Row {
  std::string promise;  // what is promised, as a sentence
  std::string probe;
  std::vector<std::string> args = {};
  unsigned tiers = kAllTiers;
  Effect effect = Effect::kNone;
  std::vector<std::string> flags = {};        // options of leash run, beside the tier
  std::vector<std::string> environment = {};  // of both launchers, beside the usual one
  std::string directory = "";                 // that both start in; default: World::empty_directory()
  bool terminal = false;                      // with a terminal as stdin
  // Reaches every process of the user: not tried as root, nor by two test programs at once.
  bool everybody = false;
  Refusal refusal = Refusal::kTold;
  unsigned mechanisms = kBothMechanisms;
  Instead instead = Instead::kRefusal;
};

// Each theme is one test for each combination.
using Setting = std::tuple<Isolation, Who, Mechanism>;

std::string SettingName(const testing::TestParamInfo<Setting>& info);

class Guarantees : public testing::TestWithParam<Setting> {
 protected:
  void SetUp() override;
  Isolation tier() const { return std::get<0>(GetParam()); }
  World& world() const { return World::Of(std::get<1>(GetParam())); }
  bool with_namespaces() const { return std::get<2>(GetParam()) == Mechanism::kNamespaces; }
  // The options of leash run for this tier and mechanism.
  std::vector<std::string> TierFlags() const;

  // For each row that this tier promises:
  //   1. the control: the probe run without leash, by the same user with the same arguments, must succeed and show its
  //      effect. Where it does not, the row does not apply to this machine or user, and is listed as such.
  //   2. the denial: the probe run by leash must say that it was refused, and neither the files nor the victim process
  //      may have changed.
  void CheckRows(const std::vector<Row>& rows);

  // The opposite of a row: with these options the act succeeds. A denial next to it is then not for another reason.
  void ExpectReached(const std::vector<std::string>& flags, const std::vector<std::string>& act,
                     const Extra& extra = {});

 private:
  Extra ExtraOf(const Row& row) const;
  // Empty if the control succeeded, else why the row does not apply.
  std::string RunControl(const Row& row, const std::vector<std::string>& args);
  // What the program said about the refusal.
  std::string RunDenial(const Row& row, const std::vector<std::string>& args);
  void ListRows(int tried, const std::vector<std::string>& skipped) const;
};

// For tests that are not about one tier.
class ForEachUser : public testing::TestWithParam<Who> {
 protected:
  void SetUp() override;
  World& world() const { return World::Of(GetParam()); }
};

// Whether this machine gives the world's user namespaces.
bool HasNamespaces(const World& world);

std::string UserName(const testing::TestParamInfo<Who>& info);

#define LEASH_EVERY_SETTING(suite)                                                                       \
  INSTANTIATE_TEST_SUITE_P(                                                                              \
      Promise, suite,                                                                                    \
      testing::Combine(testing::Values(Isolation::kStrict, Isolation::kDefault, Isolation::kPermissive), \
                       testing::Values(Who::kRoot, Who::kOrdinary),                                      \
                       testing::Values(Mechanism::kNamespaces, Mechanism::kProcess)),                    \
      SettingName)

// For promises that the permissive tier does not make.
#define LEASH_EVERY_CLOSED_SETTING(suite)                                                                  \
  INSTANTIATE_TEST_SUITE_P(Promise, suite,                                                                 \
                           testing::Combine(testing::Values(Isolation::kStrict, Isolation::kDefault),      \
                                            testing::Values(Who::kRoot, Who::kOrdinary),                   \
                                            testing::Values(Mechanism::kNamespaces, Mechanism::kProcess)), \
                           SettingName)

// For promises of the default tier alone.
#define LEASH_EVERY_DEFAULT_SETTING(suite)                                                                \
  INSTANTIATE_TEST_SUITE_P(                                                                               \
      Promise, suite,                                                                                     \
      testing::Combine(testing::Values(Isolation::kDefault), testing::Values(Who::kRoot, Who::kOrdinary), \
                       testing::Values(Mechanism::kNamespaces, Mechanism::kProcess)),                     \
      SettingName)

#define LEASH_EVERY_USER(suite) \
  INSTANTIATE_TEST_SUITE_P(Promise, suite, testing::Values(Who::kRoot, Who::kOrdinary), UserName)

}  // namespace leash::guarantees
