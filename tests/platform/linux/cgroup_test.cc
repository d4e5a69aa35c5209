// Control groups on trees of ordinary files that look like the kernel's. What the kernel does with them is tried where
// it can be: tests/core/limits_test.cc and tests/cli/e2e_limits_test.cc, on whatever version this machine has.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "leash/working_dir.h"
#include "platform/linux/cgroup_place.h"
#include "platform/linux/sandbox_cgroup.h"

namespace leash::platform {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::uint64_t kId = 0xabcdef;
constexpr char kName[] = "leash-0000000000abcdef";

void Write(const fs::path& file, const std::string& text) { std::ofstream(file) << text; }

std::string Read(const fs::path& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

// The files of a group of its kind, as a kernel with memory and pids makes them. Those that take limits are empty:
// written to, a file keeps what stood behind.
void Fill(const fs::path& directory, int version) {
  if (version == 2) {
    Write(directory / "cgroup.type", "domain\n");
    Write(directory / "memory.max", "");
    Write(directory / "memory.swap.max", "");
    Write(directory / "memory.events", "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\noom_group_kill 0\n");
    Write(directory / "cgroup.kill", "");
  } else {
    Write(directory / "memory.limit_in_bytes", "");
    Write(directory / "memory.memsw.limit_in_bytes", "");
    Write(directory / "memory.max_usage_in_bytes", "0\n");
    Write(directory / "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n");
    Write(directory / "tasks", "");
  }
  Write(directory / "cgroup.procs", "");
  Write(directory / "cgroup.controllers", "cpu memory pids\n");
  Write(directory / "cgroup.subtree_control", "");
  Write(directory / "pids.max", "");
  Write(directory / "pids.events", "max 0\n");
}

int busy = 0;  // how often removing is refused before it succeeds

template <int version>
int MakeFilled(const std::string& directory) {
  if (::mkdir(directory.c_str(), 0755) != 0) return -1;
  Fill(directory, version);
  return 0;
}
int RemoveFilled(const std::string& directory) {
  if (busy > 0) return --busy, errno = EBUSY, -1;
  if (!fs::exists(directory)) return errno = ENOENT, -1;
  fs::remove_all(directory);
  return 0;
}
constexpr CgroupCalls kVersion1 = {&MakeFilled<1>, &RemoveFilled};
constexpr CgroupCalls kVersion2 = {&MakeFilled<2>, &RemoveFilled};

class CgroupTest : public ::testing::Test {
 protected:
  CgroupTest() : directory_(*WorkingDir::Create()), root_(directory_.path()) {}

  // A group with these controllers handed on to its children.
  fs::path Group(const std::string& name, const std::string& handed_on, int version = 2) {
    const fs::path path = root_ / name;
    fs::create_directories(path);
    Fill(path, version);
    Write(path / "cgroup.subtree_control", handed_on + "\n");
    return path;
  }
  std::string Mount(const std::string& point, const std::string& root, const std::string& kind,
                    const std::string& options = "rw") const {
    return "31 23 0:28 " + root + " " + (root_ / point).string() + " rw,relatime shared:4 - " + kind + " " + kind +
           " " + options + "\n";
  }
  // A desktop's session: the slice hands on both controllers, and leash is in a scope in it.
  CgroupFacts Desktop() {
    Group("v2", "cpu memory pids");
    Group("v2/user.slice", "memory pids");
    Group("v2/user.slice/app.slice", "memory pids");
    Group("v2/user.slice/app.slice/leash.scope", "");
    return {Mount("v2", "/", "cgroup2"), "0::/user.slice/app.slice/leash.scope\n"};
  }

  const WorkingDir directory_;
  const fs::path root_;
};

TEST_F(CgroupTest, VersionTwoIsTheNearestThatHandsOnBoth) {
  const CgroupFacts facts = Desktop();
  const CgroupPlaces found = FindCgroupPlaces(facts, true, true);
  EXPECT_THAT(found.places, ElementsAre(CgroupPlace{2, root_ / "v2/user.slice/app.slice", true, true}));
  EXPECT_EQ(found.why_not, "");
  Write(root_ / "v2/user.slice/app.slice/cgroup.subtree_control", "memory\n");
  EXPECT_THAT(FindCgroupPlaces(facts, true, true).places,
              ElementsAre(CgroupPlace{2, root_ / "v2/user.slice", true, true}));
  EXPECT_THAT(FindCgroupPlaces(facts, true, false).places,
              ElementsAre(CgroupPlace{2, root_ / "v2/user.slice/app.slice", true, false}));
  Write(root_ / "v2/user.slice/cgroup.subtree_control", "cpu\n");
  Write(root_ / "v2/cgroup.subtree_control", "\n");
  const CgroupPlaces one = FindCgroupPlaces(facts, true, true);
  EXPECT_THAT(one.places, ElementsAre(CgroupPlace{2, root_ / "v2/user.slice/app.slice", true, false}));
  EXPECT_THAT(one.why_not, HasSubstr("hands on the pids controller"));
}

TEST_F(CgroupTest, VersionTwoMustBeWritable) {
  const CgroupFacts facts = Desktop();
  const auto places = [&] { return FindCgroupPlaces(facts, true, true).places.size(); };
  // In a process that is not root, whom modes do not hold back.
  const auto as_user = [&](const std::function<bool()>& holds) {
    const pid_t pid = ::fork();
    if (pid == 0) ::_exit((::geteuid() != 0 || ::setresuid(65534, 65534, 65534) == 0) && holds() ? 0 : 1);
    int status = -1;
    ::waitpid(pid, &status, 0);
    return status == 0;
  };
  fs::permissions(root_, fs::perms::all);
  fs::permissions(root_.parent_path(), fs::perms::all);
  const fs::path slice = root_ / "v2/user.slice/app.slice";
  for (const char* path : {"v2", "v2/user.slice", "v2/user.slice/app.slice"}) {
    fs::permissions(root_ / path, fs::perms(0555));
  }
  EXPECT_TRUE(as_user([&] { return places() == 0; }));
  fs::permissions(slice, fs::perms::all);
  fs::permissions(slice / "cgroup.procs", fs::perms(0444));
  EXPECT_TRUE(as_user([&] { return places() == 0; })) << "no process can be moved";
  fs::permissions(slice / "cgroup.procs", fs::perms(0666));
  EXPECT_TRUE(as_user([&] { return places() == 1; }));
  for (const char* path : {"v2", "v2/user.slice"}) fs::permissions(root_ / path, fs::perms(0755));
}

TEST_F(CgroupTest, AContainersOwnGroupIsBelowWhatIsMounted) {
  Group("v2", "memory pids");
  Group("v2/inner", "");
  EXPECT_THAT(FindCgroupPlaces({Mount("v2", "/docker/1", "cgroup2"), "0::/docker/1/inner\n"}, true, true).places,
              ElementsAre(CgroupPlace{2, root_ / "v2", true, true}));
  for (const char* own : {"0::/docker/2\n", "0::/../other\n", "0::/docker/10\n", "", "nonsense\n"}) {
    EXPECT_THAT(FindCgroupPlaces({Mount("v2", "/docker/1", "cgroup2"), own}, true, true).places, IsEmpty()) << own;
  }
}

TEST_F(CgroupTest, VersionOneIsTheProcessesOwnGroup) {
  Group("memory/job", "", 1);
  Group("pids", "", 1);
  Group("v2", "hugetlb");
  Write(root_ / "v2/cgroup.controllers", "hugetlb\n");
  const CgroupFacts facts = {Mount("memory", "/", "cgroup", "rw,memory") + Mount("pids", "/", "cgroup", "rw,pids") +
                                 Mount("v2", "/", "cgroup2"),
                             "8:pids:/\n4:memory:/job\n3:cpuset:/elsewhere\n0::/\n"};
  EXPECT_THAT(FindCgroupPlaces(facts, true, true).places, ElementsAre(CgroupPlace{1, root_ / "memory/job", true, false},
                                                                      CgroupPlace{1, root_ / "pids", false, true}));
  EXPECT_THAT(FindCgroupPlaces(facts, false, true).places, ElementsAre(CgroupPlace{1, root_ / "pids", false, true}));
}

TEST_F(CgroupTest, ControllersMayShareAHierarchyAndVersions) {
  Group("both", "", 1);
  EXPECT_THAT(
      FindCgroupPlaces({Mount("both", "/", "cgroup", "rw,memory,pids"), "2:memory,pids:/\n"}, true, true).places,
      ElementsAre(CgroupPlace{1, root_ / "both", true, true}));
  Group("v2", "memory");
  Group("pids", "", 1);
  EXPECT_THAT(
      FindCgroupPlaces({Mount("v2", "/", "cgroup2") + Mount("pids", "/", "cgroup", "rw,pids"), "1:pids:/\n0::/\n"},
                       true, true)
          .places,
      ElementsAre(CgroupPlace{2, root_ / "v2", true, false}, CgroupPlace{1, root_ / "pids", false, true}));
}

TEST_F(CgroupTest, SaysWhatIsMissing) {
  EXPECT_THAT(FindCgroupPlaces({}, true, false).why_not, HasSubstr("no control group file system with the memory"));
  EXPECT_EQ(FindCgroupPlaces({}, false, false).why_not, "");
}

TEST_F(CgroupTest, WritesTheLimitsOfVersionTwo) {
  const fs::path top = Group("v2", "memory pids");
  {
    const auto group = SandboxCgroup::Make({{2, top, true, true}}, kId, 1 << 20, 7, kVersion2);
    ASSERT_TRUE(group.ok()) << group.status();
    EXPECT_EQ(Read(top / kName / "memory.max"), "1048576");
    EXPECT_EQ(Read(top / kName / "memory.swap.max"), "0");
    EXPECT_EQ(Read(top / kName / "pids.max"), "7");
    const auto entries = (*group)->EntryDescriptors();
    ASSERT_EQ(::write(entries[0], "0", 1), 1);
    EXPECT_EQ(entries[1], -1);
    EXPECT_NE(::fcntl(entries[0], F_GETFD) & FD_CLOEXEC, 0);
    EXPECT_EQ(Read(top / kName / "cgroup.procs"), "0");
    EXPECT_EQ((*group)->Events().kills, 0U);
    Write(top / kName / "memory.events", "low 0\nhigh 0\nmax 9\noom 3\noom_kill 2\noom_group_kill 0\n");
    Write(top / kName / "pids.events", "max 5\n");
    EXPECT_TRUE((*group)->Events().memory_reached);
    EXPECT_EQ((*group)->Events().kills, 2U);
    EXPECT_EQ((*group)->Events().refused_processes, 5U);
    busy = 3;
    EXPECT_TRUE((*group)->Remove().ok());
    EXPECT_FALSE(fs::exists(top / kName));
    EXPECT_EQ((*group)->Events().kills, 2U) << "as it was when it was removed";
    EXPECT_TRUE((*group)->Remove().ok());
  }
}

TEST_F(CgroupTest, AShortMachineIsNotTheGroupsLimit) {
  const fs::path top = Group("v2", "memory pids");
  const auto group = SandboxCgroup::Make({{2, top, true, false}}, kId, 1 << 20, std::nullopt, kVersion2);
  ASSERT_TRUE(group.ok());
  Write(top / kName / "memory.events", "low 0\nhigh 0\nmax 0\noom 0\noom_kill 1\n");
  EXPECT_EQ((*group)->Events().kills, 1U);
  EXPECT_FALSE((*group)->Events().memory_reached);
}

TEST_F(CgroupTest, WritesTheLimitsOfVersionOne) {
  const fs::path memory = Group("memory", "", 1);
  const fs::path pids = Group("pids", "", 1);
  const auto group =
      SandboxCgroup::Make({{1, memory, true, false}, {1, pids, false, true}}, kId, 1 << 20, 7, kVersion1);
  ASSERT_TRUE(group.ok()) << group.status();
  EXPECT_EQ(Read(memory / kName / "memory.limit_in_bytes"), "1048576");
  EXPECT_EQ(Read(memory / kName / "memory.memsw.limit_in_bytes"), "1048576");
  EXPECT_EQ(Read(memory / kName / "pids.max"), "") << "not limited there";
  EXPECT_EQ(Read(pids / kName / "pids.max"), "7");
  const auto entries = (*group)->EntryDescriptors();
  for (const int entry : entries) ASSERT_EQ(::write(entry, "0", 1), 1);
  EXPECT_EQ(Read(memory / kName / "tasks"), "0");
  EXPECT_EQ(Read(pids / kName / "tasks"), "0");
  Write(memory / kName / "memory.max_usage_in_bytes", "1048576\n");
  Write(memory / kName / "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n");
  EXPECT_EQ((*group)->Events().kills, 1U);
  EXPECT_TRUE((*group)->Events().memory_reached);
}

TEST_F(CgroupTest, SwapMayBeMissingAndALimitMayNot) {
  const fs::path top = Group("v2", "memory pids");
  const CgroupCalls no_swap = {[](const std::string& directory) {
                                 const int made = MakeFilled<2>(directory);
                                 fs::remove(directory + "/memory.swap.max");
                                 return made;
                               },
                               &RemoveFilled};
  EXPECT_TRUE(SandboxCgroup::Make({{2, top, true, true}}, kId, 1, 1, no_swap).ok());
  const CgroupCalls no_pids = {[](const std::string& directory) {
                                 const int made = MakeFilled<2>(directory);
                                 fs::remove(directory + "/pids.max");
                                 return made;
                               },
                               &RemoveFilled};
  const auto failed = SandboxCgroup::Make({{2, top, true, true}}, kId, 1, 1, no_pids);
  EXPECT_THAT(std::string(failed.status().message()), HasSubstr("pids.max"));
  EXPECT_FALSE(fs::exists(top / kName)) << "nothing is left of what failed";
  const CgroupCalls threaded = {[](const std::string& directory) {
                                  const int made = MakeFilled<2>(directory);
                                  Write(directory + "/cgroup.type", "domain invalid\n");
                                  return made;
                                },
                                &RemoveFilled};
  EXPECT_FALSE(SandboxCgroup::Make({{2, top, true, true}}, kId, 1, 1, threaded).ok());
  EXPECT_FALSE(fs::exists(top / kName));
}

TEST_F(CgroupTest, ASecondThatFailsTakesTheFirstAway) {
  const fs::path memory = Group("memory", "", 1);
  EXPECT_FALSE(
      SandboxCgroup::Make({{1, memory, true, false}, {1, root_ / "missing", false, true}}, kId, 1, 1, kVersion1).ok());
  EXPECT_FALSE(fs::exists(memory / kName));
}

TEST_F(CgroupTest, LeftoversAreFoundWhereverTheyAre) {
  const CgroupFacts facts = Desktop();
  const fs::path deep = root_ / "v2/user.slice/other.scope" / kName;
  const fs::path neighbour = root_ / "v2/user.slice/app.slice/leash-0000000000abcdee";
  for (const fs::path& path : {deep, neighbour}) {
    fs::create_directories(path);
    Fill(path, 2);
  }
  RemoveLeftoverCgroups(facts, kId, kVersion2);
  EXPECT_FALSE(fs::exists(deep));
  EXPECT_TRUE(fs::exists(neighbour)) << "another sandbox";
}

}  // namespace
}  // namespace leash::platform
