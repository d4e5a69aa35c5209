#include "leash/working_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file_system.h"
#include "base/path.h"
#include "base/unique_fd.h"
#include "gtest/gtest.h"
#include "leash/error.h"
#include "support/private_tmpdir.h"

namespace leash {
namespace {

mode_t ModeOf(const std::string& path) {
  struct stat info = {};
  EXPECT_EQ(::lstat(path.c_str(), &info), 0) << path;
  return info.st_mode;
}
bool Exists(const std::string& path) { return ::faccessat(AT_FDCWD, path.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0; }

TEST(WorkingDir, IsPrivateAndOutsideTheProject) {
  const auto directory = WorkingDir::Create();
  ASSERT_TRUE(directory.ok()) << directory.status();
  EXPECT_EQ(ModeOf(directory->path()), static_cast<mode_t>(S_IFDIR | 0700));
  EXPECT_EQ(ModeOf(std::string(base::ParentOf(directory->path()))), static_cast<mode_t>(S_IFDIR | 0700));
  EXPECT_EQ(base::HostFileSystem().Canonical(directory->path()), directory->path());
  EXPECT_FALSE(base::IsAtOrBelow(directory->path(), *base::HostFileSystem().Canonical("/proc/self/cwd")));
  EXPECT_NE(directory->id(), 0U);
}

TEST(WorkingDir, GoesWithItsOwner) {
  std::string path;
  {
    const auto directory = WorkingDir::Create();
    ASSERT_TRUE(directory.ok());
    path = directory->path();
    ASSERT_TRUE(base::UniqueFd(::open((path + "/file").c_str(), O_CREAT | O_WRONLY, 0600)));
  }
  EXPECT_FALSE(Exists(path));
  EXPECT_FALSE(Exists(std::string(base::ParentOf(path))));
}

TEST(WorkingDir, StaysWhenKept) {
  std::string path;
  {
    auto directory = WorkingDir::Create();
    ASSERT_TRUE(directory.ok());
    path = directory->path();
    ASSERT_TRUE(directory->Keep().ok());
  }
  EXPECT_TRUE(Exists(path));
  ASSERT_TRUE(WorkingDir::Create().ok());
  EXPECT_TRUE(Exists(path)) << "the sweep leaves what was kept";
  const std::string outer(base::ParentOf(path));
  EXPECT_EQ(::rmdir(path.c_str()), 0);
  EXPECT_EQ(::unlink((outer + "/kept").c_str()), 0);
  EXPECT_EQ(::rmdir(outer.c_str()), 0);
}

TEST(WorkingDir, NamesAreNeverRepeated) {
  const auto a = WorkingDir::Create();
  const auto b = WorkingDir::Create();
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_NE(a->path(), b->path());
  EXPECT_NE(a->id(), b->id());
}

// An owner that dies without cleaning up. Waits out the age below which a directory might still be being made.
TEST(WorkingDir, TheNextOneSweepsWhatADeadOwnerLeft) {
  const testing::PrivateTmpdir tmpdir;
  std::array<int, 2> ends;
  ASSERT_EQ(::pipe(ends.data()), 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    auto directory = WorkingDir::Create();
    if (!directory.ok()) ::_exit(1);
    const std::string path = directory->path();
    (void)::mkdir((path + "/left").c_str(), 0);
    if (::write(ends[1], path.c_str(), path.size()) < 0) ::_exit(1);
    ::_exit(0);  // no destructor
  }
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  ASSERT_EQ(status, 0);
  std::array<char, 512> buffer = {};
  ASSERT_GT(::read(ends[0], buffer.data(), buffer.size() - 1), 0);
  const std::string path = buffer.data();
  ::close(ends[0]);
  ::close(ends[1]);
  ASSERT_TRUE(WorkingDir::Create().ok());
  EXPECT_TRUE(Exists(path)) << "too young: its owner might be about to lock it";
  ::sleep(11);
  {
    const base::UniqueFd owner(::open(std::string(base::ParentOf(path)).c_str(), O_RDONLY | O_DIRECTORY));
    ASSERT_TRUE(owner);
    ASSERT_EQ(::flock(owner.get(), LOCK_SH), 0);
    ASSERT_TRUE(WorkingDir::Create().ok());
    EXPECT_TRUE(Exists(path)) << "somebody holds it";
  }
  ASSERT_TRUE(WorkingDir::Create().ok());
  EXPECT_FALSE(Exists(path));
  EXPECT_FALSE(Exists(std::string(base::ParentOf(path))));
}

TEST(WorkingDir, UsesTmpdirWhenItIsSafeAndNotOtherwise) {
  const testing::PrivateTmpdir tmpdir;
  const auto inside = WorkingDir::Create();
  ASSERT_TRUE(inside.ok());
  EXPECT_TRUE(base::IsAtOrBelow(inside->path(), tmpdir.path()));
  ASSERT_EQ(::chmod(tmpdir.path().c_str(), 0777), 0);  // anybody could replace what is in it
  const auto elsewhere = WorkingDir::Create();
  ASSERT_TRUE(elsewhere.ok());
  EXPECT_FALSE(base::IsAtOrBelow(elsewhere->path(), tmpdir.path()));
  ::setenv("TMPDIR", "relative", 1);
  EXPECT_TRUE(base::IsAtOrBelow(WorkingDir::Create()->path(), "/tmp"));
}

}  // namespace
}  // namespace leash
