#include "leash/network.h"

#include "gtest/gtest.h"
#include "leash/config.h"
#include "leash/error.h"
#include "leash/sandbox.h"

namespace leash {
namespace {

// A policy of a user's own around DenyAll: its property counts, not its type.
struct Wrapped {
  static constexpr bool kDeniesAll = DenyAll::kDeniesAll;
  Verdict Check(const NetworkRequest& request) const { return DenyAll().Check(request); }
};
static_assert(NetworkPolicy<DenyAll> && NetworkPolicy<AllowAll> && NetworkPolicy<AllowList> && NetworkPolicy<Wrapped>);
static_assert(!NetworkPolicy<int>);

TEST(AllowList, MatchesHostsAsPeopleMeanThem) {
  const AllowList list({"api.example.com", "*.github.com:443", "Upper.Example."});
  ASSERT_TRUE(list.status().ok());
  EXPECT_EQ(list.Check({"api.example.com", 80}), Verdict::kAllow);
  EXPECT_EQ(list.Check({"API.EXAMPLE.COM.", 443}), Verdict::kAllow);
  EXPECT_EQ(list.Check({"upper.example", 443}), Verdict::kAllow);
  EXPECT_EQ(list.Check({"raw.github.com", 443}), Verdict::kAllow);
  EXPECT_EQ(list.Check({"a.b.github.com", 443}), Verdict::kAllow);
  EXPECT_EQ(list.Check({"raw.github.com", 22}), Verdict::kDeny);
  EXPECT_EQ(list.Check({"github.com", 443}), Verdict::kDeny);
  EXPECT_EQ(list.Check({"evilgithub.com", 443}), Verdict::kDeny);
  EXPECT_EQ(list.Check({"api.example.com.evil.org", 443}), Verdict::kDeny);
  EXPECT_EQ(list.Check({"", 443}), Verdict::kDeny);
}

TEST(AllowList, NamesAMalformedPattern) {
  for (const char* pattern : {"", "*.", "a..b", "host:0", "host:65536", "host:x", "ho st", "*", "a*b.com", ".a"}) {
    const AllowList list({"good.example", pattern});
    EXPECT_EQ(GetErrorCode(list.status()), ErrorCode::kInvalidArgument) << pattern;
    EXPECT_NE(std::string(list.status().message()).find(pattern), std::string::npos);
    EXPECT_EQ(Sandbox<AllowList>::Create(SandboxConfig::Builder().Network(list).Build()).status(), list.status());
  }
}

// A supervisor holds them there; without one they are refused, not widened.
TEST(NetworkPolicies, WithoutNamespacesTheyAreHeldOrRefused) {
  const auto custom = CustomPolicy([](const NetworkRequest& request) { return request.port == 443; });
  EXPECT_EQ(custom.Check({"x", 443}), Verdict::kAllow);
  EXPECT_EQ(custom.Check({"x", 80}), Verdict::kDeny);
  const auto expect_held = [](const auto& sandbox) {
    if (!sandbox.ok()) {
      EXPECT_EQ(GetErrorCode(sandbox.status()), ErrorCode::kUnsupported) << sandbox.status();
      return;
    }
    EXPECT_FALSE(sandbox->Isolation().namespaces);
    EXPECT_TRUE(sandbox->Isolation().supervisor);
  };
  const auto builder = SandboxConfig::Builder().Namespaces(Namespaces::kOff);
  expect_held(CreateSandbox(builder.Network(custom).Build()));
  expect_held(CreateSandbox(builder.Network(AllowAll()).Build()));
  expect_held(CreateSandbox(builder.Network(AllowList({"a.b"})).Build()));
}

TEST(NetworkPolicies, AWrapperThatDeniesAllIsAsGoodAsDenyAll) {
  const auto sandbox = CreateSandbox(SandboxConfig::Builder().Network(Wrapped()).Build());
  EXPECT_TRUE(sandbox.ok()) << sandbox.status();
}

}  // namespace
}  // namespace leash
