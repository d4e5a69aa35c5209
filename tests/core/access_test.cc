#include "leash/access.h"

#include "gtest/gtest.h"
#include "leash/error.h"
#include "leash/isolation.h"
#include "leash/security.h"

namespace leash {
namespace {

TEST(Access, ReadsWhatItWrites) {
  for (const Access access : {Access::kRead, Access::kReadWrite, Access::kReadExecute, Access::kReadWriteExecute}) {
    EXPECT_EQ(*ParseAccess(FormatAccess(access)), access);
  }
  EXPECT_EQ(*ParseAccess("xwr"), Access::kReadWriteExecute);
}

TEST(Access, RefusesWhatIsUnclear) {
  for (const char* text : {"", "w", "x", "wx", "rr", "rz", "R", "r w"}) {
    EXPECT_EQ(GetErrorCode(ParseAccess(text).status()), ErrorCode::kInvalidArgument) << text;
  }
  EXPECT_NE(std::string(ParseAccess("rq").status().message()).find("'q'"), std::string::npos);
}

TEST(Access, WritingAndExecutingIncludeReading) {
  EXPECT_TRUE(Includes(Access::kReadWrite, Access::kRead));
  EXPECT_TRUE(Includes(Access::kReadExecute, Access::kRead));
  EXPECT_FALSE(Includes(Access::kReadWrite, Access::kReadExecute));
}

TEST(Isolation, HasThreeNames) {
  for (const Isolation tier : {Isolation::kStrict, Isolation::kDefault, Isolation::kPermissive}) {
    EXPECT_EQ(ParseIsolation(IsolationName(tier)), tier);
  }
  EXPECT_EQ(ParseIsolation("lax"), std::nullopt);
}

TEST(SecurityConfig, ChainsOnAPreset) {
  const SecurityConfig config = SecurityConfig::Strict().AllowGpu(true).ProtectCloudConfig(false);
  EXPECT_TRUE(config.allow_gpu);
  EXPECT_FALSE(config.protect_cloud_config);
  EXPECT_TRUE(config.protect_credentials);
  EXPECT_FALSE(SecurityConfig::Strict().allow_gpu);
  EXPECT_FALSE(SecurityConfig::Permissive().protect_user_home);
  EXPECT_TRUE(SecurityConfig::Interactive().allow_tcc_prompts);
}

}  // namespace
}  // namespace leash
