// leash completion: scripts for bash, zsh and fish, made from the option table.
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/text.h"
#include "commands.h"
#include "fmt/format.h"
#include "messages.h"

namespace leash::cli {
namespace {

constexpr std::string_view kShells = "bash zsh fish";
constexpr unsigned kEverywhere =
    kOnTop | kOnRun | kOnShell | kOnPython | kOnExplain | kOnSelftest;  // with values in the next word

// Every spelling that is advertised: "--env" and "-e".
std::vector<std::string> SpellingsOf(const Option& option) {
  std::vector<std::string> spellings = {fmt::format("--{}", option.name)};
  if (option.letter != 0) spellings.push_back(fmt::format("-{}", option.letter));
  return spellings;
}

// The spellings of a place's options that `wanted` picks, each followed by `separator`.
template <typename Wanted>
std::string Spellings(unsigned where, Wanted wanted, std::string_view separator = " ") {
  std::string text;
  for (const Option& option : Options()) {
    if ((option.where & where) == 0 || !wanted(option)) continue;
    for (const std::string& spelling : SpellingsOf(option)) text += fmt::format("{}{}", spelling, separator);
  }
  return text;
}

bool Any(const Option&) { return true; }
bool TakesNextWord(const Option& option) { return option.takes == Takes::kValue; }

std::string CommandNames() {
  std::string text;
  for (const CommandInfo& command : Commands()) text += fmt::format("{} ", command.name);
  return text;
}

// ---- bash ----

std::string BashAction(const Option& option) {
  switch (option.offer) {
    case Offer::kFile:
      return "COMPREPLY=($(compgen -f -- \"$cur\"))";
    case Offer::kDirectory:
      return "COMPREPLY=($(compgen -d -- \"$cur\"))";
    case Offer::kVariable:
      return "COMPREPLY=($(compgen -e -- \"$cur\"))";
    case Offer::kWords:
      return fmt::format("COMPREPLY=($(compgen -W '{}' -- \"$cur\"))", option.words);
    case Offer::kNothing:
      break;
  }
  return ":";
}

std::string BashValues() {
  std::string text;
  for (const Option& option : Options()) {
    if (option.takes == Takes::kNothing) continue;
    std::string pattern = fmt::format("--{}", option.name);
    if (option.letter != 0) pattern += fmt::format("|-{}", option.letter);
    text += fmt::format("      {}) {} ;;\n", pattern, BashAction(option));
  }
  return text;
}

std::string BashOptions() {
  std::string text;
  for (const CommandInfo& command : Commands()) {
    text += fmt::format("      {}) options='{}' ;;\n", command.name, Spellings(WhereOf(command.id), Any));
  }
  return text + fmt::format("      *) options='{}' ;;\n", Spellings(kOnTop, Any));
}

// Words are walked from the left, because options end at the program's name. bash splits words at '='.
std::string BashScript() {
  return fmt::format(R"(# bash completion for leash
_leash() {{
  local cur=${{COMP_WORDS[COMP_CWORD]}} command= expecting= options= word i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${{COMP_WORDS[i]}}
    if [[ -n $expecting ]]; then
      [[ $word == = ]] || expecting=
      continue
    fi
    case $word in
      -*)
        case " {takes_value}" in *" $word "*) expecting=$word ;; esac
        [[ ${{COMP_WORDS[i + 1]}} == = ]] && expecting=$word ;;
      *)
        if [[ -z $command ]]; then
          command=$word
        elif [[ $command == run || $command == selftest ]]; then
          declare -F _command_offset >/dev/null && _command_offset "$i"
          return
        elif [[ $command == shell || $command == python ]]; then
          COMPREPLY=($(compgen -f -- "$cur"))
          return
        fi ;;
    esac
  done
  [[ $cur == = ]] && cur=
  if [[ -n $expecting ]]; then
    case $expecting in
{values}    esac
    return
  fi
  if [[ $cur == -* ]]; then
    case $command in
{options}    esac
    COMPREPLY=($(compgen -W "$options" -- "$cur"))
    return
  fi
  case $command in
    '') COMPREPLY=($(compgen -W '{commands}' -- "$cur")) ;;
    run | selftest) COMPREPLY=($(compgen -c -- "$cur")) ;;
    shell) COMPREPLY=($(compgen -W '--' -- "$cur")) ;;
    explain | python) COMPREPLY=($(compgen -f -- "$cur")) ;;
    completion) COMPREPLY=($(compgen -W '{shells}' -- "$cur")) ;;
    help) COMPREPLY=($(compgen -W '{commands}' -- "$cur")) ;;
  esac
}}
complete -o filenames -F _leash leash
)",
                     fmt::arg("takes_value", Spellings(kEverywhere, TakesNextWord)), fmt::arg("values", BashValues()),
                     fmt::arg("options", BashOptions()), fmt::arg("commands", CommandNames()),
                     fmt::arg("shells", kShells));
}

