// The one file that includes CLI11, which takes seconds to compile. CLI11 splits words into options and values; which
// options there are comes from the table, and values are read elsewhere.
#include "command_line.h"

#include <algorithm>
#include <map>

#include "CLI/CLI.hpp"
#include "base/status.h"
#include "base/text.h"
#include "fmt/format.h"

namespace leash::cli {
namespace {

absl::Status UsageError(std::string_view message) { return base::Error(ErrorCode::kInvalidArgument, message); }

// "--name", "--name=value", "-n" -> the option's name without dashes.
std::string_view BareName(std::string_view word) {
  word.remove_prefix(std::min(word.find_first_not_of('-'), word.size()));
  return word.substr(0, word.find('='));
}

std::string DidYouMean(std::string_view word, std::span<const std::string_view> candidates, std::string_view prefix) {
  const std::string_view nearest = base::Nearest(word, candidates);
  return nearest.empty() ? "" : fmt::format("; did you mean '{}{}'?", prefix, nearest);
}

// Could the option stand among the words? True more often than not costs nothing; false must be certain.
bool MayBeAmong(const Option& option, std::span<const char* const> words) {
  return std::any_of(words.begin(), words.end(), [&](std::string_view word) {
    if (!word.starts_with('-')) return false;
    const std::string_view name = BareName(word);
    const bool letter =
        option.letter != 0 && !word.starts_with("--") && word.find(option.letter) != std::string_view::npos;
    return letter || name == option.name || (!option.alias.empty() && name == option.alias);
  });
}

// One parser for one place: the top level, or one command.
class Parser {
 public:
  // `stops_at_word`: the first word that is no option ends the options.
  Parser(unsigned where, std::string_view place, bool stops_at_word, std::span<const char* const> arguments)
      : where_(where), place_(place), stops_at_word_(stops_at_word), arguments_(arguments) {
    app_.set_help_flag("");  // help is an option like any other
    app_.allow_extras();
    app_.prefix_command(stops_at_word);
    results_.reserve(Options().size());  // CLI11 keeps references
    // CLI11 compares a new option with all that it has: with all of ours that takes longer than making the sandbox.
    for (const Option& option : Options()) {
      if ((option.where & where) != 0 && MayBeAmong(option, arguments)) Register(option);
    }
  }

  // Appends the options to `line` and gives the words that are left.
  absl::StatusOr<std::vector<std::string>> Parse(CommandLine& line) {
    std::vector<std::string> reversed(arguments_.rbegin(), arguments_.rend());
    try {
      app_.parse(std::move(reversed));
    } catch (const CLI::ParseError& error) {
      return Translate(error.what());
    }
    std::vector<std::string> rest = app_.remaining();
    LEASH_RETURN_IF_ERROR(
        CheckEmptyValues(stops_at_word_ ? arguments_.first(arguments_.size() - rest.size()) : arguments_));
    CollectOptions(line);
    return Words(std::move(rest));
  }

 private:
  void Register(const Option& option) {
    std::string names = "--" + std::string(option.name);
    if (option.letter != 0) names += fmt::format(",-{}", option.letter);
    if (!option.alias.empty()) names += fmt::format(",--{}", option.alias);
    results_.emplace_back();
    CLI::Option* added = option.takes == Takes::kValue
                             ? app_.add_option(names, results_.back())->expected(1)->allow_extra_args(false)
                             : app_.add_flag(names, results_.back());
    added->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    if (option.takes == Takes::kNothing) added->disable_flag_override();
    known_[added] = &option;
  }

  const Option* Find(std::string_view name) const {
    for (const Option& option : Options()) {
      const bool short_form = name.size() == 1 && name[0] == option.letter;
      const bool named = name == option.name || (!option.alias.empty() && name == option.alias) || short_form;
      if ((option.where & where_) != 0 && named) return &option;
    }
    return nullptr;
  }

  static absl::Status WrongUse(const Option& option) {
    if (option.takes == Takes::kNothing) return UsageError(fmt::format("option '--{}' takes no value", option.name));
    return UsageError(fmt::format("option '--{}' needs a value ({})", option.name, option.value));
  }

  // CLI11's messages begin with the option's name.
  absl::Status Translate(std::string_view what) const {
    const Option* option = Find(BareName(what.substr(0, what.find_first_of(": "))));
    return option == nullptr ? UsageError(base::Printable(what)) : WrongUse(*option);
  }

  // CLI11 reads the next word as the value of "--name=", and so would take the program's name for a path.
  absl::Status CheckEmptyValues(std::span<const char* const> parsed) const {
    for (const std::string_view word : parsed) {
      if (!word.starts_with("--") || !word.ends_with('=')) continue;
      const Option* option = Find(word.substr(2, word.size() - 3));
      if (option != nullptr) return WrongUse(*option);
    }
    return absl::OkStatus();
  }

  void CollectOptions(CommandLine& line) const {
    std::map<const CLI::Option*, std::size_t> used;
    for (const CLI::Option* parsed : app_.parse_order()) {
      const std::size_t index = used[parsed]++;
      if (index < parsed->results().size()) line.options.push_back({known_.at(parsed), parsed->results()[index]});
    }
  }

