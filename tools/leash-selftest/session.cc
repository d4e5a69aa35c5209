#include "session.h"

#include <signal.h>

#include <utility>

#include "base/status.h"
#include "base/text.h"
#include "fmt/format.h"

namespace leash::selftest {
namespace {

// The probes' exit codes, see tools/leash-probe/probe.h.
constexpr int kReached = 0;
constexpr int kRefused = 10;

// One performance of an act.
struct Act {
  bool reached = false;  // the probe says that it worked
  bool refused = false;  // the probe says that it was refused, or was ended for trying
  bool effect = false;   // it showed outside
  std::string detail;
};

std::vector<std::string> WordsOf(const World& world, const Row& row) {
  std::vector<std::string> words;
  std::string_view rest = row.arguments;
  while (!rest.empty()) {
    words.push_back(world.Expand(std::string(base::TakePiece(rest, " "))));
  }
  return words;
}

std::string FirstLine(const std::string& text) { return base::Printable(text.substr(0, text.find('\n'))); }

// The line of the output that the probe wrote; launchers may write there too.
std::string LineWith(const std::string& output, std::string_view mark) {
  std::size_t at = output.find(mark);
  if (at != std::string::npos && at > 0) at = output.rfind('\n', at) + 1;
  return at == std::string::npos ? "" : FirstLine(output.substr(at));
}

std::string DetailOf(const Ended& ended) {
  if (ended.code == -1) return "no end within the time";
  for (const char* mark : {"refused: ", "cannot: "}) {
    if (std::string line = LineWith(ended.output, mark); !line.empty()) return line;
  }
  if (ended.code == 128 + SIGSYS) return "ended by SIGSYS";
  if (ended.code == kReached) return "reached";
  return fmt::format("exit status {}: {}", ended.code, FirstLine(ended.errors));
}

// What a row's effect is looked for in, before and after.
absl::StatusOr<std::string> StateFor(World& world, const Row& row) {
  switch (row.effect) {
    case Effect::kFiles:
      return world.Files();
    case Effect::kPlanted:
      return world.FileAt(world.Expand(std::string(row.arguments)));
    case Effect::kVictim:
      return world.Victim();
    case Effect::kNone:
    case Effect::kTerminal:
    case Effect::kCall:
      break;
  }
  return std::string();
}

absl::StatusOr<Ended> RunProbe(World& world, const std::vector<std::string>& command,
                               const std::vector<std::string>& words, const Row* row) {
  std::vector<std::string> all = world.programs().probe;
  all.emplace_back("launch");
  all.insert(all.end(), command.begin(), command.end());
  all.insert(all.end(), world.programs().probe.begin(), world.programs().probe.end());
  all.insert(all.end(), {"--scratch", "{workdir}"});
  all.insert(all.end(), words.begin(), words.end());
  Launch launch = world.LauncherOf(all);
  if (row != nullptr) {
    launch.terminal = row->terminal;
    if (row->effect == Effect::kCall) launch.call_port = std::stoi(world.Expand("{serve_port}"));
  }
  return Run(launch, world.Kept(), world.interruption());
}

absl::StatusOr<Act> Perform(World& world, const Row& row, const std::vector<std::string>& command) {
  LEASH_RETURN_IF_ERROR(world.Reset());
  std::vector<std::string> words = {std::string(row.probe)};
  for (std::string& word : WordsOf(world, row)) words.push_back(std::move(word));
  LEASH_ASSIGN_OR_RETURN(const std::string before, StateFor(world, row));
  LEASH_ASSIGN_OR_RETURN(const Ended ended, RunProbe(world, command, words, &row));
  // A victim that has nothing more to say was touched.
  const absl::StatusOr<std::string> after = StateFor(world, row);
  if (absl::IsCancelled(after.status())) return after.status();
  Act act;
  act.reached = ended.code == kReached && ended.output.find("reached\n") != std::string::npos;
  act.refused =
      (ended.code == kRefused && ended.output.find("refused: ") != std::string::npos) || ended.code == 128 + SIGSYS;
  act.effect = !after.ok() || *after != before || ended.answered ||
               (row.effect == Effect::kTerminal && ended.terminal.find('i') != std::string::npos);
  act.detail = DetailOf(ended);
  return act;
}

Outcome Judge(const Row& row, Act act) {
  if (row.effect == Effect::kNone) {
    if (act.reached) return {Verdict::kAllowed, std::move(act.detail)};
  } else {
    if (act.effect) return {Verdict::kAllowed, std::move(act.detail)};
    if (act.reached && row.effect == Effect::kPlanted) return {Verdict::kUndone, "taken back at the end"};
    if (act.reached) return {Verdict::kOwnCopy, "no effect outside"};
  }
  return {act.refused ? Verdict::kStopped : Verdict::kUnclear, std::move(act.detail)};
}

// Empty if the control succeeded.
absl::StatusOr<std::string> WhyNot(World& world, const Row& row) {
  if (world.HasUnknown(row.arguments)) return "this machine does not have what it is about";
  LEASH_ASSIGN_OR_RETURN(const Act act, Perform(world, row, {}));
  if (!act.reached) return act.detail;
  return row.effect == Effect::kNone || act.effect ? "" : "it has no effect here";
}

absl::StatusOr<std::string> WhyUnavailable(World& world, const Column& column) {
  LEASH_RETURN_IF_ERROR(world.Reset());
  LEASH_ASSIGN_OR_RETURN(const Ended nothing, RunProbe(world, column.command, {"succeed"}, nullptr));
  if (nothing.code != kReached || nothing.output.find("reached\n") == std::string::npos) {
    return "it does not run the probes: " + DetailOf(nothing);
  }
  LEASH_ASSIGN_OR_RETURN(const Ended write,
                         RunProbe(world, column.command, {"create", world.Expand("{workdir}/new")}, nullptr));
  if (write.code != kReached) return "nothing can be written in the working directory: " + DetailOf(write);
  return "";
}

}  // namespace

std::string_view VerdictName(Verdict verdict) {
  switch (verdict) {
    case Verdict::kStopped:
      return "stopped";
    case Verdict::kOwnCopy:
      return "own copy";
    case Verdict::kUndone:
      return "undone";
    case Verdict::kAllowed:
      return "ALLOWED";
    case Verdict::kUnclear:
      return "unclear";
    case Verdict::kNotApplicable:
      return "n/a";
  }
  return "";
}

absl::Status CheckColumns(World& world, std::vector<Column>& columns) {
  for (Column& column : columns) {
    LEASH_ASSIGN_OR_RETURN(column.unavailable, WhyUnavailable(world, column));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Result>> TryRows(World& world, const std::vector<const Row*>& rows,
                                            const std::vector<Column>& columns, const Progress& progress) {
  std::vector<Result> results;
  for (const Row* row : rows) {
    progress(results.size());
    Result result = {row, "", {}};
    LEASH_ASSIGN_OR_RETURN(result.why_not, WhyNot(world, *row));
    for (const Column& column : columns) {
      if (!result.why_not.empty()) {
        result.outcomes.push_back({Verdict::kNotApplicable, result.why_not});
      } else if (!column.unavailable.empty()) {
        result.outcomes.push_back({Verdict::kUnclear, column.unavailable});
      } else {
        LEASH_ASSIGN_OR_RETURN(Act act, Perform(world, *row, column.command));
        result.outcomes.push_back(Judge(*row, std::move(act)));
      }
    }
    results.push_back(std::move(result));
  }
  return results;
}

Score ScoreOf(const std::vector<Result>& results, std::size_t column) {
  Score score;
  for (const Result& result : results) {
    const Verdict verdict = result.outcomes.at(column).verdict;
    if (!result.row->harmless.empty()) {
      score.harmless_allowed += verdict == Verdict::kAllowed ? 1 : 0;
      continue;
    }
    score.own_copies += verdict == Verdict::kOwnCopy ? 1 : 0;
    score.undone += verdict == Verdict::kUndone ? 1 : 0;
    score.allowed += verdict == Verdict::kAllowed ? 1 : 0;
    score.unclear += verdict == Verdict::kUnclear ? 1 : 0;
    score.stopped +=
        verdict == Verdict::kStopped || verdict == Verdict::kOwnCopy || verdict == Verdict::kUndone ? 1 : 0;
  }
  return score;
}

}  // namespace leash::selftest
