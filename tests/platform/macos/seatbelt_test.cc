// The profile for macOS, asked what it would allow: by promises, by random plans, and with faults planted in it.
#include "platform/macos/seatbelt.h"

#include <algorithm>
#include <initializer_list>
#include <iterator>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/path.h"
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "leash/error.h"
#include "platform/macos/mac.h"
#include "platform/macos/promises.h"
#include "platform/macos/sbpl_parsed.h"

namespace leash::platform::macos {
namespace {

using ::leash::testing::Broken;
using ::leash::testing::InProject;
using ::leash::testing::kProject;
using ::leash::testing::kScratch;
using ::leash::testing::Mac;
using ::leash::testing::Promises;
using ::leash::testing::sbpl::Endpoint;
using ::leash::testing::sbpl::Protocol;
using ::leash::testing::sbpl::Question;
using ::testing::IsEmpty;
using ::testing::Not;

using Evaluated = ::leash::testing::sbpl::Profile;

std::string TextOf(const core::Plan& plan, const Endpoints& endpoints = {}) {
  const absl::StatusOr<std::string> text = PlanSeatbelt(plan, endpoints).Text();
  EXPECT_TRUE(text.ok()) << text.status();
  return text.value_or("");
}

Evaluated Read(const std::string& text) { return ::leash::testing::sbpl::Parsed(text, ""); }

core::Plan PlanOn(const Mac& mac, const SandboxConfig& config, bool network_denied = true) {
  absl::StatusOr<core::Plan> plan = mac.Plan(config, network_denied);
  EXPECT_TRUE(plan.ok()) << plan.status();
  return plan.ok() ? *std::move(plan) : core::Plan();
}

TEST(Seatbelt, KeepsThePromises) {
  for (const Isolation tier : {Isolation::kDefault, Isolation::kStrict}) {
    SandboxConfig config = InProject();
    config.isolation = tier;
    const std::string text = TextOf(PlanOn(Mac(), config));
    EXPECT_THAT(Broken(Read(text), Promises()), IsEmpty()) << text;
    EXPECT_THAT(Read(text).Warnings(), IsEmpty());
  }
}

TEST(Seatbelt, OpensFewOperationsAltogether) {
  std::vector<std::string> open;
  for (const auto& one : Read(TextOf(PlanOn(Mac(), InProject()))).OpenOperations()) open.push_back(one.operation);
  EXPECT_THAT(open, ::testing::UnorderedElementsAre("dynamic-code-generation", "process-fork", "pseudo-tty"));
}

TEST(Seatbelt, TheTiersDiffer) {
  SandboxConfig config = InProject();
  const Question library = {.operation = "file-read-data", .path = "/srv/anything"};
  EXPECT_TRUE(Read(TextOf(PlanOn(Mac(), config))).Ask(library).allowed);
  config.isolation = Isolation::kStrict;
  EXPECT_FALSE(Read(TextOf(PlanOn(Mac(), config))).Ask(library).allowed);
  config.isolation = Isolation::kPermissive;
  config.security = SecurityConfig::Permissive();
  const Evaluated permissive = Read(TextOf(PlanOn(Mac(), config)));
  for (const char* operation : {"file-read-data", "file-write-create", "process-exec"}) {
    EXPECT_TRUE(permissive.Ask({.operation = operation, .path = "/srv/anything"}).allowed) << operation;
  }
  EXPECT_FALSE(permissive
                   .Ask({.operation = "network-outbound",
                         .remote = Endpoint{.protocol = Protocol::kTcp, .host = "192.0.2.1", .port = 443}})
                   .allowed);
  config.security.protect_credentials = true;
  EXPECT_FALSE(Read(TextOf(PlanOn(Mac(), config)))
                   .Ask({.operation = "file-read-data", .path = "/Users/ann/.ssh/id_ed25519"})
                   .allowed);
}

TEST(Seatbelt, HardwareHasItsSwitches) {
  const Question gpu = {.operation = "iokit-open-user-client", .name = "AGXDeviceUserClient"};
  const Question npu = {.operation = "iokit-open-user-client", .name = "H11ANEInDirectPathClient"};
  const Question usb = {.operation = "iokit-open-user-client", .name = "IOUSBDeviceUserClientV2"};
  const auto answers = [&](const SandboxConfig& config) {
    const Evaluated profile = Read(TextOf(PlanOn(Mac(), config)));
    return fmt::format("{}{}{}", profile.Ask(gpu).allowed ? 'g' : '-', profile.Ask(npu).allowed ? 'n' : '-',
                       profile.Ask(usb).allowed ? 'u' : '-');
  };
  SandboxConfig config = InProject();
  EXPECT_EQ(answers(config), "---");
  config.security.allow_gpu = true;
  EXPECT_EQ(answers(config), "g--");
  config.security.allow_npu = true;
  EXPECT_EQ(answers(config), "gn-");
  config.security.allow_hardware = true;
  EXPECT_EQ(answers(config), "gnu");
}

TEST(Seatbelt, KeychainsAndDialogsHaveTheirs) {
  SandboxConfig config = InProject();
  const Question keychain = {.operation = "mach-lookup", .name = "com.apple.SecurityServer"};
  const Question dialog = {.operation = "mach-lookup", .name = "com.apple.tccd"};
  const Question document = {.operation = "file-read-data", .path = "/Users/ann/Documents/letter"};
  config.security.protect_keychain = false;
  EXPECT_TRUE(Read(TextOf(PlanOn(Mac(), config))).Ask(keychain).allowed);
  EXPECT_FALSE(Read(TextOf(PlanOn(Mac(), config))).Ask(dialog).allowed);
  EXPECT_FALSE(Read(TextOf(PlanOn(Mac(), config))).Ask(document).allowed);
  config.security = SecurityConfig::Interactive();
  EXPECT_FALSE(Read(TextOf(PlanOn(Mac(), config))).Ask(keychain).allowed);
  EXPECT_TRUE(Read(TextOf(PlanOn(Mac(), config))).Ask(dialog).allowed);
  EXPECT_TRUE(Read(TextOf(PlanOn(Mac(), config))).Ask(document).allowed);
}

TEST(Seatbelt, TheNetworkIsTheProxyAlone) {
  SandboxConfig config = InProject();
  config.listen = {{.address = "", .host_port = 8080, .inside_port = 8080}};
  const Evaluated profile = Read(TextOf(PlanOn(Mac(), config, false), {.proxy_port = 4321}));
  const auto reaches = [&](const char* host, std::uint16_t port, Protocol protocol = Protocol::kTcp) {
    return profile
        .Ask({.operation = "network-outbound", .remote = Endpoint{.protocol = protocol, .host = host, .port = port}})
        .allowed;
  };
  EXPECT_TRUE(reaches("127.0.0.1", 4321));
  EXPECT_FALSE(reaches("127.0.0.1", 4321, Protocol::kUdp));
  EXPECT_FALSE(reaches("127.0.0.1", 4322));
  EXPECT_FALSE(reaches("127.0.0.1", 8080));
  EXPECT_FALSE(reaches("192.0.2.1", 4321));
  for (const char* operation : {"network-bind", "network-inbound"}) {
    const auto serves = [&](std::uint16_t port) {
      const Endpoint at = {.protocol = Protocol::kTcp, .host = "127.0.0.1", .port = port};
      return profile.Ask({.operation = operation, .local = at}).allowed;
    };
    EXPECT_TRUE(serves(8080)) << operation;
    EXPECT_FALSE(serves(8081)) << operation;
  }
}

// Every byte that a name can have, and those that the language has a use for.
TEST(Seatbelt, AnyNameIsAName) {
  Mac mac;
  std::vector<std::string> names = {
      "with \"quotes\"", "back\\slash", "semi;colon", "paren) (allow default)", "new\nline", "caf\xc3\xa9", "$(x)",
      "#\"regex\"",      "*?[]"};
  for (int byte = 1; byte < 256; ++byte) {
    if (byte != '/') names.push_back(std::string("b") + static_cast<char>(byte) + "e");
  }
  SandboxConfig config = InProject();
  config.security.protect_project_files = false;
  for (const std::string& name : names) {
    mac.disk().AddDirectory("/srv/open/" + name);
    mac.disk().AddDirectory("/srv/closed/" + name);
    config.grants.push_back({"/srv/open/" + name, Access::kReadWrite});
    config.denied.push_back("/srv/closed/" + name);
  }
  const Evaluated profile = Read(TextOf(PlanOn(mac, config)));
  for (const std::string& name : names) {
    EXPECT_TRUE(profile.Ask({.operation = "file-write-data", .path = "/srv/open/" + name + "/x"}).allowed) << name;
    EXPECT_FALSE(profile.Ask({.operation = "file-read-data", .path = "/srv/closed/" + name + "/x"}).allowed) << name;
  }
  EXPECT_FALSE(profile.Ask({.operation = "file-write-data", .path = "/srv/x"}).allowed);

  core::Plan plan = PlanOn(mac, config);
  plan.rules.push_back({std::string("/srv/nul\0/x", 11), Access::kReadWrite, core::RuleKind::kGrant, "granted"});
  EXPECT_EQ(GetErrorCode(PlanSeatbelt(plan, {}).Text().status()), ErrorCode::kInvalidArgument);
}

// --- random plans ----------------------------------------------------------------------------------------------------

constexpr const char* kPlaces[] = {
    "/",
    "/usr",
    "/usr/bin/true",
    "/usr/local",
    "/srv",
    "/srv/a",
    "/srv/a/b",
    "/srv/a/b/c",
    "/srv/ab",
    "/Users/ann",
    "/Users/ann/.ssh",
    "/Users/ann/.ssh/id_ed25519",
    "/Users/ann/.aws",
    "/Users/ann/.config",
    "/Users/ann/.config/gh",
    "/Users/ann/data",
    "/Users/ann/data/deep/file",
    "/Users/ann/project",
    "/Users/ann/project/.git",
    "/Users/ann/project/.git/hooks",
    "/Users/ann/project/src",
    "/Users/ann/Documents",
    "/Users/ann/Library/Keychains",
    "/Users/bob",
    "/private/etc",
    "/private/etc/hosts",
    "/private/tmp",
    "/private/var",
    "/Volumes/stick",
};

class RandomPlans {
 public:
  explicit RandomPlans(unsigned seed) : random_(seed) {
    for (const char* place : kPlaces) {
      if (!mac_.disk().TypeOf(place).has_value()) mac_.disk().AddDirectory(place);
    }
  }