  // Drops the first "--". What begins with '-' before it is an option that nobody knows.
  absl::StatusOr<std::vector<std::string>> Words(std::vector<std::string> rest) const {
    const auto end = stops_at_word_ ? rest.begin() + (rest.empty() ? 0 : 1) : rest.end();
    const auto separator = std::find(rest.begin(), end, "--");
    for (auto word = rest.begin(); word != (separator == end ? end : separator); ++word) {
      if (word->size() > 1 && word->front() == '-') return UnknownOption(*word);
    }
    if (separator != end) rest.erase(separator);
    return rest;
  }

  absl::Status UnknownOption(std::string_view word) const {
    std::vector<std::string_view> names;
    for (const Option& option : Options()) {
      if ((option.where & where_) != 0) names.push_back(option.name);
    }
    const std::string shown = base::Printable(word.substr(0, word.find('=')));
    return UsageError(fmt::format("{}: unknown option '{}'{}", place_, shown,
                                  word.starts_with("--") ? DidYouMean(BareName(word), names, "--") : ""));
  }

  unsigned where_;
  std::string_view place_;
  bool stops_at_word_;
  std::span<const char* const> arguments_;
  CLI::App app_;
  std::vector<std::vector<std::string>> results_;
  std::map<const CLI::Option*, const Option*> known_;
};

const Option* FindOption(unsigned where, std::string_view name, char letter) {
  for (const Option& option : Options()) {
    if ((option.where & where) == 0) continue;
    const bool named = !name.empty() && (name == option.name || name == option.alias);
    if (named || (letter != 0 && letter == option.letter)) return &option;
  }
  return nullptr;
}

// How many of `python`'s arguments are leash's: up to the first word that is no option, "--", or a one-letter option
// that leash does not have. What follows -c CODE and -m MODULE must not be looked at.
std::size_t OwnArguments(unsigned where, std::span<const char* const> arguments) {
  const auto takes_value = [](const Option* option) { return option != nullptr && option->takes == Takes::kValue; };
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view word = arguments[i];
    if (word == "--" || word == "-" || !word.starts_with('-')) return i;
    if (word.starts_with("--")) {
      if (word.find('=') == std::string_view::npos && takes_value(FindOption(where, BareName(word), 0))) ++i;
      continue;
    }
    for (std::size_t letter = 1; letter < word.size(); ++letter) {
      const Option* option = FindOption(where, "", word[letter]);
      if (option == nullptr) return i;
      if (!takes_value(option)) continue;
      if (letter + 1 == word.size()) ++i;
      break;
    }
  }
  return arguments.size();
}

absl::Status UnknownCommand(std::string_view word) {
  std::vector<std::string_view> names;
  for (const CommandInfo& command : Commands()) names.push_back(command.name);
  return UsageError(fmt::format("unknown command '{}'{}", base::Printable(word), DidYouMean(word, names, "")));
}

}  // namespace

bool CommandLine::Has(OptionId id) const { return Count(id) > 0; }

int CommandLine::Count(OptionId id) const {
  return static_cast<int>(
      std::count_if(options.begin(), options.end(), [&](const Occurrence& one) { return one.option->id == id; }));
}

std::optional<std::string> CommandLine::Last(OptionId id) const {
  std::optional<std::string> value;
  for (const Occurrence& one : options) {
    if (one.option->id == id) value = one.value;
  }
  return value;
}

absl::StatusOr<CommandLine> ParseCommandLine(std::span<const char* const> arguments) {
  CommandLine line;
  // Before the command stand few options, none of which takes a value: the first other word is the command.
  const auto first_word =
      std::find_if(arguments.begin(), arguments.end(), [](std::string_view word) { return !word.starts_with('-'); });
  const auto before = static_cast<std::size_t>(first_word - arguments.begin());
  if (before > 0) {
    LEASH_ASSIGN_OR_RETURN(line.words, Parser(kOnTop, "leash", true, arguments.first(before)).Parse(line));
    if (!line.words.empty()) return UnknownCommand(line.words.front());
  }
  if (first_word == arguments.end()) return line;
  line.command = FindCommand(*first_word);
  if (line.command == nullptr) return UnknownCommand(*first_word);
  const CommandInfo& command = *line.command;
  if (command.id == CommandId::kPython) {
    std::span<const char* const> rest = arguments.subspan(before + 1);
    const std::size_t own = OwnArguments(kOnPython, rest);
    LEASH_ASSIGN_OR_RETURN(line.words, Parser(kOnPython, command.name, true, rest.first(own)).Parse(line));
    rest = rest.subspan(own);
    if (!rest.empty() && std::string_view(rest.front()) == "--") rest = rest.subspan(1);
    line.words.insert(line.words.end(), rest.begin(), rest.end());
    return line;
  }
  Parser parser(WhereOf(command.id), command.name, EndsAtWord(command.id), arguments.subspan(before + 1));
  LEASH_ASSIGN_OR_RETURN(line.words, parser.Parse(line));
  return line;
}

}  // namespace leash::cli
