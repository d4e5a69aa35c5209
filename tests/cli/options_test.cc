#include "options.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace leash::cli {
namespace {

absl::StatusOr<Layer> LayerOf(std::vector<const char*> options) {
  options.insert(options.begin(), "run");
  options.push_back("program");
  const auto line = ParseCommandLine(options);
  if (!line.ok()) return line.status();
  return LayerOfFlags(*line);
}

std::string ErrorOf(std::vector<const char*> options) {
  const auto layer = LayerOf(std::move(options));
  return layer.ok() ? "no error" : std::string(layer.status().message());
}

TEST(LayerOfFlags, SaysNothingThatWasNotSaid) {
  const Layer layer = *LayerOf({});
  EXPECT_FALSE(layer.isolation.has_value());
  EXPECT_FALSE(layer.network.has_value());
  EXPECT_FALSE(layer.keep.has_value());
  EXPECT_EQ(layer.limits, ResourceLimits());
}

TEST(LayerOfFlags, TheLastOfSeveralTiersCounts) {
  EXPECT_EQ(LayerOf({"--permissive", "--isolation", "default", "--strict"})->isolation, Isolation::kStrict);
  EXPECT_EQ(LayerOf({"--strict", "--isolation=permissive"})->isolation, Isolation::kPermissive);
}

TEST(LayerOfFlags, GrantsKeepTheirOrder) {
  const Layer layer = *LayerOf({"--writable", "/w", "--grant", "rwx:/g", "--readable", "/r", "--executable", "/x"});
  EXPECT_EQ(layer.grants, (std::vector<Grant>{{"/w", Access::kReadWrite},
                                              {"/g", Access::kReadWriteExecute},
                                              {"/r", Access::kRead},
                                              {"/x", Access::kReadExecute}}));
}

TEST(LayerOfFlags, TogglesApplyInOrder) {
  const Layer layer = *LayerOf({"--protect-home=false", "--no-protect-keychain", "--allow-tty", "--protect-home"});
  const Settings settings = *Combine({}, layer, "/");
  EXPECT_TRUE(settings.config.security.protect_user_home);
  EXPECT_FALSE(settings.config.security.protect_keychain);
  EXPECT_TRUE(settings.config.security.allow_tty_write);
}

TEST(LayerOfFlags, PortsKeepTheirOrder) {
  EXPECT_EQ(LayerOf({"--listen", "8081", "--listen=0:8080-8080", "--listen", "9000-9001"})->listen,
            (std::vector<PublishedPort>{{"", 8081, 8081}, {"", 0, 8080}, {"", 9000, 9000}, {"", 9001, 9001}}));
  EXPECT_EQ(ErrorOf({"--listen", "x"}), "--listen: published port 'x', at character 1: a port is a number up to 65535");
}

TEST(LayerOfFlags, LimitsAreReadInTheirUnits) {
  const Layer layer = *LayerOf({"--max-memory", "512M", "--max-cpu-time", "90", "--timeout", "1m30s", "--max-file-size",
                                "1K", "--max-processes", "4", "--max-open-files", "64", "--best-effort-limits"});
  EXPECT_EQ(layer.best_effort_limits, true);
  EXPECT_FALSE(LayerOf({})->best_effort_limits.has_value());
  EXPECT_EQ(layer.limits, (ResourceLimits{.memory_bytes = 512ULL << 20,
                                          .cpu_time = absl::Seconds(90),
                                          .wall_time = absl::Seconds(90),
                                          .file_size_bytes = 1024,
                                          .open_files = 64,
                                          .processes = 4}));
}

TEST(LayerOfFlags, VariablesKeepTheirOrder) {
  const Layer layer = *LayerOf({"-e", "A=1", "--env", "A=2=3", "--env-passthrough", "B"});
  EXPECT_EQ(layer.env, (std::vector<std::pair<std::string, std::string>>{{"A", "1"}, {"A", "2=3"}}));
  EXPECT_EQ(layer.env_passthrough, std::vector<std::string>{"B"});
}

TEST(LayerOfFlags, ErrorsNameTheFlag) {
  EXPECT_EQ(ErrorOf({"--network", "of"}), "--network: 'of' is not one of deny, allow, allow-list");
  EXPECT_EQ(ErrorOf({"--isolation", "tight"}), "--isolation: 'tight' is not one of strict, default, permissive");
  EXPECT_EQ(ErrorOf({"-e", "NOVALUE"}), "--env: 'NOVALUE' is not KEY=VALUE");
  EXPECT_EQ(ErrorOf({"--env-passthrough", "A=B"}), "--env-passthrough: 'A=B' cannot be the name of a variable");
  EXPECT_EQ(ErrorOf({"--protect-home=maybe"}), "--protect-home: 'maybe' is not true or false");
  EXPECT_EQ(ErrorOf({"--timeout", "0"}), "--timeout: '0' is not a duration of more than zero");
  EXPECT_EQ(ErrorOf({"--max-processes", "1K"}), "--max-processes: '1K' is not a whole number");
  EXPECT_EQ(ErrorOf({"--grant", "out"}), "--grant: 'out' is not MODE:PATH (MODE is r, rw, rx or rwx)");
  EXPECT_EQ(ErrorOf({"--grant", "rq:out"}).rfind("--grant: ", 0), 0U);
}

}  // namespace
}  // namespace leash::cli
