#include "core/carve_out.h"

#include "base/path.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "support/fake_file_system.h"

namespace leash::core {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

PathRule Rule(std::string path, Access access) { return {std::move(path), access, RuleKind::kGrant, "", false}; }

std::vector<std::string> Show(const std::vector<SubtreeGrant>& grants) {
  std::vector<std::string> lines;
  for (const SubtreeGrant& grant : grants) lines.push_back(FormatAccess(grant.access) + " " + grant.path);
  return lines;
}

class CarveOutTest : public ::testing::Test {
 protected:
  CarveOutTest() {
    for (const char* path : {"/a/b/c", "/a/b/d", "/a/e", "/f"}) files_.AddDirectory(path);
    files_.AddFile("/a/b/c/file");
    files_.AddFile("/a/file");
  }
  std::vector<std::string> Carve(const std::vector<PathRule>& rules) { return Show(CarveOut(rules, files_)); }

  testing::FakeFileSystem files_;
};

TEST_F(CarveOutTest, AnOpenDirectoryIsOneGrant) {
  EXPECT_THAT(Carve({Rule("/a", Access::kRead)}), ElementsAre("r /a"));
}

TEST_F(CarveOutTest, AClosedPathIsLeftOutByGrantingItsSiblings) {
  EXPECT_THAT(Carve({Rule("/a", Access::kRead), Rule("/a/b/c", Access::kNone)}),
              UnorderedElementsAre("r /a/e", "r /a/file", "r /a/b/d"));
}

TEST_F(CarveOutTest, OnlyTheRightsThatAreTakenAwayAreCarved) {
  EXPECT_THAT(Carve({Rule("/a", Access::kReadWrite), Rule("/a/b", Access::kRead)}),
              UnorderedElementsAre("r /a", "rw /a/e", "rw /a/file"));
}

TEST_F(CarveOutTest, AMoreOpenPathInsideIsAnotherGrant) {
  EXPECT_THAT(Carve({Rule("/a", Access::kRead), Rule("/a/b", Access::kReadWrite)}), ElementsAre("r /a", "rw /a/b"));
  EXPECT_THAT(Carve({Rule("/a", Access::kReadWrite), Rule("/a/b", Access::kNone), Rule("/a/b/c", Access::kRead)}),
              UnorderedElementsAre("rw /a/e", "rw /a/file", "r /a/b/c"));
}

TEST_F(CarveOutTest, ARuleThatSaysTheSameAsTheOneAboveCostsNothing) {
  EXPECT_THAT(Carve({Rule("/a", Access::kReadExecute), Rule("/a/b", Access::kReadExecute)}), ElementsAre("rx /a"));
}

TEST_F(CarveOutTest, ANameThatDoesNotExistYetCannotBeMadeLater) {
  EXPECT_THAT(Carve({Rule("/a/e", Access::kReadWrite), Rule("/a/e/secret", Access::kNone)}), IsEmpty())
      << "the directory itself would let it be made";
}

TEST_F(CarveOutTest, LinksAreNotSiblings) {
  files_.AddLink("/a/link", "/f");
  EXPECT_THAT(Carve({Rule("/a", Access::kRead), Rule("/a/b", Access::kNone)}),
              UnorderedElementsAre("r /a/e", "r /a/file"));
}

TEST_F(CarveOutTest, ADirectoryThatCannotBeListedStaysClosed) {
  files_.ForbidListing("/a");
  EXPECT_THAT(Carve({Rule("/a", Access::kRead), Rule("/a/b/c", Access::kNone)}), ElementsAre("r /a/b/d"));
}

TEST_F(CarveOutTest, DeviceRightsAreNotLentToSiblings) {
  std::vector<PathRule> rules = {Rule("/a", Access::kReadWrite), Rule("/a/e", Access::kReadWrite)};
  rules[1].device = true;
  const auto grants = CarveOut(rules, files_);
  ASSERT_EQ(grants.size(), 2U);
  EXPECT_FALSE(grants[0].device);
  EXPECT_TRUE(grants[1].device);
}

// The promise of the header, on every path of a tree and many random rule sets.
TEST_F(CarveOutTest, NeverGivesMoreThanDecide) {
  const std::vector<std::string> paths = {"/",       "/a", "/a/b",     "/a/b/c",   "/a/b/c/file",   "/a/b/d", "/a/e",
                                          "/a/file", "/f", "/a/e/new", "/a/b/new", "/a/b/c/secret", "/new"};
  constexpr Access kAll[] = {Access::kNone, Access::kRead, Access::kReadWrite, Access::kReadExecute,
                             Access::kReadWriteExecute};
  unsigned seed = 1;
  const auto random = [&seed](unsigned bound) { return (seed = seed * 1103515245 + 12345, seed >> 16) % bound; };
  for (int round = 0; round < 3000; ++round) {
    Plan plan;
    for (const std::string& path : paths) {
      if (random(3) == 0) plan.rules.push_back(Rule(path, kAll[random(5)]));
    }
    const auto grants = CarveOut(plan.rules, files_);
    for (const std::string& path : paths) {
      Access given = Access::kNone;
      for (const SubtreeGrant& grant : grants) {
        if (base::IsAtOrBelow(path, grant.path)) given = given | grant.access;
      }
      const Access wanted = Decide(plan, path);
      EXPECT_TRUE(Includes(wanted, given)) << path << ": " << FormatAccess(given) << " > " << FormatAccess(wanted);
      // Files and childless directories without closed names below get exactly what was decided.
      if (path == "/a/b/c/file" || path == "/a/file" || path == "/f") {
        EXPECT_EQ(given, wanted) << path;
      }
    }
  }
}

}  // namespace
}  // namespace leash::core
