// Sandboxes in sandboxes: leash in leash, leash in bubblewrap, and with --allow-nested bubblewrap in leash.
#include <unistd.h>

#include <string>
#include <vector>

#include "leash_process.h"

namespace leash::testing {
namespace {

using ::testing::PrintToString;

class NestedTest : public LeashTest {
 protected:
  void SetUp() override {
#ifdef LEASH_SLOW_BUILD
    GTEST_SKIP() << "a sanitizer's runtime does not work inside a sandbox: it traces its own process";
#endif
    LeashTest::SetUp();
  }

  // A command of this leash in a sandbox of this leash.
  RunResult Inside(const std::vector<std::string>& outer, const std::vector<std::string>& inner) const {
    std::vector<std::string> arguments = {"run", "--executable", binary()};
    arguments.insert(arguments.end(), outer.begin(), outer.end());
    arguments.push_back(binary());
    arguments.insert(arguments.end(), inner.begin(), inner.end());
    return Leash(arguments);
  }
  bool HasNamespaces() const { return Leash({"run", "--namespaces", "require", "true"}).code == 0; }
  // --allow-nested is for ordinary users.
  bool MayNest() const { return uid() != 0 && HasNamespaces(); }
};
INSTANTIATE_TEST_SUITE_P(Users, NestedTest, ::testing::ValuesIn(Users()), UserName);

// The tree of an inner sandbox is ended, whoever orphaned what.
TEST_P(NestedTest, LeashRunsInLeash) {
  if (!HasNamespaces()) GTEST_SKIP() << "namespaces: refused to this user here";
  const std::string nap = "300." + std::to_string(::getpid()) + (uid() == 0 ? "1" : "2");
  const std::string script = "echo inner; setsid sh -c 'sleep " + nap + " & sleep " + nap + "' & exit 3";
  const RunResult result = Inside({}, {"run", "sh", "-c", script});
  EXPECT_EQ(result.code, 3) << PrintToString(result);
  EXPECT_EQ(result.out, "inner\n");
  EXPECT_EQ(result.err, "");
  // The outer sandbox is still there when this looks for an argument that is just this.
  const std::string look =
      binary() + " run sh -c \"$1\"; grep -lsxz '[3]" + nap.substr(1) + "' /proc/[0-9]*/cmdline | wc -l";
  const RunResult left = Leash({"run", "--executable", binary(), "sh", "-c", look, "sh", script});
  EXPECT_EQ(left.out, "inner\n0\n") << PrintToString(left);
}

TEST_P(NestedTest, TheInnerSandboxIsTighter) {
  if (!HasNamespaces()) GTEST_SKIP() << "namespaces: refused to this user here";
  const std::vector<std::string> outer = {"--writable", Project("")};
  EXPECT_EQ(Inside(outer, {"run", "--writable", Project(""), "touch", Project("a")}).code, 0) << "control";
  EXPECT_NE(Inside(outer, {"run", "touch", Project("b")}).code, 0);
  EXPECT_EQ(::access(Project("a").c_str(), F_OK), 0);
  EXPECT_NE(::access(Project("b").c_str(), F_OK), 0);
}

TEST_P(NestedTest, ATimeoutEndsTheInnerTree) {
  if (!HasNamespaces()) GTEST_SKIP() << "namespaces: refused to this user here";
  const RunResult result = Inside({}, {"run", "--timeout", "1", "sh", "-c", "setsid sleep 60 & sleep 60"});
  EXPECT_EQ(result.code, 124) << PrintToString(result);
}

TEST_P(NestedTest, WhereItCannotRunItSaysWhy) {
  EXPECT_TRUE(FailsWith(Inside({"--namespaces", "off"}, {"run", "true"}), 125, "--namespaces require"));
  EXPECT_TRUE(FailsWith(Leash({"run", "--allow-nested", "--namespaces", "off", "true"}), 125, "need namespaces"));
  if (uid() == 0) {
    EXPECT_TRUE(FailsWith(Leash({"run", "--allow-nested", "true"}), 125, "ordinary users"));
  }
  EXPECT_TRUE(FailsWith(Inside({}, {"run", "--namespaces", "require", "true"}), 125, "namespaces were required"));
}

TEST_P(NestedTest, LeashRunsInBubblewrap) {
  if (!HasNamespaces()) GTEST_SKIP() << "namespaces: refused to this user here";
  const RunResult result =
      LeashProcess("/usr/bin/bwrap", StartOf({"--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs",
                                              "/tmp", "--unshare-all", binary(), "run", "echo", "inner"}))
          .Finish();
  EXPECT_EQ(result.out, "inner\n") << PrintToString(result);
}

const std::vector<std::string> kBubblewrap = {"bwrap", "--ro-bind",     "/",    "/",    "--dev", "/dev", "--proc",
                                              "/proc", "--unshare-all", "echo", "inner"};

TEST_P(NestedTest, OthersRunInLeashWhenThatIsAllowed) {
  std::vector<std::string> arguments = {"run", "--"};
  arguments.insert(arguments.end(), kBubblewrap.begin(), kBubblewrap.end());
  EXPECT_NE(Leash(arguments).code, 0);
  if (!MayNest()) return;
  arguments.insert(arguments.begin() + 1, "--allow-nested");
  const RunResult result = Leash(arguments);
  EXPECT_EQ(result.out, "inner\n") << PrintToString(result);
  EXPECT_EQ(Inside({"--allow-nested"}, {"run", "--namespaces", "require", "echo", "inner"}).out, "inner\n");
}

// With all capabilities in a namespace of its own, a program still cannot take the tree apart.
TEST_P(NestedTest, WhatIsAllowedInsideOpensNothing) {
  if (!MayNest()) return;
  root().MakeFile("project/closed/file", "secret\n");
  root().MakeFile("project/open", "data\n");
  HandOver();
  const std::string closed = Project("closed");
  const auto as_root_of_a_namespace = [&](const std::string& script) {
    return Leash({"run", "--allow-nested", "--deny", closed, "unshare", "--user", "--map-root-user", "--mount", "sh",
                  "-c", script});
  };
  EXPECT_EQ(as_root_of_a_namespace("mount -t tmpfs none /dev/shm && echo mounted; cat " + Project("open")).out,
            "mounted\ndata\n")
      << "control";
  for (const std::string& script : {"umount " + closed + "; umount -l " + closed + "; cat " + closed + "/file",
                                    "mount -o remount,bind,rw " + Project("") + "; echo x > " + Project("planted"),
                                    "mkdir /dev/shm/r; mount --rbind / /dev/shm/r; umount /dev/shm/r" + closed +
                                        "; cat /dev/shm/r" + closed + "/file",
                                    "mount --move " + closed + " /dev/shm; cat " + closed + "/file"}) {
    const RunResult result = as_root_of_a_namespace(script);
    EXPECT_EQ(result.out, "") << script << PrintToString(result);
    EXPECT_NE(result.code, 0) << script;
  }
  EXPECT_NE(::access(Project("planted").c_str(), F_OK), 0);
}

}  // namespace
}  // namespace leash::testing