  core::Plan Next() {
    SandboxConfig config;
    config.isolation = Pick({Isolation::kStrict, Isolation::kDefault, Isolation::kPermissive});
    if (Chance(2)) config.security = SecurityConfig::Permissive();
    for (bool SecurityConfig::*flag :
         {&SecurityConfig::protect_user_home, &SecurityConfig::protect_credentials, &SecurityConfig::protect_keychain,
          &SecurityConfig::protect_cloud_config, &SecurityConfig::protect_shell_history,
          &SecurityConfig::protect_project_files, &SecurityConfig::allow_tcc_prompts}) {
      if (Chance(3)) config.security.*flag = !(config.security.*flag);
    }
    if (Chance(2)) config.working_dir = kProject;
    for (auto i = random_() % 5; i > 0; --i) {
      config.grants.push_back(
          {Place(), Pick({Access::kRead, Access::kReadWrite, Access::kReadExecute, Access::kReadWriteExecute})});
    }
    for (auto i = random_() % 3; i > 0; --i) config.denied.push_back(Place());
    return PlanOn(mac_, config);
  }

  // A place, or something that is or is not in one.
  std::string Path() {
    const std::string place = Place();
    if (mac_.disk().TypeOf(place) != base::FileType::kDirectory) return place;
    switch (random_() % 4) {
      case 0:
        return place;
      case 1:
        return base::JoinPath(place, "new");
      case 2:
        return base::JoinPath(place, "deep/file");
      default:
        return place == "/" ? "/other" : place + "x";
    }
  }

