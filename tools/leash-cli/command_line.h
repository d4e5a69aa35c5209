// The command line as data: which command, which options in which order, which words.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "option_table.h"

namespace leash::cli {

struct Occurrence {
  const Option* option;
  std::string value;  // "true" when the option takes none or was given none
};

struct CommandLine {
  const CommandInfo* command = nullptr;  // null: none was given
  std::vector<Occurrence> options;       // in the order given
  std::vector<std::string> words;        // PROGRAM and its arguments, the arguments of the shell, or PATH

  bool Has(OptionId id) const;
  int Count(OptionId id) const;
  std::optional<std::string> Last(OptionId id) const;  // its value where it stands last
};

// `arguments` without the program's own name. In `run` and `shell`, options end at the first word that is none; "--"
// ends them everywhere. In `python` they end at a one-letter option that is not leash's, too: it is Python's. Names are
// never completed from abbreviations. Errors: unknown command or option (naming the nearest known one), a missing
// value, a value for a flag.
absl::StatusOr<CommandLine> ParseCommandLine(std::span<const char* const> arguments);

}  // namespace leash::cli
