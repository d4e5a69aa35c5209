#include "config_file.h"

#include <string>

#include "gtest/gtest.h"

namespace leash::cli {
namespace {

absl::StatusOr<ConfigFile> Parse(std::string_view text) {
  base::Environment environment;
  environment.Set("HOME", "/home/ann");
  environment.Set("DATA", "/srv");
  return ParseConfigFile(text, "leash.toml", "/project", environment);
}

std::string ErrorOf(std::string_view text) {
  const auto file = Parse(text);
  return file.ok() ? "no error" : std::string(file.status().message());
}

TEST(ConfigFile, EmptySaysNothing) {
  const auto file = Parse("# nothing\n");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_TRUE(file->lines.empty());
  EXPECT_FALSE(file->layer.isolation.has_value());
  EXPECT_FALSE(file->layer.network.has_value());
}

TEST(ConfigFile, ReadsEveryKey) {
  const auto file = Parse(R"(isolation = "strict"
network = "allow-list"
allow-domains = ["example.com", "*.example.org:443"]

[security]
protect-home = false
allow-gpu = true

[paths]
readable = ["data", "/usr/share"]
writable = ["~/out"]
executable = ["$DATA/bin"]
grants = ["rwx:build"]
deny = ["data/secret"]

[limits]
max-memory = "512M"
max-cpu-time = 90
timeout = "1m30s"
max-file-size = 4096
max-processes = 8
max-open-files = 64
best-effort = true

[workdir]
path = "work"
keep = true

[env]
passthrough = ["LANG"]
set = { A = "1", B = "$HOME" }
)");
  ASSERT_TRUE(file.ok()) << file.status();
  const Layer& layer = file->layer;
  EXPECT_EQ(layer.isolation, Isolation::kStrict);
  EXPECT_EQ(layer.network, NetworkMode::kAllowList);
  EXPECT_EQ(layer.allow_domains, (std::vector<std::string>{"example.com", "*.example.org:443"}));
  ASSERT_EQ(layer.security.size(), 2U);
  EXPECT_EQ(layer.grants.size(), 5U);
  EXPECT_EQ(layer.denied, std::vector<std::string>{"/project/data/secret"});
  EXPECT_EQ(layer.limits, (ResourceLimits{.memory_bytes = 512ULL << 20,
                                          .cpu_time = absl::Seconds(90),
                                          .wall_time = absl::Seconds(90),
                                          .file_size_bytes = 4096,
                                          .open_files = 64,
                                          .processes = 8}));
  EXPECT_EQ(layer.best_effort_limits, true);
  EXPECT_EQ(layer.working_dir, "/project/work");
  EXPECT_EQ(layer.keep, true);
  EXPECT_EQ(layer.env_passthrough, std::vector<std::string>{"LANG"});
  EXPECT_EQ(layer.env, (std::vector<std::pair<std::string, std::string>>{{"A", "1"}, {"B", "$HOME"}}));
}

TEST(ConfigFile, GrantsKnowTheirKeyAndLine) {
  const auto file = Parse("[paths]\nwritable = [\n  \"a\",\n  \"~/b\",\n]\ngrants = [\"rx:$DATA/c\"]\n");
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_EQ(file->layer.grants.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    const Grant& grant = file->layer.grants[i];
    const Origin& origin = file->grant_origins[i];
    if (grant.path == "/project/a") {
      EXPECT_EQ(origin.key, "paths.writable");
      EXPECT_EQ(origin.line, 3U);
    } else if (grant.path == "/home/ann/b") {
      EXPECT_EQ(origin.line, 4U);
    } else {
      EXPECT_EQ(grant, (Grant{"/srv/c", Access::kReadExecute}));
      EXPECT_EQ(origin.key, "paths.grants");
      EXPECT_EQ(origin.line, 6U);
    }
  }
}

TEST(ConfigFile, UnknownKeysAreNamedWithTheNearest) {
  EXPECT_EQ(ErrorOf("netwrok = \"deny\"\n"), "leash.toml:1: unknown key 'netwrok'; did you mean 'network'?");
  EXPECT_EQ(ErrorOf("\n[limits]\n\nmax-memroy = 1\n"),
            "leash.toml:4: unknown key 'limits.max-memroy'; did you mean 'limits.max-memory'?");
  EXPECT_EQ(ErrorOf("[security]\nprotect-hom = true\n"),
            "leash.toml:2: unknown key 'security.protect-hom'; did you mean 'security.protect-home'?");
  EXPECT_EQ(ErrorOf("[securty]\n"), "leash.toml:1: unknown key 'securty'; did you mean 'security'?");
  EXPECT_EQ(ErrorOf("[[grant]]\npath = \"x\"\n").rfind("leash.toml:1: unknown key 'grant'", 0), 0U);
  EXPECT_EQ(ErrorOf("zzzzzzzzzzzzzzz = 1\n"), "leash.toml:1: unknown key 'zzzzzzzzzzzzzzz'");
}

TEST(ConfigFile, UnderscoresAreNotDashes) {
  EXPECT_EQ(ErrorOf("allow_domains = []\n"),
            "leash.toml:1: unknown key 'allow_domains'; did you mean 'allow-domains'?");
}

TEST(ConfigFile, WrongTypesSayWhatWasExpected) {
  EXPECT_EQ(ErrorOf("network = 1\n"), "leash.toml:1: network must be a string, not an integer");
  EXPECT_EQ(ErrorOf("paths = 1\n"), "leash.toml:1: paths must be a table, not an integer");
  EXPECT_EQ(ErrorOf("[paths]\nreadable = \"x\"\n"),
            "leash.toml:2: paths.readable must be an array of strings, not a string");
  EXPECT_EQ(ErrorOf("[paths]\nreadable = [\n\"x\",\n2\n]\n"),
            "leash.toml:4: paths.readable must be an array of strings, not an integer");
  EXPECT_EQ(ErrorOf("[security]\nallow-gpu = \"yes\"\n"),
            "leash.toml:2: security.allow-gpu must be true or false, not a string");
  EXPECT_EQ(ErrorOf("[limits]\nmax-processes = \"8\"\n"),
            "leash.toml:2: limits.max-processes must be an integer, not a string");
  EXPECT_EQ(ErrorOf("[limits]\nmax-memory = 1.5\n"),
            "leash.toml:2: limits.max-memory must be an integer or a string such as \"512M\", not a number with a "
            "fraction");
  EXPECT_EQ(ErrorOf("[limits]\ntimeout = 1979-05-27\n"),
            "leash.toml:2: limits.timeout must be a number of seconds or a string such as \"1m30s\", not a date or "
            "time");
  EXPECT_EQ(ErrorOf("[env]\nset = { A = 1 }\n"), "leash.toml:2: env.set.A must be a string, not an integer");
}

TEST(ConfigFile, WrongValuesSayWhatIsPossible) {
  EXPECT_EQ(ErrorOf("network = \"of\"\n"), "leash.toml:1: network: 'of' is not \"deny\", \"allow\" or \"allow-list\"");
  EXPECT_EQ(ErrorOf("isolation = \"tight\"\n"),
            "leash.toml:1: isolation: 'tight' is not \"strict\", \"default\" or \"permissive\"");
  EXPECT_EQ(ErrorOf("[limits]\nmax-memory = -1\n"), "leash.toml:2: limits.max-memory: must not be negative");
  EXPECT_EQ(ErrorOf("[limits]\ntimeout = 0\n"),
            "leash.toml:2: limits.timeout: '0s' is not a duration of more than zero");
  EXPECT_EQ(ErrorOf("[limits]\nmax-memory = \"1Q\"\n").rfind("leash.toml:2: limits.max-memory: '1Q' is not a size", 0),
            0U);
  EXPECT_EQ(ErrorOf("[paths]\ngrants = [\"w:x\"]\n").rfind("leash.toml:2: paths.grants: ", 0), 0U);
  EXPECT_EQ(ErrorOf("[paths]\nreadable = [\"$NOPE/x\"]\n"),
            "leash.toml:2: paths.readable: the variable NOPE is not set");
  EXPECT_EQ(ErrorOf("[env]\npassthrough = [\"A=B\"]\n"),
            "leash.toml:2: env.passthrough: 'A=B' cannot be the name of a variable");
  EXPECT_EQ(ErrorOf("[env.set]\n\"\" = \"x\"\n"), "leash.toml:2: env.set: '' cannot be the name of a variable");
}

TEST(ConfigFile, FractionsOfSecondsAreTimes) {
  const auto file = Parse("[limits]\ntimeout = 0.5\n");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->layer.limits.wall_time, absl::Milliseconds(500));
  for (const char* text : {"[limits]\ntimeout = inf\n", "[limits]\ntimeout = nan\n", "[limits]\ntimeout = -0.5\n"}) {
    EXPECT_FALSE(Parse(text).ok()) << text;
  }
}

TEST(ConfigFile, SyntaxErrorsHaveLineAndColumn) {
  EXPECT_EQ(ErrorOf("a = 1\nb = [1,\n").rfind("leash.toml:2:", 0), 0U) << ErrorOf("a = 1\nb = [1,\n");
  EXPECT_EQ(ErrorOf("network deny\n").rfind("leash.toml:1:9: ", 0), 0U) << ErrorOf("network deny\n");
  EXPECT_EQ(ErrorOf("network = \"deny\"\nnetwork = \"deny\"\n").rfind("leash.toml:2:", 0), 0U);
  EXPECT_EQ(ErrorOf("a = \"\xff\"\n").rfind("leash.toml:1:", 0), 0U);
}

TEST(ConfigFile, NulBytesAreRefused) {
  EXPECT_EQ(ErrorOf("[paths]\nreadable = [\"a\\u0000b\"]\n"),
            "leash.toml:2: paths.readable: the text has a NUL byte in it");
  EXPECT_FALSE(Parse("[env]\nset = { A = \"a\\u0000b\" }\n").ok());
  EXPECT_FALSE(Parse("[env]\nset = { \"A\\u0000\" = \"b\" }\n").ok());
}

TEST(ConfigFile, MessagesEscapeControlCharacters) {
  EXPECT_EQ(ErrorOf("\"\\u001b[31mx\" = 1\n"), "leash.toml:1: unknown key '\\x1b[31mx'");
}

TEST(ConfigFile, PortsAreReadAsOnTheLine) {
  const auto file = Parse("listen = [\"8080\", \"127.0.0.2:80:9000\"]\n");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->layer.listen, (std::vector<PublishedPort>{{"", 8080, 8080}, {"127.0.0.2", 80, 9000}}));
  EXPECT_EQ(ErrorOf("listen = [\n\"8080/udp\"]\n"),
            "leash.toml:2: listen: published port '8080/udp', at character 6: UDP ports cannot be published, only TCP "
            "ports");
  EXPECT_EQ(ErrorOf("listen = 8080\n"), "leash.toml:1: listen must be an array of strings, not an integer");
}

