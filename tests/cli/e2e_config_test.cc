// Configuration files: named, found, refused, overridden.
#include <sys/stat.h>
#include <unistd.h>

#include "gmock/gmock.h"
#include "leash_process.h"

namespace leash::testing {
namespace {

class ConfigTest : public LeashTest {
 protected:
  // Named files are not looked for: they lie beside the project.
  std::string Named(std::string_view text) const { return root().MakeFile("named/some.toml", text); }
  void Found(std::string_view text) const { root().MakeFile("project/leash.toml", text); }
};
INSTANTIATE_TEST_SUITE_P(Users, ConfigTest, ::testing::ValuesIn(Users()), UserName);

TEST_P(ConfigTest, DenyOnTheLineBeatsAllowInTheFile) {
  const std::string file = Named("network = \"allow\"\n");
  EXPECT_THAT(Leash({"explain", "--json", "-c", file}).out, ::testing::HasSubstr("\"network\": \"policy\""));
  EXPECT_THAT(Leash({"explain", "--json", "-c", file, "--network", "deny"}).out,
              ::testing::HasSubstr("\"network\": \"denied\""));
}

TEST_P(ConfigTest, AMisspeltKeyIsAnError) {
  const std::string file = Named("# settings\nnetwrok = \"deny\"\n");
  EXPECT_TRUE(
      FailsWith(Leash({"run", "-c", file, "true"}), 125, file + ":2: unknown key 'netwrok'; did you mean 'network'?"));
  EXPECT_TRUE(FailsWith(Leash({"explain", "--config=" + file}), 125, "netwrok"));
}

TEST_P(ConfigTest, WrongFilesAreOneLineAnd125) {
  EXPECT_TRUE(FailsWith(Leash({"run", "-c", "missing.toml", "true"}), 125, "cannot open missing.toml"));
  EXPECT_TRUE(FailsWith(Leash({"run", "-c", ".", "true"}), 125, "cannot read ."));
  EXPECT_TRUE(FailsWith(Leash({"run", "-c", Named("network deny\n"), "true"}), 125, "some.toml:1:9: "));
  EXPECT_TRUE(FailsWith(Leash({"run", "-c", Named("network = 1\n"), "true"}), 125, "must be a string"));
  EXPECT_TRUE(FailsWith(Leash({"run", "-c", Named("[paths]\nreadable = [\"$NOPE\"]\n"), "true"}), 125,
                        "the variable NOPE is not set"));
  EXPECT_TRUE(FailsWith(Leash({"run", "-c", Named("[paths]\nreadable = [\"a\\u0000\"]\n"), "true"}), 125, "NUL"));
  EXPECT_TRUE(FailsWith(Leash({"run", "-c", Named("[paths]\nreadable = [\"missing\"]\n"), "true"}), 125, "missing"));
}

TEST_P(ConfigTest, RelativePathsStartAtTheFile) {
  root().MakeFile("named/data/input", "i\n");
  const std::string file = Named("[paths]\nreadable = [\"data\"]\n");
  EXPECT_EQ(Leash({"run", "-c", "../named/some.toml", "cat", root().Path("named/data/input")}).out, "i\n");
  EXPECT_NE(Leash({"run", "cat", root().Path("named/data/input")}).code, 0);
}

TEST_P(ConfigTest, EverySettingOfANamedFileIsTaken) {
  root().MakeDirectory("named/work");
  root().MakeFile("home/notes", "n\n");
  const std::string file = Named(
      "[paths]\nreadable = [\"~/notes\"]\n[workdir]\npath = \"work\"\n"
      "[env]\npassthrough = [\"TOKEN\"]\nset = { A = \"file\", B = \"$HOME\" }\n"
      "[limits]\nmax-open-files = 50\n");
  Start start =
      StartOf({"run", "-c", file, "-e", "A=line", "sh", "-c",
               "pwd; cat " + root().Path("home/notes") + "; echo \"$A $B $TOKEN\"; ulimit -n; echo x > made"});
  start.environment.emplace_back("TOKEN", "t");
  const RunResult result = Run(start);
  EXPECT_EQ(result.out, root().Path("named/work") + "\nn\nline $HOME t\n50\n") << ::testing::PrintToString(result);
  EXPECT_TRUE(Exists(root().Path("named/work/made")));
}

TEST_P(ConfigTest, AFileCanComeThroughAPipe) {
  HandOver();
  const Start start =
      StartOf({"-c", "echo '[env]\nset = { A = \"piped\" }' | \"$0\" run -c /dev/stdin sh -c 'echo $A'", binary()});
  EXPECT_EQ(LeashProcess("/bin/sh", start).Finish().out, "piped\n");
}

TEST_P(ConfigTest, AFoundFileCounts) {
  root().MakeFile("project/input", "data\n");
  EXPECT_EQ(Leash({"run", "cat", Project("input")}).code, 0);
  Found("isolation = \"strict\"\n");
  EXPECT_NE(Leash({"run", "cat", Project("input")}).code, 0);
  EXPECT_EQ(Leash({"run", "--no-config", "cat", Project("input")}).code, 0);
  EXPECT_EQ(Leash({"run", "--isolation", "default", "cat", Project("input")}).code, 0);
  EXPECT_EQ(Leash({"run", "-c", "/dev/null", "cat", Project("input")}).code, 0);
}

TEST_P(ConfigTest, AFileIsFoundUpwards) {
  root().MakeDirectory("project/deep/down");
  Found("[env]\nset = { A = \"found\" }\n");
  Start start = StartOf({"run", "sh", "-c", "echo $A"});
  start.directory = Project("deep/down");
  EXPECT_EQ(Run(start).out, "found\n");
}

TEST_P(ConfigTest, AFoundFileMayNotLoosen) {
  for (const char* text :
       {"isolation = \"permissive\"\n", "network = \"allow\"\n", "[security]\nprotect-home = false\n",
        "[security]\nallow-gpu = true\n", "[env]\npassthrough = [\"TOKEN\"]\n", "[paths]\nwritable = [\"..\"]\n",
        "[paths]\nexecutable = [\"/opt\"]\n", "[paths]\nreadable = [\"~/.ssh\"]\n",
        "[workdir]\npath = \"/var/tmp\"\n"}) {
    Found(text);
    EXPECT_TRUE(FailsWith(Leash({"run", "true"}), 125, "--no-config")) << text;
    EXPECT_EQ(Leash({"run", "--no-config", "true"}).code, 0) << text;
  }
}

TEST_P(ConfigTest, TheSameFileNamedMayLoosen) {
  root().MakeFile("home/.ssh/key", "k\n");
  Found("[paths]\nreadable = [\"~/.ssh\"]\n");
  EXPECT_TRUE(FailsWith(Leash({"run", "cat", root().Path("home/.ssh/key")}), 125, "protect_credentials"));
  EXPECT_EQ(Leash({"run", "-c", "leash.toml", "cat", root().Path("home/.ssh/key")}).out, "k\n");
}

TEST_P(ConfigTest, AFoundFileOpensNoProtectedPathByAnyName) {
  root().MakeFile("home/.ssh/key", "k\n");
  root().MakeFile("home/notes/n", "n\n");
  ASSERT_EQ(::symlink(root().Path("home/.ssh").c_str(), Project("keys").c_str()), 0);
  for (const char* path : {"~/.ssh", "~/.ssh/key", "../home/.ssh", "keys", "keys/key", "$HOME/.ssh/../.ssh"}) {
    Found(std::string("[paths]\nreadable = [\"") + path + "\"]\n");
    EXPECT_TRUE(FailsWith(Leash({"run", "true"}), 125, "protect_credentials")) << path;
  }
  // A directory above opens, and the key in it stays closed.
  Found("[paths]\nreadable = [\"~\"]\n");
  EXPECT_EQ(Leash({"run", "cat", root().Path("home/notes/n")}).out, "n\n");
  EXPECT_NE(Leash({"run", "cat", root().Path("home/.ssh/key")}).code, 0);
  // What the command line opens by name is open already.
  Found("[paths]\nreadable = [\"~/.ssh/key\"]\n");
  EXPECT_EQ(Leash({"run", "--readable", "../home/.ssh", "cat", root().Path("home/.ssh/key")}).out, "k\n");
}

TEST_P(ConfigTest, AFoundFileInTheHomeDirectoryOpensNoProtectedPath) {
  root().MakeFile("home/.ssh/key", "k\n");
  Start start = StartOf({"run", "true"});
  start.directory = root().Path("home");
  for (const char* text :
       {"[workdir]\npath = \".ssh\"\n", "[paths]\nwritable = [\".ssh\"]\n", "[paths]\nexecutable = [\".ssh\"]\n"}) {
    root().MakeFile("home/leash.toml", text);
    EXPECT_TRUE(FailsWith(Run(start), 125, "protect_credentials")) << text;
  }
}

TEST_P(ConfigTest, AFoundFileMayGrantWritingBesideItself) {
  root().MakeDirectory("project/out");
  Found("[paths]\nwritable = [\"out\"]\n");
  EXPECT_EQ(Leash({"run", "touch", "out/made"}).code, 0);
  EXPECT_TRUE(Exists(Project("out/made")));
}

TEST_P(ConfigTest, AFoundFileThatTheSandboxMayWriteIsRefused) {
  Found("");
  EXPECT_EQ(Leash({"run", "true"}).code, 0);
  EXPECT_TRUE(FailsWith(Leash({"run", "--workdir", ".", "true"}), 125, "the sandbox may write it"));
  EXPECT_TRUE(FailsWith(Leash({"run", "--writable", ".", "true"}), 125, "the sandbox may write it"));
  EXPECT_TRUE(FailsWith(Leash({"run", "--permissive", "true"}), 125, "the sandbox may write it"));
  EXPECT_EQ(Leash({"run", "--workdir", ".", "--config", "leash.toml", "true"}).code, 0);
  EXPECT_EQ(Leash({"run", "--workdir", ".", "--no-config", "true"}).code, 0);
}

TEST_P(ConfigTest, AFoundFileMustBeTheUsersAlone) {
  Found("");
  ASSERT_EQ(::chmod(Project("leash.toml").c_str(), 0664), 0);
  EXPECT_TRUE(FailsWith(Leash({"run", "true"}), 125, "may be written by others"));
  ASSERT_EQ(::unlink(Project("leash.toml").c_str()), 0);
  ASSERT_EQ(::symlink("/dev/null", Project("leash.toml").c_str()), 0);
  EXPECT_TRUE(FailsWith(Leash({"run", "true"}), 125, "is not a regular file"));
  ASSERT_EQ(::unlink(Project("leash.toml").c_str()), 0);
  ASSERT_EQ(::mkfifo(Project("leash.toml").c_str(), 0600), 0);
  EXPECT_TRUE(FailsWith(Leash({"run", "true"}), 125, "is not a regular file"));
}

TEST_P(ConfigTest, AFoundFileOfAnotherUserIsRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "ordinary_user_tests: giving a file away needs root";
  Found("");
  HandOver();
  ASSERT_EQ(::chown(Project("leash.toml").c_str(), 1234, 1234), 0);
  EXPECT_TRUE(FailsWith(LeashProcess(binary(), StartOf({"run", "true"})).Finish(), 125, "belongs to another user"));
}

TEST_P(ConfigTest, MessagesCannotDriveTheTerminal) {
  Found("\"\\u001b[2J\" = 1\n");
  const RunResult result = Leash({"run", "true"});
  EXPECT_TRUE(FailsWith(result, 125, "unknown key '\\x1b[2J'"));
  EXPECT_EQ(result.err.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace leash::testing
