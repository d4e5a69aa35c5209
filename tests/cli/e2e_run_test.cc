// leash run: streams, exit statuses, directories, variables. Limits: e2e_limits_test.cc.
#include <unistd.h>

#include <chrono>

#include "leash_process.h"

namespace leash::testing {
namespace {

class RunTest : public LeashTest {
 protected:
  RunResult Shell(const std::string& script, std::vector<std::string> options = {}) const {
    options.insert(options.begin(), "run");
    options.insert(options.end(), {"sh", "-c", script});
    return Leash(options);
  }
};
INSTANTIATE_TEST_SUITE_P(Users, RunTest, ::testing::ValuesIn(Users()), UserName);

TEST_P(RunTest, PrintsWhatTheProgramPrintsAndNothingElse) {
  const RunResult result = Leash({"run", "echo", "hello"});
  EXPECT_EQ(result.out, "hello\n");
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(result.code, 0);
}

TEST_P(RunTest, LeavesTheStreamsApart) {
  const RunResult result = Shell("echo out; echo err >&2");
  EXPECT_EQ(result.out, "out\n");
  EXPECT_EQ(result.err, "err\n");
}

TEST_P(RunTest, HandsStdinOn) {
  Start start = StartOf({"run", "cat"});
  start.input = std::string("a\0b\n", 4) + std::string(100000, 'x');
  EXPECT_EQ(Run(start).out, start.input);
}

TEST_P(RunTest, GivesTheProgramsExitStatus) {
  EXPECT_EQ(Leash({"run", "sh", "-c", "exit 7"}).code, 7);
  EXPECT_EQ(Leash({"run", "--", "sh", "-c", "exit 7"}).code, 7);
  EXPECT_EQ(Leash({"run", "sh", "-c", "exit 125"}).code, 125);
  EXPECT_EQ(Leash({"run", "false"}).code, 1);
}

TEST_P(RunTest, ASignalIs128AndItsNumber) {
  EXPECT_EQ(Shell("kill -9 $$").code, 137);
  EXPECT_EQ(Shell("kill -TERM $$").code, 143);
}

TEST_P(RunTest, WhatFollowsTheProgramIsTheProgramsOwn) {
  EXPECT_EQ(Leash({"run", "printf", "[%s]", "-c", "-v", "-e", "-p", "--help", "--network", "--", ""}).out,
            "[-c][-v][-e][-p][--help][--network][--][]");
}

TEST_P(RunTest, ArgumentsAreBytes) { EXPECT_EQ(Leash({"run", "printf", "%s", "\xff\xfe\n"}).out, "\xff\xfe\n"); }

TEST_P(RunTest, AMissingProgramIs127) {
  EXPECT_TRUE(FailsWith(Leash({"run", "no-such-program"}), 127, "no-such-program"));
  EXPECT_TRUE(FailsWith(Leash({"run", "./no-such-program"}), 127, "no-such-program"));
  EXPECT_TRUE(FailsWith(Leash({"run", ""}), 127, ""));
  EXPECT_TRUE(FailsWith(Leash({"run", "-e", "PATH=/nonexistent", "echo"}), 127, "echo"));
}

TEST_P(RunTest, WhatCannotBeExecutedIs126) {
  root().MakeFile("project/plain", "#!/bin/sh\necho ran\n", 0644);
  root().MakeFile("project/closed", "#!/bin/sh\necho ran\n", 0000);
  root().MakeFile("project/noformat", "\x01\x02\x03", 0755);
  root().MakeFile("project/good", "#!/bin/sh\necho ran\n", 0755);
  for (const char* name : {"plain", "closed", "noformat"}) {
    EXPECT_TRUE(FailsWith(Leash({"run", "--executable", ".", std::string("./") + name}), 126, name));
  }
  EXPECT_TRUE(FailsWith(Leash({"run", "/etc"}), 126, "/etc"));
  EXPECT_EQ(Leash({"run", "--executable", ".", "./good"}).out, "ran\n");  // the positive control
}

TEST_P(RunTest, AProgramOutsideEveryGrantIs126) {
  root().CopyFile("/bin/echo", "project/tool");
  EXPECT_TRUE(FailsWith(Leash({"run", "./tool", "ran"}), 126, "--executable"));
  EXPECT_TRUE(FailsWith(Leash({"run", "--strict", Project("tool"), "ran"}), 126, "--executable"));
  EXPECT_EQ(Leash({"run", "--executable", ".", "./tool", "ran"}).out, "ran\n");
  EXPECT_EQ(Leash({"run", "--strict", "--executable", "tool", Project("tool"), "ran"}).out, "ran\n");
  EXPECT_EQ(Leash({"run", "--grant", "rwx:.", "./tool", "ran"}).out, "ran\n");
}

TEST_P(RunTest, AMissingGrantIs125AndNamed) {
  for (const char* option : {"--readable", "--writable", "--executable", "--workdir"}) {
    EXPECT_TRUE(FailsWith(Leash({"run", option, "missing", "true"}), 125, "missing")) << option;
  }
  EXPECT_TRUE(FailsWith(Leash({"run", "--grant", "rw:missing", "true"}), 125, "missing"));
  EXPECT_EQ(Leash({"run", "--deny", "missing", "true"}).code, 0);  // may appear later
}

TEST_P(RunTest, TimeoutIs124AndEndsTheWholeTree) {
  const auto begin = std::chrono::steady_clock::now();
  // The background process holds the pipes: they end only when it does.
  const RunResult result = Leash({"run", "--timeout", "300ms", "sh", "-c", "sleep 30 & sleep 30"});
  EXPECT_TRUE(FailsWith(result, 124, "timed out"));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(15));
  EXPECT_EQ(Leash({"run", "--timeout", "30", "true"}).code, 0);
}

TEST_P(RunTest, WhatStillRunsAtTheEndIsEnded) {
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(Shell("sleep 30 & exit 3").code, 3);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(15));
}