// ---- zsh ----

std::string ZshEscape(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '\'') {
      result += "'\\''";
      continue;
    }
    if (c == '[' || c == ']' || c == ':' || c == '\\') result += '\\';
    result += c;
  }
  return result;
}

std::string ZshAction(const Option& option) {
  switch (option.offer) {
    case Offer::kFile:
      return "_files";
    case Offer::kDirectory:
      return "_files -/";
    case Offer::kVariable:
      return "_parameters -g \"*export*\"";
    case Offer::kWords:
      return fmt::format("({})", option.words);
    case Offer::kNothing:
      break;
  }
  return "";
}

// A specification of _arguments, which may be given any number of times.
std::string ZshSpec(std::string_view spelling, const Option& option) {
  const bool is_long = spelling.starts_with("--");
  std::string_view mark;
  std::string value;
  if (option.takes == Takes::kValue) {
    mark = is_long ? "=" : "+";
    value = fmt::format(":{}:{}", ZshEscape(option.value), ZshAction(option));
  } else if (option.takes == Takes::kMaybeBool) {
    mark = "=-";
    value = fmt::format("::{}:{}", option.value, ZshAction(option));
  }
  return fmt::format("        '*{}{}[{}]{}' \\\n", spelling, mark, ZshEscape(option.help), value);
}

std::string ZshSpecs(unsigned where) {
  std::string text;
  for (const Option& option : Options()) {
    if ((option.where & where) == 0) continue;
    for (const std::string& spelling : SpellingsOf(option)) text += ZshSpec(spelling, option);
  }
  return text;
}

std::string ZshWords(CommandId command) {
  switch (command) {
    case CommandId::kRun:
      return "'(-):program: _command_names -e' '*::argument: _normal'";
    case CommandId::kSelftest:
      return "'(-):launcher: _command_names -e' '*::argument: _normal'";
    case CommandId::kShell:
      return "'*:argument:_files'";
    case CommandId::kPython:
      return "'(-):script:_files' '*::argument:_files'";
    case CommandId::kExplain:
      return "':path:_files'";
    case CommandId::kDoctor:
      return "";
    case CommandId::kCompletion:
      return fmt::format("':shell:({})'", kShells);
    case CommandId::kHelp:
      return fmt::format("':command:({})'", CommandNames());
  }
  return "";
}

// Not `commands` for the list: that is zsh's own table of programs, which _command_names reads.
std::string ZshScript() {
  std::string commands;
  std::string cases;
  for (const CommandInfo& command : Commands()) {
    commands += fmt::format("    '{}:{}'\n", command.name, ZshEscape(command.summary));
    cases += fmt::format("    {})\n      _arguments{} \\\n{}        {}\n      ;;\n", command.name,
                         EndsAtWord(command.id) ? " -A '-*'" : "", ZshSpecs(WhereOf(command.id)), ZshWords(command.id));
  }
  return fmt::format(R"(#compdef leash
_leash() {{
  local -a subcommands
  subcommands=(
{commands}  )
  local curcontext=$curcontext state line
  typeset -A opt_args
  _arguments -C -A '-*' \
{top}        ':command:->command' '*::argument:->argument'
  [[ $state == command ]] && {{ _describe command subcommands; return }}
  [[ $state == argument ]] || return
  case $words[1] in
{cases}  esac
}}
_leash "$@"
)",
                     fmt::arg("commands", commands), fmt::arg("top", ZshSpecs(kOnTop)), fmt::arg("cases", cases));
}

