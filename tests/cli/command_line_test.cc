#include "command_line.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "python_arguments.h"

namespace leash::cli {
namespace {

absl::StatusOr<CommandLine> Parse(const std::vector<const char*>& arguments) { return ParseCommandLine(arguments); }

std::vector<std::string> WordsOf(const std::vector<const char*>& arguments) {
  const auto line = Parse(arguments);
  if (!line.ok()) return {"error: " + std::string(line.status().message())};
  return line->words;
}

std::string ErrorOf(const std::vector<const char*>& arguments) {
  const auto line = Parse(arguments);
  return line.ok() ? "no error" : std::string(line.status().message());
}

// "--name=value" for each option, in order.
std::vector<std::string> OptionsOf(const std::vector<const char*>& arguments) {
  const auto line = Parse(arguments);
  if (!line.ok()) return {"error: " + std::string(line.status().message())};
  std::vector<std::string> options;
  for (const Occurrence& one : line->options) options.push_back(std::string(one.option->name) + "=" + one.value);
  return options;
}

using Strings = std::vector<std::string>;

TEST(CommandLine, OptionsOfRunEndAtTheProgram) {
  EXPECT_EQ(WordsOf({"run", "sh", "-c", "exit 7"}), (Strings{"sh", "-c", "exit 7"}));
  EXPECT_EQ(WordsOf({"run", "echo", "-v", "-e", "-p", "--help", "--strict"}),
            (Strings{"echo", "-v", "-e", "-p", "--help", "--strict"}));
  EXPECT_EQ(OptionsOf({"run", "--strict", "echo", "--permissive"}), Strings{"strict=true"});
}

TEST(CommandLine, DoubleDashEndsOptionsOnce) {
  EXPECT_EQ(WordsOf({"run", "--", "sh", "-c", "x"}), (Strings{"sh", "-c", "x"}));
  EXPECT_EQ(WordsOf({"run", "sh", "--", "x"}), (Strings{"sh", "--", "x"}));
  EXPECT_EQ(WordsOf({"run", "--", "--", "x"}), (Strings{"--", "x"}));
  EXPECT_EQ(WordsOf({"run", "--", "--strict"}), Strings{"--strict"});
  EXPECT_EQ(WordsOf({"explain", "--", "-odd"}), Strings{"-odd"});
}

TEST(CommandLine, WordsOfShellAreTheShells) {
  EXPECT_EQ(WordsOf({"shell"}), Strings{});
  EXPECT_EQ(WordsOf({"shell", "--strict", "--", "-c", "exit 7"}), (Strings{"-c", "exit 7"}));
  EXPECT_EQ(WordsOf({"shell", "script", "--strict"}), (Strings{"script", "--strict"}));
  EXPECT_EQ(OptionsOf({"shell", "--strict", "--", "--permissive"}), Strings{"strict=true"});
  EXPECT_EQ(ErrorOf({"shell", "--tty"}), "shell: unknown option '--tty'");
  EXPECT_EQ(OptionsOf({"run", "--tty", "vi", "--tty"}), Strings{"tty=true"});
}

TEST(CommandLine, WordsAreKeptByteForByte) {
  EXPECT_EQ(WordsOf({"run", "echo", "", "a b", "[x,y]", "\xff\xfe", "a=b", "%s\n"}),
            (Strings{"echo", "", "a b", "[x,y]", "\xff\xfe", "a=b", "%s\n"}));
  EXPECT_EQ(WordsOf({"run", ""}), Strings{""});
}

TEST(CommandLine, ValuesAreKeptByteForByte) {
  EXPECT_EQ(OptionsOf({"run", "--env", "A=b=c", "-eX=[1,2]", "--readable=a b", "--deny", "-x", "-e", "K=", "true"}),
            (Strings{"env=A=b=c", "env=X=[1,2]", "readable=a b", "deny=-x", "env=K="}));
}

TEST(CommandLine, OccurrencesKeepTheirOrderAcrossOptions) {
  EXPECT_EQ(OptionsOf({"run", "--strict", "--readable", "/a", "--permissive", "--readable", "/b", "--strict", "x"}),
            (Strings{"strict=true", "readable=/a", "permissive=true", "readable=/b", "strict=true"}));
}

TEST(CommandLine, TogglesTakeABooleanOrNone) {
  EXPECT_EQ(OptionsOf({"run", "--protect-home=false", "--protect-home", "--no-protect-home", "--allow-gpu=true", "x"}),
            (Strings{"protect-home=false", "protect-home=true", "no-protect-home=true", "allow-gpu=true"}));
  EXPECT_EQ(WordsOf({"run", "--allow-gpu", "false"}), Strings{"false"});  // the next word is the program
}

TEST(CommandLine, VerbosityIsCounted) {
  EXPECT_EQ(Parse({"run", "-vv", "x"})->Count(OptionId::kVerbose), 2);
  EXPECT_EQ(Parse({"-v", "run", "-v", "x"})->Count(OptionId::kVerbose), 2);
  EXPECT_EQ(Parse({"run", "x", "-v"})->Count(OptionId::kVerbose), 0);
}

TEST(CommandLine, AliasesAreTheSameOption) {
  EXPECT_EQ(OptionsOf({"run", "--working-dir", ".", "--keep-working-dir", "x"}), (Strings{"workdir=.", "keep=true"}));
}

TEST(CommandLine, UnknownOptionsAreNamedWithTheNearest) {
  EXPECT_EQ(ErrorOf({"run", "--netwrok", "deny", "x"}), "run: unknown option '--netwrok'; did you mean '--network'?");
  EXPECT_EQ(ErrorOf({"run", "--zzzzzzzzzzzz", "x"}), "run: unknown option '--zzzzzzzzzzzz'");
  EXPECT_EQ(ErrorOf({"run", "--redable=/x", "x"}), "run: unknown option '--redable'; did you mean '--readable'?");
  EXPECT_EQ(ErrorOf({"run", "-x", "y"}), "run: unknown option '-x'");
  EXPECT_EQ(ErrorOf({"run", "-vx", "y"}), "run: unknown option '-x'");
  EXPECT_EQ(ErrorOf({"explain", "/etc", "--jsno"}), "explain: unknown option '--jsno'; did you mean '--json'?");
  EXPECT_EQ(ErrorOf({"--bogus", "run", "x"}), "leash: unknown option '--bogus'");
  EXPECT_EQ(ErrorOf({"run", "--a\x1b[1m", "x"}), "run: unknown option '--a\\x1b[1m'");
}

TEST(CommandLine, AbbreviationsAreNotAccepted) {
  for (const char* word : {"--max-mem", "--read", "--net", "--no", "--isol"}) {
    EXPECT_EQ(ErrorOf({"run", word, "x"}).rfind("run: unknown option", 0), 0U) << word;
  }
}

TEST(CommandLine, OptionsOfPythonEndAtWhatIsPythons) {
  EXPECT_EQ(WordsOf({"python", "-c", "code", "-v", "--strict"}), (Strings{"-c", "code", "-v", "--strict"}));
  EXPECT_EQ(OptionsOf({"python", "-c", "code", "-v", "--strict"}), Strings());
  EXPECT_EQ(WordsOf({"python", "--strict", "-vp", "six", "-pattrs", "-ccode", "-p"}), (Strings{"-ccode", "-p"}));
  EXPECT_EQ(OptionsOf({"python", "--strict", "-vp", "six", "-pattrs", "-ccode"}),
            (Strings{"strict=true", "verbose=true", "package=six", "package=attrs"}));
  EXPECT_EQ(WordsOf({"python", "--env", "-c", "-m", "pip", "--help"}), (Strings{"-m", "pip", "--help"}));
  EXPECT_EQ(WordsOf({"python", "--use-uv=false", "x.py", "--", "-v"}), (Strings{"x.py", "--", "-v"}));
  EXPECT_EQ(WordsOf({"python", "--", "-v", "x.py"}), (Strings{"-v", "x.py"}));
  EXPECT_EQ(WordsOf({"python", "-", "-v"}), (Strings{"-", "-v"}));
  EXPECT_EQ(ErrorOf({"python", "--strct", "x.py"}).rfind("python: unknown option '--strct'; did you mean", 0), 0U);
  EXPECT_EQ(ErrorOf({"python", "-p"}), "option '--package' needs a value (SPEC)");
  EXPECT_EQ(OptionsOf({"run", "-c", "f", "x"}), Strings{"config=f"});
  EXPECT_EQ(OptionsOf({"python", "--config", "f", "x"}), Strings{"config=f"});
}

TEST(PythonArguments, TheScriptIsFoundAmongThem) {
  EXPECT_EQ(ScriptAmong({"x.py", "y.py"}), 0U);
  EXPECT_EQ(ScriptAmong({"-u", "-X", "dev", "-Wd", "-OO", "x.py"}), 5U);
  EXPECT_EQ(ScriptAmong({"-uX", "dev", "--check-hash-based-pycs", "always", "--", "-x.py"}), 5U);
  for (const Strings& words : {Strings{},
                               {"-"},
                               {"-", "x.py"},
                               {"-c", "x.py"},
                               {"-uc", "x.py"},
                               {"-m", "x"},
                               {"-mx", "y"},
                               {"-V"},
                               {"--"},
                               {"-X"}}) {
    EXPECT_EQ(ScriptAmong(words), std::nullopt);
  }
}

TEST(CommandLine, OptionsOfOtherCommandsAreUnknown) {
  EXPECT_EQ(ErrorOf({"doctor", "--strict"}).rfind("doctor: unknown option '--strict'", 0), 0U);
  EXPECT_EQ(ErrorOf({"run", "--json", "x"}).rfind("run: unknown option '--json'", 0), 0U);
}

TEST(CommandLine, AMissingValueIsAnError) {
  EXPECT_EQ(ErrorOf({"run", "--writable"}), "option '--writable' needs a value (PATH)");
  EXPECT_EQ(ErrorOf({"run", "-e"}), "option '--env' needs a value (KEY=VALUE)");
  // The program's name must not slip in as the value.
  EXPECT_EQ(ErrorOf({"run", "--writable=", "sh"}), "option '--writable' needs a value (PATH)");
  EXPECT_EQ(ErrorOf({"run", "--protect-home=", "sh"}), "option '--protect-home' needs a value (BOOL)");
  EXPECT_EQ(ErrorOf({"explain", "/x", "--readable=", "/y"}), "option '--readable' needs a value (PATH)");
}

TEST(CommandLine, AFlagTakesNoValue) {
  EXPECT_EQ(ErrorOf({"run", "--strict=yes", "x"}), "option '--strict' takes no value");
  EXPECT_EQ(ErrorOf({"run", "--no-protect-home=false", "x"}), "option '--no-protect-home' takes no value");
}

TEST(CommandLine, CommandsAreFoundByTheirWholeName) {
  EXPECT_EQ(Parse({"doctor"})->command->id, CommandId::kDoctor);
  EXPECT_EQ(Parse({})->command, nullptr);
  EXPECT_EQ(ErrorOf({"rnu"}), "unknown command 'rnu'; did you mean 'run'?");
  EXPECT_EQ(ErrorOf({"doc"}).rfind("unknown command 'doc'", 0), 0U);
  EXPECT_EQ(ErrorOf({""}).rfind("unknown command ''", 0), 0U);
  EXPECT_EQ(ErrorOf({"-"}).rfind("unknown command '-'", 0), 0U);
}

}  // namespace
}  // namespace leash::cli
