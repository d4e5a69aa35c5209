// doctor, explain and completion.
#include <algorithm>
#include <cstdlib>

#include "leash_process.h"
#include "nlohmann/json.hpp"

namespace leash::testing {
namespace {

using Json = nlohmann::json;

class InspectTest : public LeashTest {
 protected:
  Json JsonOf(std::vector<std::string> arguments) const {
    const RunResult result = Leash(std::move(arguments));
    EXPECT_EQ(result.err, "");
    return Json::parse(result.out, nullptr, false);
  }
};
INSTANTIATE_TEST_SUITE_P(Users, InspectTest, ::testing::ValuesIn(Users()), UserName);

TEST_P(InspectTest, DoctorsJsonAndExitStatusAgree) {
  const RunResult result = Leash({"doctor", "--json"});
  const Json document = Json::parse(result.out, nullptr, false);
  ASSERT_TRUE(document.is_object()) << result.out;
  bool enforceable = true;
  ASSERT_FALSE(document["mechanisms"].empty());
  for (const Json& mechanism : document["mechanisms"]) {
    for (const char* key : {"name", "detail", "purpose"}) EXPECT_TRUE(mechanism.at(key).is_string()) << mechanism;
    if (mechanism.at("required").get<bool>() && !mechanism.at("available").get<bool>()) enforceable = false;
  }
  EXPECT_EQ(document.at("enforceable").get<bool>(), enforceable);
  EXPECT_EQ(result.code, enforceable ? 0 : 1);
}

TEST_P(InspectTest, DoctorsTableNamesEveryMechanismWithoutColour) {
  Start start = StartOf({"doctor"});
  start.environment.emplace_back("TERM", "xterm-256color");
  const RunResult result = Run(start);
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(result.out.find('\x1b'), std::string::npos);
  const Json document = JsonOf({"doctor", "--json"});
  for (const Json& mechanism : document.at("mechanisms")) {
    EXPECT_NE(result.out.find(mechanism.at("name").get<std::string>()), std::string::npos) << mechanism;
  }
}

TEST_P(InspectTest, ExplainShowsTheSettings) {
  const Json document = JsonOf({"explain", "--strict", "--json", "--max-open-files", "50", "-e", "A=b"});
  ASSERT_TRUE(document.is_object());
  EXPECT_EQ(document.at("isolation"), "strict");
  EXPECT_EQ(document.at("limits").at("open_files"), 50);
  const RunResult text = Leash({"explain"});
  EXPECT_EQ(text.code, 0);
  EXPECT_NE(text.out.find("default"), std::string::npos);
  EXPECT_NE(text.out.find(Project("").substr(0, Project("").size() - 1)), std::string::npos);
}

TEST_P(InspectTest, ExplainShowsAnotherPlatformsProfile) {
  const RunResult result = Leash({"explain", "--platform", "macos", "--workdir", "."});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out.rfind("(version 1)\n(deny default)\n", 0), 0U) << result.out;
  const std::string project = Project("");
  EXPECT_NE(result.out.find("(allow file-write* (subpath \"" + project.substr(0, project.size() - 1) + "\"))"),
            std::string::npos);
  EXPECT_EQ(result.out.find("network-outbound (remote"), std::string::npos);
  const RunResult network = Leash({"explain", "--platform", "macos", "--network", "allow"});
  EXPECT_NE(network.out.find("(allow network-outbound (remote tcp \"localhost:3128\"))"), std::string::npos);
  EXPECT_TRUE(FailsWith(Leash({"explain", "--platform", "plan9"}), 125, "'plan9' is no platform"));
  EXPECT_TRUE(FailsWith(Leash({"explain", "--platform", "macos", "/usr"}), 125, "--platform"));
  EXPECT_TRUE(FailsWith(Leash({"explain", "--platform", "macos", "--json"}), 125, "--platform"));
}

TEST_P(InspectTest, ExplainShowsWhatIsGuarded) {
  const std::string hooks = Project(".git/hooks");
  const auto guarded = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"explain", "--json"});
    const Json document = JsonOf(more);
    EXPECT_EQ(document.at("namespaces"), "auto");
    const auto& paths = document.at("guarded");
    return std::find(paths.begin(), paths.end(), hooks) != paths.end();
  };
  EXPECT_TRUE(guarded({"--workdir", "."}));
  EXPECT_FALSE(guarded({})) << "it cannot be written";
  EXPECT_FALSE(guarded({"--workdir", ".", "--no-protect-project-files"}));
  EXPECT_NE(Leash({"explain", "--workdir", "."}).out.find("\n  " + hooks + "\n"), std::string::npos);
}