TEST_P(RunTest, ABadNetworkPolicyStartsNothing) {
  const std::vector<std::string> marker = {"--workdir", ".", "touch", "started"};
  std::vector<std::string> bad = {"run", "--network", "allow-list", "--allow-domain", "a b"};
  bad.insert(bad.end(), marker.begin(), marker.end());
  EXPECT_TRUE(FailsWith(Leash(bad), 125, "a b"));
  EXPECT_FALSE(Exists(Project("started")));
  std::vector<std::string> denied = {"run", "--network", "deny"};
  denied.insert(denied.end(), marker.begin(), marker.end());
  EXPECT_EQ(Leash(denied).code, 0);
  EXPECT_TRUE(Exists(Project("started")));
}

TEST_P(RunTest, StandsInTheCurrentDirectoryAndOnlyReadsIt) {
  root().MakeFile("project/input", "data\n");
  EXPECT_EQ(Shell("pwd; cat input").out, Project("").substr(0, Project("").size() - 1) + "\ndata\n");
  EXPECT_NE(Shell("echo x 2>/dev/null > output").code, 0);
  EXPECT_FALSE(Exists(Project("output")));
}

TEST_P(RunTest, AWorkingDirectoryIsStoodInAndWritten) {
  root().MakeDirectory("project/work");
  for (const char* option : {"--workdir", "--working-dir"}) {
    const RunResult result = Leash({"run", option, "work", "sh", "-c", "pwd; echo x > made"});
    EXPECT_EQ(result.out, Project("work") + "\n");
    EXPECT_EQ(ReadFile(Project("work/made")), "x\n");
    ASSERT_EQ(::unlink(Project("work/made").c_str()), 0);
  }
  EXPECT_EQ(Shell("echo x > here", {"--workdir", "."}).code, 0);
  EXPECT_TRUE(Exists(Project("here")));
}

TEST_P(RunTest, StrictStandsInTheScratchDirectoryAndDoesNotSeeTheCurrentOne) {
  root().MakeFile("project/input", "data\n");
  const std::string script = "[ \"$PWD\" = \"$HOME\" ] && cat " + Project("input");
  for (const std::vector<std::string>& options : {std::vector<std::string>{"--strict"}, {"--isolation", "strict"}}) {
    const RunResult result = Shell("[ \"$(pwd)\" = \"$HOME\" ] && echo x > ./w && echo scratch", options);
    EXPECT_EQ(result.out, "scratch\n") << ::testing::PrintToString(result);
    EXPECT_NE(Shell("cat " + Project("input"), options).code, 0);
  }
  EXPECT_EQ(Shell("cat " + Project("input")).out, "data\n");
}

TEST_P(RunTest, PermissiveStandsInTheCurrentDirectoryAndWritesIt) {
  const RunResult result = Shell("echo x > made && pwd", {"--permissive"});
  EXPECT_EQ(result.code, 0) << ::testing::PrintToString(result);
  EXPECT_TRUE(Exists(Project("made")));
}

