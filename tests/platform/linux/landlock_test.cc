#include "platform/linux/landlock.h"

#include <cerrno>

#include "gtest/gtest.h"
#include "leash/error.h"
#include "platform/linux/landlock_uapi.h"

namespace leash::platform {
namespace {

using namespace landlock;  // NOLINT: the constants under test

TEST(LandlockFeatures, GrowWithTheAbi) {
  EXPECT_EQ(LandlockFeaturesOfAbi(0).fs, 0U);
  EXPECT_EQ(LandlockFeaturesOfAbi(1).fs, 0x1fffU);
  EXPECT_EQ(LandlockFeaturesOfAbi(2).fs, 0x3fffU);
  EXPECT_EQ(LandlockFeaturesOfAbi(3).fs, 0x7fffU);
  EXPECT_EQ(LandlockFeaturesOfAbi(3).net, 0U);
  EXPECT_EQ(LandlockFeaturesOfAbi(4).net, kNetBindTcp | kNetConnectTcp);
  EXPECT_EQ(LandlockFeaturesOfAbi(5).fs, 0xffffU);
  EXPECT_EQ(LandlockFeaturesOfAbi(5).scoped, 0U);
  EXPECT_EQ(LandlockFeaturesOfAbi(6).scoped, kScopeAbstractUnixSocket | kScopeSignal);
  EXPECT_EQ(LandlockFeaturesOfAbi(6).report_flags, 0U);
  EXPECT_EQ(LandlockFeaturesOfAbi(6).quiet_flags, 0U);
  EXPECT_EQ(LandlockFeaturesOfAbi(7).quiet_flags, kRestrictLogSameExecOff);
  EXPECT_EQ(LandlockFeaturesOfAbi(7).report_flags,
            kRestrictLogSameExecOff | kRestrictLogNewExecOn | kRestrictLogSubdomainsOff);
  EXPECT_EQ(LandlockFeaturesOfAbi(9).fs, 0x1ffffU);
  EXPECT_EQ(LandlockFeaturesOfAbi(10).net, 0xfU);
  EXPECT_EQ(LandlockFeaturesOfAbi(99).fs, LandlockFeaturesOfAbi(10).fs) << "a newer kernel is used as far as known";
}

TEST(CheckLandlock, RefusesWhatCannotKeepThePromises) {
  LandlockFeatures none;
  none.error = EOPNOTSUPP;
  for (const bool accept : {false, true}) {
    EXPECT_EQ(GetErrorCode(CheckLandlock(none, accept)), ErrorCode::kNotEnforced);
    EXPECT_EQ(GetErrorCode(CheckLandlock(LandlockFeaturesOfAbi(2), accept)), ErrorCode::kNotEnforced);
    EXPECT_TRUE(CheckLandlock(LandlockFeaturesOfAbi(6), accept).ok());
  }
  EXPECT_EQ(GetErrorCode(CheckLandlock(LandlockFeaturesOfAbi(5), false)), ErrorCode::kNotEnforced);
  EXPECT_TRUE(CheckLandlock(LandlockFeaturesOfAbi(5), true).ok());
  EXPECT_TRUE(CheckLandlock(LandlockFeaturesOfAbi(3), true).ok());
}

TEST(LandlockRights, FollowTheAccess) {
  EXPECT_EQ(LandlockRights(Access::kNone, true, true), 0U);
  EXPECT_EQ(LandlockRights(Access::kRead, false, true), kFsReadFile | kFsReadDir);
  EXPECT_EQ(LandlockRights(Access::kRead, false, false), kFsReadFile);
  EXPECT_EQ(LandlockRights(Access::kReadExecute, false, false), kFsReadFile | kFsExecute);
  const std::uint64_t write = LandlockRights(Access::kReadWrite, false, true);
  EXPECT_NE(write & kFsTruncate, 0U);
  EXPECT_NE(write & kFsRefer, 0U);
  EXPECT_EQ(write & (kFsExecute | kFsMakeChar | kFsMakeBlock | kFsMakeSock | kFsResolveUnix | kFsIoctlDev), 0U);
  EXPECT_EQ(LandlockRights(Access::kReadWrite, true, false), kFsReadFile | kFsWriteFile | kFsTruncate | kFsIoctlDev);
}

TEST(MakeRuleset, NamesAGrantThatHasGone) {
  const LandlockFeatures features = DetectLandlock();
  ASSERT_GE(features.abi, 1);
  const auto gone = MakeRuleset(features, {{"/no/such/path", Access::kRead, false, false}});
  EXPECT_EQ(GetErrorCode(gone.status()), ErrorCode::kPathNotFound);
  EXPECT_TRUE(MakeRuleset(features, {{"/no/such/path", Access::kRead, false, true}}).ok()) << "a sibling may go";
}

}  // namespace
}  // namespace leash::platform
