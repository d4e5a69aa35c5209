#include "python/pyenv.h"

#include "cli/temporary_directory.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace leash::python {
namespace {

using ::testing::ElementsAre;

class PyenvTest : public ::testing::Test {
 protected:
  PyenvTest() {
    for (const char* version : {"3.9.18", "3.11.7", "3.11.10", "3.12.1"}) {
      disk_.MakeFile(std::string(".pyenv/versions/") + version + "/bin/python3", "", 0755);
    }
    disk_.MakeFile(".pyenv/shims/python3", "#!/bin/sh\n", 0755);
    disk_.MakeDirectory("project/deep");
  }

  std::string Root() const { return disk_.Path(".pyenv"); }
  std::vector<std::string> Chosen() const {
    return ChosenPyenvVersions(Root(), environment_, disk_.Path("project/deep"));
  }
  std::optional<std::string> Program() const {
    return PyenvProgram(Root(), "python3", environment_, disk_.Path("project/deep"));
  }
  std::string Of(const std::string& version) const { return disk_.Path(".pyenv/versions/" + version + "/bin/python3"); }

  testing::TemporaryDirectory disk_;
  base::Environment environment_;
};

TEST_F(PyenvTest, KnowsItsShims) {
  EXPECT_EQ(PyenvRootOf(disk_.Path(".pyenv/shims/python3")), Root());
  EXPECT_EQ(PyenvRootOf(Of("3.11.7")), std::nullopt);
  disk_.MakeFile("other/shims/python3", "", 0755);
  EXPECT_EQ(PyenvRootOf(disk_.Path("other/shims/python3")), std::nullopt) << "no versions beside it";
}

TEST_F(PyenvTest, TakesTheNearestChoice) {
  EXPECT_THAT(Chosen(), ElementsAre("system"));
  disk_.MakeFile(".pyenv/version", "3.9.18\n");
  EXPECT_THAT(Chosen(), ElementsAre("3.9.18"));
  disk_.MakeFile("project/.python-version", "# ours\n3.11.7 3.12.1\r\n");
  EXPECT_THAT(Chosen(), ElementsAre("3.11.7", "3.12.1"));
  disk_.MakeFile("project/deep/.python-version", "\n");
  EXPECT_THAT(Chosen(), ElementsAre("3.11.7", "3.12.1")) << "an empty file says nothing";
  environment_.Set("PYENV_VERSION", "3.12.1:3.9.18");
  EXPECT_THAT(Chosen(), ElementsAre("3.12.1", "3.9.18"));
}

TEST_F(PyenvTest, TakesTheHighestOfAPrefix) {
  environment_.Set("PYENV_VERSION", "3.11");
  EXPECT_EQ(Program(), Of("3.11.10"));
  environment_.Set("PYENV_VERSION", "3.1");
  EXPECT_EQ(Program(), std::nullopt) << "3.11 is no 3.1";
}

TEST_F(PyenvTest, PassesOverWhatIsNotInstalled) {
  environment_.Set("PYENV_VERSION", "3.8.0:3.9.18");
  EXPECT_EQ(Program(), Of("3.9.18"));
  environment_.Set("PYENV_VERSION", "system:3.9.18");
  EXPECT_EQ(Program(), std::nullopt);
}

TEST_F(PyenvTest, StaysAmongItsVersions) {
  disk_.MakeFile("evil/bin/python3", "", 0755);
  disk_.MakeFile("project/.python-version", "../../evil\n/etc\n..\n");
  EXPECT_THAT(Chosen(), ElementsAre("system"));
  environment_.Set("PYENV_VERSION", "../../evil");
  EXPECT_EQ(Program(), std::nullopt);
}

}  // namespace
}  // namespace leash::python