// Where a name in the root is closed, what is beside it is mounted one by one.
TEST_P(RunTest, PermissiveIsTheSameBesideAClosedHome) {
  if (Leash({"run", "--namespaces", "require", "true"}).code != 0) GTEST_SKIP() << "no namespaces here";
  const std::string script =
      "echo x > /dev/null && head -c 2 /dev/zero | wc -c; test -w /sys/bus/cpu/drivers_probe; echo $?";
  std::vector<std::string> options = {"--permissive", "--namespaces", "require"};
  EXPECT_EQ(Shell(script, options).out, "2\n1\n");
  options.emplace_back("--protect-home");
  EXPECT_EQ(Shell(script, options).out, "2\n1\n");
  if (uid() == 0) {
    EXPECT_EQ(::access("/sys/bus/cpu/drivers_probe", W_OK), 0) << "the control";
  }
}

TEST_P(RunTest, DeniedPathsStayClosed) {
  root().MakeFile("project/secret", "s\n");
  EXPECT_NE(Shell("cat secret", {"--deny", "secret"}).code, 0);
  EXPECT_EQ(Shell("cat secret").out, "s\n");
}

TEST_P(RunTest, GrantsOpenWhatTheyName) {
  root().MakeFile("other/file", "f\n");
  root().MakeDirectory("out");
  const std::string read = "cat " + root().Path("other/file");
  const std::string write = "echo x > " + root().Path("out/new");
  EXPECT_NE(Shell(read).code, 0);
  EXPECT_NE(Shell(write).code, 0);
  EXPECT_EQ(Shell(read, {"--readable", root().Path("other")}).out, "f\n");
  EXPECT_EQ(Shell(write, {"--writable", root().Path("out")}).code, 0);
  EXPECT_EQ(Shell(write, {"--grant", "rw:../out"}).code, 0);
}

TEST_P(RunTest, TheScratchDirectoryGoesUnlessKept) {
  const RunResult gone = Shell("echo x > $HOME/f; echo $HOME");
  EXPECT_EQ(gone.code, 0) << ::testing::PrintToString(gone);
  EXPECT_FALSE(Exists(gone.out.substr(0, gone.out.size() - 1)));
  for (const char* option : {"--keep", "--keep-working-dir"}) {
    const RunResult kept = Shell("echo x > $HOME/f; echo $HOME; exit 4", {option});
    EXPECT_EQ(kept.code, 4);
    const std::string path = kept.out.substr(0, kept.out.size() - 1);
    EXPECT_EQ(kept.err, "leash: kept " + path + "\n");
    EXPECT_EQ(ReadFile(path + "/f"), "x\n");
    EXPECT_EQ(path.rfind("/tmp/leash-", 0), 0U) << path;
    std::system(("rm -rf '" + path.substr(0, path.rfind('/')) + "'").c_str());
  }
}

TEST_P(RunTest, TheEnvironmentIsWhatWasAskedFor) {
  Start start =
      StartOf({"run", "-e", "A=1=2", "--env", "A=3=4", "-e", "EMPTY=", "--env-passthrough", "TOKEN",
               "--env-passthrough", "UNSET", "sh", "-c", "echo \"$A|$EMPTY|$TOKEN|${UNSET-unset}|${OTHER-unset}\""});
  start.environment.emplace_back("TOKEN", "t");
  start.environment.emplace_back("OTHER", "o");
  EXPECT_EQ(Run(start).out, "3=4||t|unset|unset\n");
}

TEST_P(RunTest, ClosedStandardStreamsDoNoHarm) {
  Start start = StartOf({"run", "sh", "-c", "echo x; echo y >&2; cat; exit 5"});
  start.closed = {0, 1, 2};
  const RunResult result = Run(start);
  EXPECT_EQ(result.code, 5);
  EXPECT_EQ(result.out + result.err, "");
}

TEST_P(RunTest, VerboseSpeaksOnStderrAlone) {
  const RunResult result = Leash({"run", "-v", "echo", "x"});
  EXPECT_EQ(result.out, "x\n");
  EXPECT_EQ(result.err.rfind("leash[info]: ", 0), 0U) << result.err;
}

TEST_P(RunTest, ARemovedCurrentDirectoryIsAnError) {
  const std::string gone = root().MakeDirectory("gone");
  HandOver();
  Start start = StartOf({"-c", "rmdir " + gone + "; exec \"$0\" run true", binary()});
  start.directory = gone;
  EXPECT_TRUE(FailsWith(LeashProcess("/bin/sh", start).Finish(), 125, "cannot tell the current directory"));
}

}  // namespace
}  // namespace leash::testing