TEST_P(InspectTest, ExplainOfAPathNamesTheRule) {
  root().MakeFile("home/.ssh/key", "k\n");
  const std::string key = root().Path("home/.ssh/key");
  const std::string home = root().Path("home");
  EXPECT_EQ(JsonOf({"explain", "--json", key}).at("access"), "none");
  const Json closed = JsonOf({"explain", key, "--json", "--readable", home});
  EXPECT_EQ(closed.at("access"), "none");
  EXPECT_EQ(closed.at("rule").at("reason"), "protect_credentials");
  EXPECT_NE(Leash({"explain", "--readable", home, key}).out.find("protect_credentials"), std::string::npos);
  EXPECT_EQ(JsonOf({"explain", "--json", "--readable", key, key}).at("access"), "r");
}

TEST_P(InspectTest, ExplainReadsTheConfigurationAsRunDoes) {
  root().MakeFile("project/leash.toml", "isolation = \"strict\"\n");
  EXPECT_EQ(JsonOf({"explain", "--json"}).at("isolation"), "strict");
  EXPECT_EQ(JsonOf({"explain", "--json", "--no-config"}).at("isolation"), "default");
  root().MakeFile("project/leash.toml", "isolation = \"permissive\"\n");
  EXPECT_TRUE(FailsWith(Leash({"explain"}), 125, "isolation"));
  EXPECT_TRUE(FailsWith(Leash({"explain", "--no-config", "--readable", "missing"}), 125, "missing"));
}

// What bash would offer for a command line; the last word is being typed.
std::string Offered(const std::string& script, const std::string& words) {
  const std::string command = "cd / && eval \"$SCRIPT\" && COMP_WORDS=(" + words +
                              ") COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) && _leash && echo \" ${COMPREPLY[*]} \"";
  ::setenv("SCRIPT", script.c_str(), 1);
  ::setenv("COMMAND", command.c_str(), 1);
  FILE* bash = ::popen("bash --norc -c \"$COMMAND\"", "r");
  std::string output;
  for (int c = std::fgetc(bash); c != EOF; c = std::fgetc(bash)) output += static_cast<char>(c);
  ::pclose(bash);
  return output;
}

TEST_P(InspectTest, BashOffersWhatTheTableHolds) {
  if (std::system("command -v bash >/dev/null") != 0) GTEST_SKIP() << "bash is not installed";
  const std::string script = Leash({"completion", "bash"}).out;
  const auto offers = [&](const std::string& words, const std::string& wanted) {
    return Offered(script, words).find(" " + wanted + " ") != std::string::npos;
  };
  EXPECT_TRUE(offers("leash ''", "run"));
  EXPECT_TRUE(offers("leash --v", "--verbose"));
  EXPECT_TRUE(offers("leash run --read", "--readable"));
  EXPECT_TRUE(offers("leash run --no-allow-g", "--no-allow-gpu"));
  EXPECT_TRUE(offers("leash run --isolation st", "strict"));
  EXPECT_TRUE(offers("leash run --network = allow", "allow-list"));
  EXPECT_TRUE(offers("leash run --readable /us", "/usr"));
  EXPECT_TRUE(offers("leash run --protect-home = ''", "false"));
  EXPECT_TRUE(offers("leash run --strict ec", "echo"));
  EXPECT_TRUE(offers("leash explain /us", "/usr"));
  EXPECT_TRUE(offers("leash completion ''", "fish"));
  EXPECT_FALSE(offers("leash run --js", "--json"));
  EXPECT_FALSE(offers("leash run echo --read", "--readable"));  // the program's own
}

TEST_P(InspectTest, ScriptsForOtherShellsAreSound) {
  const std::pair<const char*, const char*> shells[] = {{"zsh", "zsh -n"}, {"fish", "fish --no-execute"}};
  for (const auto& [shell, check] : shells) {
    const RunResult script = Leash({"completion", shell});
    EXPECT_EQ(script.code, 0);
    EXPECT_NE(script.out.find("unsafe-accept-degraded-kernel"), std::string::npos) << shell;
    if (std::system((std::string("command -v ") + shell + " >/dev/null").c_str()) != 0) continue;
    const std::string file = root().MakeFile(std::string("completion.") + shell, script.out);
    EXPECT_EQ(std::system((std::string(check) + " " + file).c_str()), 0) << shell;
  }
}

}  // namespace
}  // namespace leash::testing
