#include "base/file_system.h"

#include <sys/resource.h>

#include "gtest/gtest.h"

namespace leash::base {
namespace {

TEST(UnansweredQuestions, AreNotThoseAboutWhatIsMissing) {
  const UnansweredQuestions unanswered;
  EXPECT_FALSE(HostFileSystem().TypeOf("/nonexistent").has_value());
  EXPECT_FALSE(HostFileSystem().Canonical("/dev/null/below").has_value());
  EXPECT_FALSE(HostFileSystem().List("/nonexistent").ok());
  EXPECT_TRUE(unanswered.status().ok()) << unanswered.status();
}

TEST(UnansweredQuestions, AreThoseThatAShortageLeftOpen) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "UndefinedBehaviorSanitizer needs descriptors itself";
#endif
  const UnansweredQuestions outer;
  rlimit limit = {};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit none = {0, limit.rlim_max};
  {
    const UnansweredQuestions unanswered;
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    const bool listed = HostFileSystem().List("/").ok();
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
    EXPECT_FALSE(listed);
    EXPECT_FALSE(unanswered.status().ok());
    EXPECT_TRUE(HostFileSystem().List("/").ok()) << "control";
  }
  EXPECT_TRUE(outer.status().ok()) << "the innermost is told";
}

}  // namespace
}  // namespace leash::base
