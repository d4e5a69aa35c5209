// Tries rows: first without a sandbox, then in each column, and judges by what happened outside.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "row.h"
#include "world.h"

namespace leash::selftest {

// A way to run a program in a sandbox.
struct Column {
  std::string name;
  std::vector<std::string> command;  // the program's own words are appended; {names} are facts of the World
  std::string unavailable = "";      // why it cannot be used here; empty: it can
};

enum class Verdict {
  kStopped,        // refused
  kOwnCopy,        // it worked, and nothing changed outside
  kUndone,         // it worked while the program ran, and was taken back at its end
  kAllowed,        // it worked
  kUnclear,        // the probe could not try; proves nothing
  kNotApplicable,  // it does not work without a sandbox either
};
std::string_view VerdictName(Verdict verdict);

struct Outcome {
  Verdict verdict;
  std::string detail;  // one line: what the probe or the launcher said
};

struct Result {
  const Row* row;
  std::string why_not;            // why the row does not apply; empty: it does
  std::vector<Outcome> outcomes;  // one a column
};

// Whether a column runs a program at all, and lets it write the working directory: fills Column::unavailable. Errors:
// kCancelled, and those of the world.
absl::Status CheckColumns(World& world, std::vector<Column>& columns);

// Called before each row with its number.
using Progress = std::function<void(std::size_t)>;

// One result a row. Columns that are unavailable get kUnclear. Errors: kCancelled, and those of the world.
absl::StatusOr<std::vector<Result>> TryRows(World& world, const std::vector<const Row*>& rows,
                                            const std::vector<Column>& columns, const Progress& progress);

// What a column comes to. Rows that are harmless or do not apply are counted apart.
struct Score {
  int stopped = 0;  // with own copies and what was undone
  int own_copies = 0;
  int undone = 0;
  int allowed = 0;
  int unclear = 0;
  int harmless_allowed = 0;
  int applicable() const { return stopped + allowed + unclear; }
  bool Passed() const { return allowed == 0 && unclear == 0; }
};
Score ScoreOf(const std::vector<Result>& results, std::size_t column);

}  // namespace leash::selftest