TEST(ConfigFile, DomainsNeedTheAllowList) {
  EXPECT_EQ(ErrorOf("\nallow-domains = [\"x.y\"]\n"), "leash.toml:2: allow-domains needs network = \"allow-list\"");
  EXPECT_EQ(ErrorOf("network = \"deny\"\nallow-domains = [\"x.y\"]\n"),
            "leash.toml:2: allow-domains needs network = \"allow-list\"");
  EXPECT_EQ(ErrorOf("upstream-proxy = \"none\"\n"),
            "leash.toml:1: upstream-proxy needs network = \"allow\" or \"allow-list\"");
  EXPECT_EQ(ErrorOf("resolve-locally = true\n"),
            "leash.toml:1: resolve-locally needs network = \"allow\" or \"allow-list\"");
}

TEST(ConfigFile, ReadsWhatPythonIsToBe) {
  const auto file = Parse(R"([python]
venv = ".venv"
interpreter = "bin/python"
packages = ["six"]
requirements = ["~/r.txt"]
system-site-packages = true
use-uv = false
allow-pip-install = false
allow-sdist = true
index-urls = ["https://index.test/simple"]
package-hosts = ["files.test"]
find-links = ["$DATA/wheels"]
no-index = true
)");
  ASSERT_TRUE(file.ok()) << file.status();
  const PythonLayer& python = file->layer.python;
  EXPECT_EQ(python.venv, "/project/.venv");
  EXPECT_EQ(python.interpreter, "/project/bin/python");
  EXPECT_EQ(python.packages, std::vector<std::string>{"six"});
  EXPECT_EQ(python.requirements, std::vector<std::string>{"/home/ann/r.txt"});
  EXPECT_EQ(python.system_site_packages, true);
  EXPECT_EQ(python.use_uv, false);
  EXPECT_EQ(python.allow_pip_install, false);
  EXPECT_EQ(python.allow_sdist, true);
  EXPECT_EQ(python.index_urls, std::vector<std::string>{"https://index.test/simple"});
  EXPECT_EQ(python.package_hosts, std::vector<std::string>{"files.test"});
  EXPECT_EQ(python.find_links, std::vector<std::string>{"/srv/wheels"});
  EXPECT_EQ(python.no_index, true);
  EXPECT_EQ(Parse("[python]\ninterpreter = 'python3.12'\n")->layer.python.interpreter, "python3.12");
  EXPECT_NE(ErrorOf("[python]\nvenvs = 'x'\n").find("did you mean 'python.venv'?"), std::string::npos);
}

}  // namespace
}  // namespace leash::cli
