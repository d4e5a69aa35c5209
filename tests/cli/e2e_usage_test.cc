// What leash says to wrong command lines, and what it prints about itself.
#include "leash_process.h"

namespace leash::testing {
namespace {

class UsageTest : public LeashTest {};
INSTANTIATE_TEST_SUITE_P(Users, UsageTest, ::testing::ValuesIn(Users()), UserName);

TEST_P(UsageTest, WrongCommandLinesAreOneLineAnd125) {
  const std::vector<std::pair<std::vector<std::string>, const char*>> cases = {
      {{}, "no command was given"},
      {{"rnu", "true"}, "unknown command 'rnu'; did you mean 'run'?"},
      {{"run"}, "no program was given"},
      {{"run", "--strict"}, "no program was given"},
      {{"run", "--netwrok", "deny", "true"}, "unknown option '--netwrok'; did you mean '--network'?"},
      {{"run", "--max-mem", "1", "true"}, "unknown option '--max-mem'"},
      {{"run", "-x", "true"}, "unknown option '-x'"},
      {{"run", "--readable"}, "option '--readable' needs a value"},
      {{"run", "--strict=yes", "true"}, "option '--strict' takes no value"},
      {{"run", "--network", "of", "true"}, "--network: 'of' is not one of"},
      {{"run", "--max-memory", "12Q", "true"}, "--max-memory: '12Q' is not a size"},
      {{"run", "--timeout", "soon", "true"}, "--timeout: 'soon' is not a duration"},
      {{"run", "-e", "NOVALUE", "true"}, "--env: 'NOVALUE' is not KEY=VALUE"},
      {{"run", "--grant", "q:/tmp", "true"}, "--grant: "},
      {{"run", "--allow-domain", "x.y", "true"}, "--allow-domain needs --network allow-list"},
      {{"run", "--network", "allow-list", "true"}, "needs at least one --allow-domain"},
      {{"run", "--config", "a.toml", "--no-config", "true"}, "exclude each other"},
      {{"explain", "a", "b"}, "takes one PATH"},
      {{"doctor", "x"}, "takes no arguments"},
      {{"completion"}, "name one shell"},
      {{"completion", "tcsh"}, "'tcsh' is not bash, zsh or fish"},
      {{"help", "nothing"}, "there is no command 'nothing'"},
  };
  for (const auto& [arguments, text] : cases) EXPECT_TRUE(FailsWith(Leash(arguments), 125, text));
}

TEST_P(UsageTest, HelpAndVersionGoToStdout) {
  const std::vector<std::pair<std::vector<std::string>, const char*>> cases = {
      {{"--help"}, "Usage: leash COMMAND"},        {{"help"}, "Usage: leash COMMAND"},
      {{"run", "--help"}, "Usage: leash run"},     {{"help", "run"}, "Usage: leash run"},
      {{"explain", "-h"}, "Usage: leash explain"}, {{"--version"}, "leash "},
  };
  for (const auto& [arguments, text] : cases) {
    const RunResult result = Leash(arguments);
    EXPECT_EQ(result.code, 0) << ::testing::PrintToString(result);
    EXPECT_EQ(result.out.rfind(text, 0), 0U) << ::testing::PrintToString(result);
    EXPECT_EQ(result.err, "");
  }
}

TEST_P(UsageTest, AFullOutputIsAnError) {
  Start start = StartOf({"help"});
  start.out_path = "/dev/full";
  EXPECT_TRUE(FailsWith(Run(start), 125, "cannot write to standard output"));
}

}  // namespace
}  // namespace leash::testing
