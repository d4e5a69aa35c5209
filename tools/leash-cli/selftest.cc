// leash selftest: which ways out of a sandbox this machine's sandboxes stop, tried.
#include <fnmatch.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/path.h"
#include "base/status.h"
#include "base/text.h"
#include "base/write_all.h"
#include "commands.h"
#include "fmt/format.h"
#include "leash-selftest/report.h"
#include "leash-selftest/session.h"
#include "messages.h"
#include "options.h"
#include "selftest_programs.h"

namespace leash::cli {
namespace {

using selftest::Column;
using selftest::Result;
using selftest::Row;

absl::Status WrongUse(std::string_view message) { return base::Error(ErrorCode::kInvalidArgument, message); }

// A pattern without wildcards is looked for anywhere in the row's name, theme and words.
bool Matches(const Row& row, const std::string& pattern) {
  if (pattern.find_first_of("*?[") != std::string::npos) {
    return ::fnmatch(pattern.c_str(), std::string(row.id).c_str(), 0) == 0;
  }
  return row.id.find(pattern) != std::string_view::npos || row.theme.find(pattern) != std::string_view::npos ||
         row.words.find(pattern) != std::string_view::npos;
}

absl::StatusOr<std::vector<const Row*>> RowsFor(const CommandLine& line) {
  std::vector<std::string> patterns;
  for (const Occurrence& flag : line.options) {
    if (flag.option->id == OptionId::kOnly) patterns.push_back(flag.value);
  }
  std::vector<const Row*> rows;
  for (const Row& row : selftest::Rows()) {
    const auto matches = [&](const std::string& pattern) { return Matches(row, pattern); };
    if (patterns.empty() || std::any_of(patterns.begin(), patterns.end(), matches)) rows.push_back(&row);
  }
  if (rows.empty()) return WrongUse("selftest: --only matches no probe; see 'leash selftest --list'");
  return rows;
}

Column LeashColumn(std::string name, std::string_view namespaces, Isolation tier, const std::string& self,
                   const std::string& probe) {
  return {std::move(name),
          {self, "run", "--no-config", "--isolation", std::string(IsolationName(tier)), "--namespaces",
           std::string(namespaces), "--executable", probe, "--workdir", "{workdir}", "--"}};
}

absl::StatusOr<std::vector<Column>> LeashColumns(const CommandLine& line, const std::string& probe) {
  LEASH_ASSIGN_OR_RETURN(const Layer layer, LayerOfFlags(line));
  const Isolation tier = layer.isolation.value_or(Isolation::kDefault);
  const Namespaces use = layer.namespaces.value_or(Namespaces::kAuto);
  const std::unique_ptr<char, decltype(&std::free)> self(::realpath("/proc/self/exe", nullptr), &std::free);
  if (self == nullptr) return base::ErrnoError(ErrorCode::kIo, errno, "cannot tell leash's own path");
  std::vector<Column> columns;
  if (use != Namespaces::kOff) columns.push_back(LeashColumn("namespaces", "require", tier, self.get(), probe));
  if (use != Namespaces::kRequire) columns.push_back(LeashColumn("process", "off", tier, self.get(), probe));
  return columns;
}

// A launcher's path is relative to the caller's directory; the probes start in another one.
absl::StatusOr<std::vector<Column>> LauncherColumn(const CommandLine& line) {
  for (const OptionId id : {OptionId::kIsolation, OptionId::kNamespaces}) {
    if (line.Has(id)) return WrongUse("selftest: --isolation and --namespaces are for leash's own sandboxes");
  }
  std::vector<std::string> command = line.words;
  std::string& program = command.front();
  if (program.find('/') != std::string::npos && program.front() != '/') {
    LEASH_ASSIGN_OR_RETURN(const std::string here, CurrentDirectory());
    program = base::JoinPath(here, program);
  }
  const std::string name = base::Printable(program.substr(program.rfind('/') + 1));
  return std::vector<Column>{{name, std::move(command)}};
}

// Not /tmp if it can be helped: many sandboxes have one of their own, and would be given credit for that.
absl::StatusOr<std::string> DirectoryFor(const CommandLine& line) {
  const char* temporary = ::getenv("TMPDIR");
  std::vector<std::string> places = {"/var/tmp", temporary != nullptr ? temporary : "", "/tmp"};
  if (const std::optional<std::string> named = line.Last(OptionId::kDirectory)) places = {*named};
  for (const std::string& place : places) {
    const std::unique_ptr<char, decltype(&std::free)> path(::realpath(place.c_str(), nullptr), &std::free);
    if (path == nullptr || ::access(path.get(), W_OK | X_OK) != 0) continue;
    constexpr std::size_t kLongest = 70;  // a unix socket's path must fit 107 characters
    if (std::string_view(path.get()).size() <= kLongest) return std::string(path.get());
    return WrongUse(fmt::format("selftest: the path {} is too long", base::Printable(path.get())));
  }
  return base::ErrnoError(ErrorCode::kPathNotFound, errno,
                          fmt::format("selftest: cannot write in {}", base::Printable(places.front())));
}

// On a terminal, one line that shows how far it is.
selftest::Progress ProgressOf(std::size_t rows) {
  if (::isatty(STDERR_FILENO) != 1) return [](std::size_t) {};
  return [rows](std::size_t row) {
    const std::string text = row + 1 < rows ? fmt::format("\rprobe {} of {}", row + 1, rows) : "\r\x1b[K";
    base::WriteAll(STDERR_FILENO, text);
  };
}

struct Outcome {
  std::vector<Column> columns;
  std::vector<Result> results;
};

absl::StatusOr<Outcome> Try(const CommandLine& line, const std::vector<const Row*>& rows,
                            selftest::Interruption& interruption) {
  LEASH_ASSIGN_OR_RETURN(selftest::Programs programs, SelftestPrograms());
  LEASH_ASSIGN_OR_RETURN(const std::string directory, DirectoryFor(line));
  Outcome outcome;
  LEASH_ASSIGN_OR_RETURN(outcome.columns,
                         line.words.empty() ? LeashColumns(line, programs.probe.front()) : LauncherColumn(line));
  LEASH_ASSIGN_OR_RETURN(const std::unique_ptr<selftest::World> world,
                         selftest::World::Make(directory, std::move(programs), interruption));
  LEASH_RETURN_IF_ERROR(selftest::CheckColumns(*world, outcome.columns));
  if (std::all_of(outcome.columns.begin(), outcome.columns.end(),
                  [](const Column& column) { return !column.unavailable.empty(); })) {
    const Column& first = outcome.columns.front();
    return base::Error(ErrorCode::kNotEnforced, fmt::format("selftest: {}: {}", first.name, first.unavailable));
  }
  LEASH_ASSIGN_OR_RETURN(outcome.results, selftest::TryRows(*world, rows, outcome.columns, ProgressOf(rows.size())));
  return outcome;
}

bool Passed(const Outcome& outcome) {
  for (std::size_t i = 0; i < outcome.columns.size(); ++i) {
    if (outcome.columns[i].unavailable.empty() && !ScoreOf(outcome.results, i).Passed()) return false;
  }
  return true;
}

}  // namespace

int Selftest(const CommandLine& line) {
  const absl::StatusOr<std::vector<const Row*>> rows = RowsFor(line);
  if (!rows.ok()) return Fail(rows.status());
  if (line.Has(OptionId::kList)) return WriteStdout(selftest::List(*rows));
  selftest::Interruption interruption;
  selftest::BecomeReaper();
  const absl::StatusOr<Outcome> outcome = Try(line, *rows, interruption);
  if (interruption.Signal() != 0) return 128 + interruption.Signal();
  if (!outcome.ok()) return Fail(outcome.status());
  const bool details = line.Has(OptionId::kVerbose);
  const int written = WriteStdout(line.Has(OptionId::kJson) ? Json(outcome->results, outcome->columns)
                                                            : Table(outcome->results, outcome->columns, details));
  if (written != 0) return written;
  return Passed(*outcome) ? 0 : 1;
}

}  // namespace leash::cli
