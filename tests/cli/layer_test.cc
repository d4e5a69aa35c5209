#include "layer.h"

#include <set>
#include <string>

#include "gtest/gtest.h"

namespace leash::cli {
namespace {

const Toggle* ToggleNamed(std::string_view name) {
  for (const Toggle& toggle : Toggles()) {
    if (toggle.name == name) return &toggle;
  }
  return nullptr;
}

Settings Combined(const Layer& file, const Layer& line) {
  auto settings = Combine(file, line, "/here");
  EXPECT_TRUE(settings.ok()) << settings.status();
  return settings.value_or(Settings());
}

TEST(Combine, NothingSaidIsTheDefaultTierWithoutNetwork) {
  const Settings settings = Combined({}, {});
  EXPECT_EQ(settings.config.isolation, Isolation::kDefault);
  EXPECT_EQ(settings.config.security, SecurityConfig::Strict());
  EXPECT_EQ(settings.network, NetworkMode::kDeny);
  EXPECT_EQ(settings.config.start_dir, "/here");
  EXPECT_FALSE(settings.config.working_dir.has_value());
}

TEST(Combine, TheLineBeatsTheFile) {
  Layer file;
  file.isolation = Isolation::kStrict;
  file.network = NetworkMode::kAllow;
  file.limits.memory_bytes = 1;
  file.limits.open_files = 2;
  file.working_dir = "/file";
  file.keep = true;
  file.best_effort_limits = true;
  Layer line;
  line.isolation = Isolation::kDefault;
  line.network = NetworkMode::kDeny;
  line.limits.memory_bytes = 3;
  line.working_dir = "/line";
  const Settings settings = Combined(file, line);
  EXPECT_EQ(settings.config.isolation, Isolation::kDefault);
  EXPECT_EQ(settings.network, NetworkMode::kDeny);
  EXPECT_EQ(settings.config.limits.memory_bytes, 3U);
  EXPECT_EQ(settings.config.limits.open_files, 2U);
  EXPECT_EQ(settings.config.working_dir, "/line");
  EXPECT_TRUE(settings.config.keep_scratch);
  EXPECT_TRUE(settings.config.best_effort_limits);
}

TEST(Combine, AnUpstreamProxyIsForSandboxesWithANetwork) {
  EXPECT_EQ(Combined({}, {}).config.upstream_proxy, "environment");
  Layer file;
  file.network = NetworkMode::kAllow;
  file.upstream_proxy = "http://file:1";
  file.resolve_locally = true;
  EXPECT_EQ(Combined(file, {}).config.upstream_proxy, "http://file:1");
  EXPECT_TRUE(Combined(file, {}).config.resolve_locally);
  Layer line;
  line.upstream_proxy = "none";
  EXPECT_EQ(Combined(file, line).config.upstream_proxy, "none");
  EXPECT_FALSE(Combine({}, line, "/here").ok());
  Layer deny;
  deny.network = NetworkMode::kDeny;
  EXPECT_EQ(Combined(file, deny).config.upstream_proxy, "environment");
}

TEST(Combine, TheFileStandsWhereTheLineIsSilent) {
  Layer file;
  file.isolation = Isolation::kPermissive;
  file.network = NetworkMode::kAllow;
  const Settings settings = Combined(file, {});
  EXPECT_EQ(settings.config.isolation, Isolation::kPermissive);
  EXPECT_EQ(settings.network, NetworkMode::kAllow);
}

TEST(Combine, ListsAreJoinedWithTheFilesFirst) {
  Layer file;
  file.grants = {{"/a", Access::kRead}};
  file.denied = {"/x"};
  file.env = {{"K", "file"}};
  file.env_passthrough = {"P"};
  Layer line;
  line.grants = {{"/b", Access::kReadWrite}};
  line.denied = {"/y"};
  line.env = {{"K", "line"}};
  line.env_passthrough = {"Q"};
  const SandboxConfig config = Combined(file, line).config;
  EXPECT_EQ(config.grants, (std::vector<Grant>{{"/a", Access::kRead}, {"/b", Access::kReadWrite}}));
  EXPECT_EQ(config.denied, (std::vector<std::string>{"/x", "/y"}));
  EXPECT_EQ(config.env.back().second, "line");  // later entries win
  EXPECT_EQ(config.env_passthrough, (std::vector<std::string>{"P", "Q"}));
}

TEST(Combine, APortThatIsSaidTwiceIsOne) {
  Layer file;
  file.listen = {{"", 8080, 8080}, {"", 0, 9000}};
  Layer line;
  line.listen = {{"", 8080, 8080}, {"", 0, 9000}, {"127.0.0.1", 8080, 8080}};
  EXPECT_EQ(Combine(file, line, "/src")->config.listen,
            (std::vector<PublishedPort>{{"", 8080, 8080}, {"", 0, 9000}, {"", 0, 9000}, {"127.0.0.1", 8080, 8080}}));
}

TEST(Combine, ThePresetComesFromTheTierThatResults) {
  Layer file;
  file.security = {{ToggleNamed("protect-credentials"), true}};
  Layer line;
  line.isolation = Isolation::kPermissive;
  line.security = {{ToggleNamed("allow-gpu"), false}};
  SecurityConfig expected = SecurityConfig::Permissive();
  expected.protect_credentials = true;
  expected.allow_gpu = false;
  EXPECT_EQ(Combined(file, line).config.security, expected);
}

TEST(Combine, TogglesOfTheLineBeatTheFiles) {
  Layer file;
  file.security = {{ToggleNamed("protect-home"), false}};
  Layer line;
  line.security = {{ToggleNamed("protect-home"), true}};
  EXPECT_TRUE(Combined(file, line).config.security.protect_user_home);
}

TEST(Combine, StrictAndAWorkingDirectoryLeaveTheCurrentDirectory) {
  Layer strict;
  strict.isolation = Isolation::kStrict;
  EXPECT_FALSE(Combined({}, strict).config.start_dir.has_value());
  Layer permissive;
  permissive.isolation = Isolation::kPermissive;
  EXPECT_EQ(Combined({}, permissive).config.start_dir, "/here");
  Layer elsewhere;
  elsewhere.working_dir = ".";
  EXPECT_FALSE(Combined({}, elsewhere).config.start_dir.has_value());
}

TEST(Combine, DomainsNeedAnAllowListAndTheReverse) {
  Layer domains;
  domains.allow_domains = {"example.com"};
  EXPECT_FALSE(Combine({}, domains, "/").ok());
  Layer list;
  list.network = NetworkMode::kAllowList;
  EXPECT_FALSE(Combine({}, list, "/").ok());
  domains.network = NetworkMode::kAllowList;
  EXPECT_EQ(Combined({}, domains).allow_domains, domains.allow_domains);
}

TEST(Combine, DenyOnTheLineDropsTheFilesDomains) {
  Layer file;
  file.network = NetworkMode::kAllowList;
  file.allow_domains = {"example.com"};
  Layer line;
  line.network = NetworkMode::kDeny;
  const Settings settings = Combined(file, line);
  EXPECT_EQ(settings.network, NetworkMode::kDeny);
  EXPECT_TRUE(settings.allow_domains.empty());
}

TEST(Toggles, CoverEveryFieldOnce) {
  std::set<std::string_view> names;
  SecurityConfig all_off = SecurityConfig::Strict();
  for (const Toggle& toggle : Toggles()) {
    EXPECT_TRUE(names.insert(toggle.name).second) << toggle.name;
    EXPECT_EQ(toggle.negative, "no-" + std::string(toggle.name));
    EXPECT_EQ(SecurityConfig::Strict().*(toggle.field), toggle.protects) << toggle.name;
    all_off.*(toggle.field) = !toggle.protects;
  }
  // The permissive preset leaves one closed: it takes a mechanism away.
  EXPECT_EQ(all_off, SecurityConfig::Permissive().AllowNested(true));
}

}  // namespace
}  // namespace leash::cli
