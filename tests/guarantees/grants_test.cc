// What a configuration says is what happens: missing paths, what may be written and where it goes, limits.
#include <signal.h>
#include <unistd.h>

#include "guarantees.h"
#include "tree.h"

namespace leash::guarantees {
namespace {

class Grants : public Guarantees {
 protected:
  // A script in a sandbox of this tier, with these options beside.
  Result Shell(const std::vector<std::string>& options, const std::string& script) {
    std::vector<std::string> flags = TierFlags();
    flags.insert(flags.end(), options.begin(), options.end());
    return world().Inside(flags, {"/bin/sh", "-c", script});
  }
};

TEST_P(Grants, OnAMissingPathAreAnErrorThatNamesIt) {
  for (const char* option : {"--readable", "--writable", "--executable", "--workdir"}) {
    const Result result = Shell({option, world().outside() + "/missing"}, "echo started");
    EXPECT_EQ(result.code, 125) << result.Describe();
    EXPECT_EQ(result.output, "");
    EXPECT_NE(result.errors.find("/missing"), std::string::npos) << result.Describe();
    EXPECT_EQ(result.errors.rfind("leash: ", 0), 0U) << result.Describe();
  }
}

TEST_P(Grants, CoverWhatTheyNameAndNothingBeside) {
  World& w = world();
  const std::string outside = w.outside();
  w.Reset();
  EXPECT_EQ(Shell({"--readable", outside}, "cat " + outside + "/dir/inner.txt").output, "outside/dir/inner.txt\n");
  EXPECT_EQ(Shell({"--writable", outside}, "echo text > " + outside + "/dir/made").code, 0);
  EXPECT_EQ(ReadWholeFile(outside + "/dir/made"), "text\n");
  const std::vector<std::string> one_file = {"--writable", outside + "/public.txt"};
  EXPECT_EQ(Shell(one_file, "echo text > " + outside + "/public.txt").code, 0);
  EXPECT_EQ(ReadWholeFile(outside + "/public.txt"), "text\n");
  if (tier() == Isolation::kPermissive) return;
  // With namespaces it may be told nothing, when all this is in /tmp: the directory around the file is its own then.
  const int code = Shell(one_file, "echo text > " + outside + "/other.txt").code;
  EXPECT_TRUE(code != 0 || with_namespaces());
  EXPECT_EQ(ReadWholeFile(outside + "/other.txt"), "outside/other.txt\n");
}

TEST_P(Grants, OfTheScratchDirectoryEndWithIt) {
  const Result result = Shell({}, "test \"$HOME\" = \"$TMPDIR\" && cd && echo x > file && cat file && pwd && ls -ld .");
  EXPECT_EQ(result.code, 0) << result.Describe();
  EXPECT_EQ(result.output.rfind("x\n" + world().temporary() + "/leash-", 0), 0U) << result.Describe();
  EXPECT_NE(result.output.find("\ndrwx------"), std::string::npos) << result.Describe();
  EXPECT_TRUE(world().Leftovers().empty());
}

TEST_P(Grants, OfTheWorkingDirectoryKeepIt) {
  world().Reset();
  const std::string directory = world().outside() + "/empty";
  EXPECT_EQ(Shell({"--workdir", directory}, "pwd && echo x > kept").output, directory + "\n");
  EXPECT_EQ(ReadWholeFile(directory + "/kept"), "x\n");
}

// The permissive tier does not promise this: what the user may read, it reads.
class Neighbours : public Guarantees {};

TEST_P(Neighbours, AreOutOfReach) {
  World& w = world();
  Background background(w.InsideStart(
      TierFlags(), {"/bin/sh", "-c", "umask 0; echo secret > $TMPDIR/secret; echo $TMPDIR/secret; read line"}));
  const std::string path = ReadLine(background.output());
  ASSERT_EQ(w.Outside({"/bin/cat", path}).output, "secret\n") << "control: " << path;
  EXPECT_NE(w.Inside(TierFlags(), {"/bin/cat", path}).code, 0);
  std::vector<std::string> flags = TierFlags();
  flags.insert(flags.end(), {"--readable", w.temporary()});
  EXPECT_NE(w.Inside(flags, {"/bin/cat", path}).code, 0) << "under a grant on the temporary directory";
  EXPECT_EQ(background.Wait(std::chrono::seconds(10)).code, 1);  // its stdin ended
}

// The same mechanism in every tier.
class Limits : public Grants {};

TEST_P(Limits, OfFilesDescriptorsAndProcessorTimeHold) {
  const Result size = Shell({"--max-file-size", "1024"},
                            "cd; head -c 512 /dev/zero > small && echo small; "
                            "head -c 65536 /dev/zero > large 2>/dev/null || echo refused; wc -c < large");
  EXPECT_EQ(size.output, "small\nrefused\n1024\n") << size.Describe();
  EXPECT_EQ(Shell({"--max-open-files", "16"}, "ulimit -n; ulimit -H -n").output, "16\n16\n");
  const int code = Shell({"--max-cpu-time", "1"}, "while :; do :; done").code;
  EXPECT_TRUE(code == 128 + SIGKILL || code == 128 + SIGXCPU) << code;
}

TEST_P(Limits, OfMemoryHold) {
  if (access("/usr/bin/perl", X_OK) == -1) GTEST_SKIP() << "no perl";
  const std::string grow = "perl -e 'my $x = \"x\" x (200 << 20); print length $x' 2>/dev/null || echo refused";
  EXPECT_EQ(Shell({}, grow).output, "209715200") << "control";
  EXPECT_EQ(Shell({"--max-memory", "64M"}, grow).output, "refused\n");
}

TEST_P(Limits, OfProcessesHold) {
  const Result result =
      Shell({"--max-processes", "4"}, "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 1 & done 2>/dev/null; wait; echo done");
  // As root that takes a control group: without one, leash says so rather than promise in vain.
  EXPECT_EQ(result.output, "") << "every process was started";
  EXPECT_NE(result.code, 0) << result.Describe();
}

LEASH_EVERY_SETTING(Grants);
LEASH_EVERY_CLOSED_SETTING(Neighbours);
LEASH_EVERY_DEFAULT_SETTING(Limits);

}  // namespace
}  // namespace leash::guarantees