 private:
  template <typename T>
  T Pick(std::initializer_list<T> values) {
    return *(values.begin() + random_() % values.size());
  }
  bool Chance(unsigned one_in) { return random_() % one_in == 0; }
  std::string Place() { return kPlaces[random_() % std::size(kPlaces)]; }

  Mac mac_;
  std::mt19937 random_;
};

bool IsGuarded(const core::Plan& plan, const std::string& path) {
  for (const std::string& guarded : plan.guarded) {
    if (base::IsAtOrBelow(path, guarded)) return true;
  }
  return false;
}

bool IsAbove(const std::string& path, const core::Plan& plan) {
  const auto below = [&](const std::string& other) { return other != path && base::IsAtOrBelow(other, path); };
  for (const core::PathRule& rule : plan.rules) {
    if (below(rule.path)) return true;
  }
  return std::any_of(plan.guarded.begin(), plan.guarded.end(), below);
}

// The plan decides, and the profile says the same of every path: but that a name on the way may be looked up, that
// what is guarded is not written, and that a directory that holds something else stays in its place.
class RandomSeatbelt : public ::testing::TestWithParam<unsigned> {};
INSTANTIATE_TEST_SUITE_P(Seeds, RandomSeatbelt, ::testing::Range(1U, 5U));

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kRounds = 60;
#else
constexpr int kRounds = 600;
#endif

TEST_P(RandomSeatbelt, SaysOfEveryPathWhatThePlanSays) {
  RandomPlans plans(GetParam());
  for (int round = 0; round < kRounds; ++round) {
    const core::Plan plan = plans.Next();
    const std::string text = TextOf(plan);
    const Evaluated profile = Read(text);
    for (int i = 0; i < 24; ++i) {
      const std::string path = plans.Path();
      const Access access = core::Decide(plan, path);
      const bool writes = Includes(access, Access::kReadWrite) && !IsGuarded(plan, path);
      const bool moves = writes && !IsAbove(path, plan);
      const auto agree = [&](const char* operation, bool allowed) {
        const auto answer = profile.Ask({.operation = operation, .path = path});
        EXPECT_EQ(answer.allowed, allowed) << operation << " " << path << " in round " << round << ": line "
                                           << answer.line << " " << answer.rule << "\n"
                                           << text;
        EXPECT_EQ(answer.doubt, "") << operation << " " << path;
      };
      if (path != "/") agree("file-read-data", Includes(access, Access::kRead));
      agree("file-map-executable", Includes(access, Access::kRead));
      agree("file-write-data", writes);
      agree("file-write-create", writes);
      if (moves || !writes) agree("file-write-unlink", moves);
      agree("process-exec", Includes(access, Access::kReadExecute));
      agree("file-link", false);
      if (::testing::Test::HasFailure()) return;
    }
  }
}

// --- planted faults --------------------------------------------------------------------------------------------------

std::string Replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

// Without the rules under a comment.
std::string Without(const std::string& text, const std::string& reason) {
  const std::size_t begin = text.find("\n; " + reason + "\n");
  EXPECT_NE(begin, std::string::npos) << reason;
  const std::size_t end = text.find("\n; ", begin + 1);
  return text.substr(0, begin) + (end == std::string::npos ? "" : text.substr(end));
}

// The rules under a comment, in front of all others.
std::string First(const std::string& text, const std::string& reason) {
  const std::size_t begin = text.find("\n; " + reason + "\n");
  EXPECT_NE(begin, std::string::npos) << reason;
  const std::size_t end = std::min(text.find("\n; ", begin + 1), text.size());
  const std::string section = text.substr(begin, end - begin);
  return Replaced(text.substr(0, begin) + text.substr(end), "(deny default)\n", "(deny default)\n" + section);
}

TEST(Seatbelt, PlantedFaultsAreNoticed) {
  const std::string text = TextOf(PlanOn(Mac(), InProject()));
  ASSERT_THAT(Broken(Read(text), Promises()), IsEmpty()) << "the control";
  const std::pair<const char*, std::string> faults[] = {
      {"the default", Replaced(text, "(deny default)", "(allow default)")},
      {"what the default leaves open", Without(text, "not denied by default")},
      {"a home that is not closed", Without(text, "protect_user_home")},
      {"credentials before the home",
       text + "(allow file-read* file-test-existence file-map-executable (subpath \"/Users/ann/.ssh\"))\n"},
      {"guards that are missing", Without(text, "guarded")},
      {"guards before the grants", First(text, "guarded")},
      {"guards for one spelling", Replaced(text,
                                           "(regex #\"^/[uU][sS][eE][rR][sS]/[aA][nN][nN]/"
                                           "[pP][rR][oO][jJ][eE][cC][tT]/\\.[vV][sS][cC]",
                                           "(regex #\"^/[uU][sS][eE][rR][sS]/[aA][nN][nN]/[xX]/\\.[vV][sS][cC]")},
      {"directories that can be moved", Without(text, "holds what is closed, and stays where it is")},
      {"a file for a tree", Replaced(text, "(subpath \"/Users/ann/project\")", "(literal \"/Users/ann/project\")")},
      {"programs from anywhere", text + "(allow process-exec* (subpath \"/\"))\n"},
      {"signals to everybody", text + "(allow signal)\n"},
      {"every service", text + "(allow mach-lookup)\n"},
      {"every kernel setting", text + "(allow sysctl-read)\n"},
      {"every driver", text + "(allow iokit-open*)\n"},
      {"every connection", text + "(allow network-outbound)\n"},
      {"the name service", text + "(allow network-outbound (literal \"/private/var/run/mDNSResponder\"))\n"},
      {"the ways for reading", Replaced(text, "(allow file-read-metadata", "(allow file-read*")},
      {"set-user-ID programs", text + "(allow file-write-setugid (subpath \"/Users\"))\n"},
      {"every semaphore", text + "(allow ipc-posix-sem*)\n"},
      {"one scratch directory for all",
       Replaced(text, "(subpath \"/private/tmp/leash-0123/work\")", "(subpath \"/private/tmp\")")},
  };
  for (const auto& [name, faulty] : faults) EXPECT_THAT(Broken(Read(faulty), Promises()), Not(IsEmpty())) << name;
}

}  // namespace
}  // namespace leash::platform::macos
