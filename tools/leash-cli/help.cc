#include "help.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "fmt/format.h"

namespace leash::cli {
namespace {

constexpr std::size_t kHelpColumn = 32;
constexpr std::size_t kWidth = 80;  // no single word of a help text is longer than what is left

// "  -e, --env KEY=VALUE"
std::string Heading(const Option& option) {
  std::string text = option.letter != 0 ? fmt::format("  -{}, --{}", option.letter, option.name)
                                        : fmt::format("      --{}", option.name);
  if (option.takes == Takes::kValue) text += fmt::format(" {}", option.value);
  if (option.takes == Takes::kMaybeBool) text += fmt::format("[={}]", option.value);
  return text;
}

// The help text beside its heading, broken between words.
std::string Line(const Option& option) {
  std::string text;
  std::string line = Heading(option);
  std::string_view help = option.help;
  if (line.size() + 2 > kHelpColumn) text += std::exchange(line, "") + "\n";
  while (!help.empty()) {
    std::size_t length = help.size();
    if (length > kWidth - kHelpColumn) length = help.rfind(' ', kWidth - kHelpColumn);
    text += fmt::format("{:{}}{}\n", std::exchange(line, ""), kHelpColumn, help.substr(0, length));
    help.remove_prefix(std::min(length + 1, help.size()));
  }
  return text;
}

// The options of one place under their headings, in the table's order.
std::string OptionLines(unsigned where) {
  std::string text;
  std::string_view group;
  bool has_toggles = false;
  for (const Option& option : Options()) {
    if ((option.where & where) == 0 || option.group.empty()) continue;
    if (option.group != group) text += fmt::format("\n{}:\n", option.group);
    group = option.group;
    text += Line(option);
    has_toggles = has_toggles || option.toggle != nullptr;
  }
  if (has_toggles) {
    text +=
        "\nProtections are on and hardware is closed, except with --permissive, where it is\n"
        "the other way round. Each of these options has an opposite: --no-protect-home,\n"
        "--no-allow-gpu and so on. SIZE is bytes, or a number with K, M, G or T (powers\n"
        "of 1024). DURATION is seconds, or as in 1m30s.\n";
  }
  return text;
}

}  // namespace

std::string GeneralHelp() {
  std::string text = "Usage: leash COMMAND [OPTIONS] ...\n\nRuns programs in a sandbox.\n\nCommands:\n";
  for (const CommandInfo& command : Commands()) text += fmt::format("  {:12}{}\n", command.name, command.summary);
  text += OptionLines(kOnTop);
  text += "\nExamples:\n  leash run echo hello\n  leash shell\n  leash help run\n";
  return text;
}

std::string HelpOf(const CommandInfo& command) {
  std::string text =
      fmt::format("Usage: leash {} {}\n\nleash {}: {}\n", command.name, command.usage, command.name, command.summary);
  if (!command.notes.empty()) text += fmt::format("\n{}\n", command.notes);
  text += OptionLines(WhereOf(command.id));
  if (command.id == CommandId::kRun || command.id == CommandId::kShell || command.id == CommandId::kPython) {
    text += "\nExit status: the ";
    text += command.id == CommandId::kShell ? "shell" : command.id == CommandId::kPython ? "interpreter" : "program";
    text +=
        "'s own; 128+N when signal N ended it; 124 timed out;\n"
        "125 leash failed; 126 the program cannot be executed; 127 it was not found.\n";
  }
  text += fmt::format("\nExamples:\n{}", command.examples);
  return text;
}

}  // namespace leash::cli
