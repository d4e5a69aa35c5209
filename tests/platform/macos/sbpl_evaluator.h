// Reads a sandbox profile (SBPL) and answers as the kernel of macOS would, so that profiles can be tested where there
// is no macOS. Knows the language, and nothing of what leash writes in it.
//
//   auto profile = Profile::Parse("(version 1) (deny default) (allow file-read* (subpath \"/usr\"))");
//   profile->Ask({.operation = "file-read-data", .path = "/usr/lib/x"}).allowed  // true
//
// Strict: whatever is not known is an error, since a profile that does not compile starts no program at all.
//
// Which rule wins. Among rules with filters it is the last one that matches. A rule without filters is what holds when
// none of those does, wherever in the profile it stands (measured on macOS 15 and 27): behind (allow X (subpath ...)),
// (deny X) closes nothing. Of several such rules the one on the most specific operation wins, then the last.
// Not everybody reads SBPL like that, and how rules on an operation and on a wildcard above it rank is not documented.
// So each question is also answered in two other ways, by the order of the rules alone, and with the rules on the more
// specific operation first; Answer::doubt says where they differ. Profiles of ours should be written so that they do
// not: rules without filters first, and the later a rule stands, the more specific its operation.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "sbpl_filter.h"
#include "sbpl_question.h"

namespace leash::testing::sbpl {

struct Rule {
  bool allows = false;
  std::vector<const Operation*> operations;
  std::vector<Filter> filters;  // alternatives; none: everything
  std::string text;             // on one line
  int line = 0;
};

struct Answer {
  bool allowed = false;
  std::string rule = {};   // the text of the rule that decides
  int line = 0;            // its line; 0: the default
  std::string doubt = {};  // empty when every reading of the language gives the same answer
};

// An operation that is allowed whatever it is about.
struct OpenOperation {
  std::string operation;
  std::uint32_t arguments = kNothing;  // of Argument: what it could have been narrowed to
  int line = 0;                        // of the rule; 0: no rule denies what (deny default) does not cover

  friend bool operator==(const OpenOperation&, const OpenOperation&) = default;
};

class Profile {
 public:
  // The status of a failure starts with "line:column: ".
  static absl::StatusOr<Profile> Parse(std::string_view text, const Parameters& parameters = {});

  // A question that no kernel would ask (an unknown operation, a path below /tmp, no remote end of a connection) fails
  // the test that runs.
  Answer Ask(const Question& question) const;

  std::vector<OpenOperation> OpenOperations() const;

  // "12: why" of rules that never match or decide nothing, or whose effect hangs on where they stand.
  std::vector<std::string> Warnings() const;

  const std::vector<Rule>& rules() const { return rules_; }
  bool allows_by_default() const { return default_.allows; }

 private:
  Profile() = default;

  // The answer when no rule with filters matches.
  Answer Base(const Operation& operation) const;
  Answer ByMeasure(const Operation& operation, const Question& question) const;
  Answer ByPlace(const Operation& operation, const Question& question) const;
  Answer ByOperation(const Operation& operation, const Question& question) const;
  Answer Default(const Operation& operation) const;
  // Of the rule with this index; empty: it may decide something.
  std::string WhyBaseIsIdle(std::size_t index) const;
  std::string WhyRuleIsIdle(std::size_t index) const;

  Rule default_;
  std::vector<Rule> rules_;
};

}  // namespace leash::testing::sbpl