// ---- fish ----

std::string FishEscape(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '\'' || c == '\\') result += '\\';
    result += c;
  }
  return result;
}

std::string FishValue(const Option& option) {
  if (option.takes == Takes::kNothing) return "";
  // fish has no form for a value that may be left out: such an option is offered as a flag.
  if (option.takes == Takes::kMaybeBool) return "";
  switch (option.offer) {
    case Offer::kFile:
      return " -r -F";
    case Offer::kDirectory:
      return " -x -a '(__fish_complete_directories)'";
    case Offer::kVariable:
      return " -x -a '(set -nx)'";
    case Offer::kWords:
      return fmt::format(" -x -a '{}'", option.words);
    case Offer::kNothing:
      break;
  }
  return " -x";
}

std::string FishOptions(unsigned where, std::string_view state) {
  std::string text;
  for (const Option& option : Options()) {
    if ((option.where & where) == 0) continue;
    text += fmt::format("complete -c leash -n '__leash_is \"{}\"' -l {}", state, option.name);
    if (option.letter != 0) text += fmt::format(" -s {}", option.letter);
    text += fmt::format("{} -d '{}'\n", FishValue(option), FishEscape(option.help));
  }
  return text;
}

std::string FishScript() {
  std::string text = fmt::format(R"(# fish completion for leash
# Prints the command whose options are being typed, "program" once the program's name stands there, "argument" once one of the shell's does.
function __leash_state
    set -l takes_value {}
    set -l command
    set -l skip 0
    set -l tokens (commandline -opc)
    for token in $tokens[2..-1]
        if test $skip = 1
            set skip 0
            continue
        end
        switch $token
            case '-*'
                contains -- $token $takes_value
                and set skip 1
            case '*'
                if test -z "$command"
                    set command $token
                else if test $command = run -o $command = selftest
                    echo program
                    return
                else if test $command = shell -o $command = python
                    echo argument
                    return
                end
        end
    end
    echo $command
end
function __leash_is
    test (__leash_state)x = $argv[1]x
end
complete -c leash -f
)",
                                 Spellings(kEverywhere, TakesNextWord));
  for (const CommandInfo& command : Commands()) {
    text += fmt::format("complete -c leash -n '__leash_is \"\"' -a {} -d '{}'\n", command.name,
                        FishEscape(command.summary));
    text += FishOptions(WhereOf(command.id), command.name);
  }
  text += FishOptions(kOnTop, "");
  text += "complete -c leash -n '__leash_is run' -x -a '(__fish_complete_command)'\n";
  text += "complete -c leash -n '__leash_is selftest' -x -a '(__fish_complete_command)'\n";
  text += "complete -c leash -n '__leash_is program' -F\n";
  text += "complete -c leash -n '__leash_is argument' -F\n";
  text += "complete -c leash -n '__leash_is explain' -F\n";
  text += "complete -c leash -n '__leash_is python' -F\n";
  text += fmt::format("complete -c leash -n '__leash_is completion' -x -a '{}'\n", kShells);
  text += fmt::format("complete -c leash -n '__leash_is help' -x -a '{}'\n", CommandNames());
  return text;
}

}  // namespace

int Completion(const CommandLine& line) {
  const std::string shell = line.words.size() == 1 ? line.words.front() : "";
  if (shell == "bash") return WriteStdout(BashScript());
  if (shell == "zsh") return WriteStdout(ZshScript());
  if (shell == "fish") return WriteStdout(FishScript());
  if (shell.empty()) {
    return Fail(base::Error(ErrorCode::kInvalidArgument, "completion: name one shell: bash, zsh or fish"));
  }
  return Fail(base::Error(ErrorCode::kInvalidArgument,
                          fmt::format("completion: '{}' is not bash, zsh or fish", base::Printable(shell))));
}

}  // namespace leash::cli
