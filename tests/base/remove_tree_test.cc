#include "base/remove_tree.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file_system.h"
#include "base/unique_fd.h"
#include "gtest/gtest.h"
#include "leash/working_dir.h"

namespace leash::base {
namespace {

class RemoveTree : public ::testing::Test {
 protected:
  void SetUp() override {
    auto directory = WorkingDir::Create();
    ASSERT_TRUE(directory.ok()) << directory.status();
    directory_.emplace(*std::move(directory));
  }
  void Touch(const std::string& name) {
    ASSERT_TRUE(UniqueFd(::openat(directory_->fd(), name.c_str(), O_CREAT | O_WRONLY, 0600)));
  }
  void MakeDirectory(const std::string& name) { ASSERT_EQ(::mkdirat(directory_->fd(), name.c_str(), 0700), 0); }
  std::size_t Entries() { return HostFileSystem().List(directory_->path())->size(); }
  absl::Status Remove() { return RemoveContents(directory_->fd(), "tree"); }

  std::optional<WorkingDir> directory_;
};

TEST_F(RemoveTree, EmptiesANestedTree) {
  MakeDirectory("a");
  MakeDirectory("a/b");
  MakeDirectory("a/b/c");
  Touch("a/b/c/file");
  Touch("a/file");
  Touch("file");
  ASSERT_EQ(::mkfifo((directory_->path() + "/a/fifo").c_str(), 0600), 0);
  EXPECT_TRUE(Remove().ok());
  EXPECT_EQ(Entries(), 0U);
}

TEST_F(RemoveTree, DoesNotFollowLinks) {
  auto outside = WorkingDir::Create();
  ASSERT_TRUE(outside.ok());
  ASSERT_TRUE(UniqueFd(::openat(outside->fd(), "keep", O_CREAT | O_WRONLY, 0600)));
  MakeDirectory("a");
  ASSERT_EQ(::symlinkat(outside->path().c_str(), directory_->fd(), "link"), 0);
  ASSERT_EQ(::symlinkat(outside->path().c_str(), directory_->fd(), "a/link"), 0);
  EXPECT_TRUE(Remove().ok());
  EXPECT_EQ(Entries(), 0U);
  EXPECT_EQ(::faccessat(outside->fd(), "keep", F_OK, 0), 0);
}

TEST_F(RemoveTree, OpensUpDirectoriesWithoutPermissions) {
  MakeDirectory("a");
  MakeDirectory("a/closed");
  Touch("a/closed/file");
  ASSERT_EQ(::fchmodat(directory_->fd(), "a/closed", 0, 0), 0);
  ASSERT_EQ(::fchmodat(directory_->fd(), "a", 0, 0), 0);
  EXPECT_TRUE(Remove().ok());
  EXPECT_EQ(Entries(), 0U);
}

TEST_F(RemoveTree, TakesApartATreeDeeperThanAnyPath) {
  UniqueFd at(::openat(directory_->fd(), ".", O_RDONLY | O_DIRECTORY));
  const std::string name(200, 'd');
  for (int depth = 0; depth < 300; ++depth) {  // 60,000 bytes of path
    ASSERT_EQ(::mkdirat(at.get(), name.c_str(), 0700), 0);
    at.reset(::openat(at.get(), name.c_str(), O_RDONLY | O_DIRECTORY));
    ASSERT_TRUE(at);
    ASSERT_TRUE(UniqueFd(::openat(at.get(), "file", O_CREAT | O_WRONLY, 0600)));
  }
  EXPECT_TRUE(Remove().ok());
  EXPECT_EQ(Entries(), 0U);
}

TEST_F(RemoveTree, SurvivesNamesLikeItsOwn) {
  MakeDirectory("a");
  MakeDirectory("a/b");
  MakeDirectory("a/b/c");
  Touch(".leash-rm-0");
  MakeDirectory(".leash-rm-1");
  Touch("odd \n name");
  EXPECT_TRUE(Remove().ok());
  EXPECT_EQ(Entries(), 0U);
}

}  // namespace
}  // namespace leash::base
