#include "base/path_fd.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file_system.h"
#include "base/status.h"
#include "gtest/gtest.h"
#include "leash/working_dir.h"

namespace leash::base {
namespace {

class PathFd : public ::testing::TestWithParam<absl::StatusOr<UniqueFd> (*)(const std::string&)> {
 protected:
  void SetUp() override {
    auto directory = WorkingDir::Create();
    ASSERT_TRUE(directory.ok()) << directory.status();
    directory_.emplace(*std::move(directory));
    root_ = directory_->path();
    ASSERT_EQ(::mkdir((root_ + "/real").c_str(), 0700), 0);
    ASSERT_TRUE(UniqueFd(::open((root_ + "/real/file").c_str(), O_CREAT | O_WRONLY, 0600)));
    ASSERT_EQ(::symlink("real", (root_ + "/link").c_str()), 0);
    ASSERT_EQ(::symlink("file", (root_ + "/real/last").c_str()), 0);
  }
  std::optional<WorkingDir> directory_;
  std::string root_;
};

TEST_P(PathFd, OpensWhatIsThere) {
  const auto fd = GetParam()(root_ + "/real/file");
  ASSERT_TRUE(fd.ok()) << fd.status();
  struct stat info;
  struct stat expected;
  ASSERT_EQ(::fstat(fd->get(), &info), 0);
  ASSERT_EQ(::stat((root_ + "/real/file").c_str(), &expected), 0);
  EXPECT_EQ(info.st_ino, expected.st_ino);
}

TEST_P(PathFd, RefusesALinkInTheMiddle) { EXPECT_FALSE(GetParam()(root_ + "/link/file").ok()); }
TEST_P(PathFd, RefusesALinkAtTheEnd) { EXPECT_FALSE(GetParam()(root_ + "/real/last").ok()); }

TEST_P(PathFd, NamesWhatIsMissing) {
  const auto fd = GetParam()(root_ + "/missing/file");
  EXPECT_EQ(GetErrorCode(fd.status()), ErrorCode::kPathNotFound);
  EXPECT_NE(std::string(fd.status().message()).find(root_ + "/missing/file"), std::string::npos);
}

TEST_P(PathFd, OpensTheRoot) { EXPECT_TRUE(GetParam()("/").ok()); }

INSTANTIATE_TEST_SUITE_P(Both, PathFd, ::testing::Values(&OpenCanonical, &OpenCanonicalByWalk),
                         [](const auto& parameter) { return parameter.index == 0 ? "Openat2" : "Walk"; });

TEST(CanonicalPrefix, KeepsWhatDoesNotExistYet) {
  const FileSystem& fs = HostFileSystem();
  EXPECT_EQ(CanonicalPrefix(fs, "/proc/self/../leash-no-such/x/y"), "/proc/leash-no-such/x/y");
}

}  // namespace
}  // namespace leash::base
