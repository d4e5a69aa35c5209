#include "config_discovery.h"

#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "gtest/gtest.h"
#include "options.h"
#include "temporary_directory.h"

namespace leash::cli {
namespace {

using testing::TemporaryDirectory;

std::string MessageOf(const absl::Status& status) { return std::string(status.message()); }

bool Mentions(const absl::Status& status, std::string_view text) {
  return MessageOf(status).find(text) != std::string::npos;
}

TEST(FindConfigFile, TakesTheNearestUpwards) {
  const TemporaryDirectory root;
  root.MakeFile("leash.toml", "# outer\n");
  const std::string below = root.MakeDirectory("a/b/c");
  const auto outer = FindConfigFile(below, ::geteuid());
  ASSERT_TRUE(outer.ok()) << outer.status();
  ASSERT_TRUE(outer->has_value());
  EXPECT_EQ((*outer)->path, root.Path("leash.toml"));
  EXPECT_EQ((*outer)->directory, root.path());
  EXPECT_EQ((*outer)->text, "# outer\n");
  root.MakeFile("a/b/leash.toml", "# inner\n");
  const auto inner = FindConfigFile(below, ::geteuid());
  ASSERT_TRUE(inner.ok() && inner->has_value());
  EXPECT_EQ((*inner)->text, "# inner\n");
}

TEST(FindConfigFile, FindsNothingWhereThereIsNone) {
  if (testing::Exists("/leash.toml") || testing::Exists("/tmp/leash.toml")) GTEST_SKIP() << "a leash.toml lies above";
  const TemporaryDirectory root;
  const auto found = FindConfigFile(root.MakeDirectory("a"), ::geteuid());
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_FALSE(found->has_value());
}

TEST(FindConfigFile, RefusesWhatIsNoRegularFile) {
  const TemporaryDirectory root;
  const std::string name = root.Path("leash.toml");
  root.MakeFile("real.toml", "");
  ASSERT_EQ(::symlink("real.toml", name.c_str()), 0);
  EXPECT_TRUE(Mentions(FindConfigFile(root.path(), ::geteuid()).status(), "is not a regular file"));
  ASSERT_EQ(::unlink(name.c_str()), 0);
  ASSERT_EQ(::mkfifo(name.c_str(), 0644), 0);
  EXPECT_TRUE(Mentions(FindConfigFile(root.path(), ::geteuid()).status(), "is not a regular file"));
  ASSERT_EQ(::unlink(name.c_str()), 0);
  ASSERT_EQ(::mkdir(name.c_str(), 0755), 0);
  EXPECT_TRUE(Mentions(FindConfigFile(root.path(), ::geteuid()).status(), "is not a regular file"));
}

TEST(FindConfigFile, RefusesAFileThatOthersMayWrite) {
  const TemporaryDirectory root;
  for (const mode_t mode : {0664U, 0646U, 0666U}) {
    root.MakeFile("leash.toml", "", mode);
    EXPECT_TRUE(Mentions(FindConfigFile(root.path(), ::geteuid()).status(), "may be written by others")) << mode;
  }
  root.MakeFile("leash.toml", "", 0640);
  EXPECT_TRUE(FindConfigFile(root.path(), ::geteuid()).ok());
}

TEST(FindConfigFile, RefusesAnotherUsersFile) {
  if (::geteuid() != 0) GTEST_SKIP() << "giving a file away needs root";
  const TemporaryDirectory root;
  root.MakeFile("leash.toml", "");
  root.GiveTo(1234);
  EXPECT_TRUE(Mentions(FindConfigFile(root.path(), 0).status(), "belongs to another user (uid 1234)"));
  EXPECT_TRUE(Mentions(FindConfigFile(root.path(), 4321).status(), "belongs to another user"));
  EXPECT_TRUE(FindConfigFile(root.path(), 1234).ok());  // the user's own
  root.GiveTo(0);
  EXPECT_TRUE(FindConfigFile(root.path(), 1234).ok());  // root's
}

TEST(FindConfigFile, RefusesAnEndlessFile) {
  const TemporaryDirectory root;
  root.MakeFile("leash.toml", std::string((1 << 20) + 1, '#'));
  EXPECT_TRUE(Mentions(FindConfigFile(root.path(), ::geteuid()).status(), "longer than 1 MiB"));
}

TEST(ReadNamedFile, TellsWhatIsMissing) {
  EXPECT_EQ(MessageOf(ReadNamedFile("/nonexistent/x.toml").status()),
            "cannot open /nonexistent/x.toml: No such file or directory");
  EXPECT_FALSE(ReadNamedFile("/tmp").ok());
}

// What a found file with this text would be told, standing in `root`.
absl::Status Judged(const TemporaryDirectory& root, std::string_view text, const Layer& flags = {}) {
  const auto file = ParseConfigFile(text, root.Path("leash.toml"), root.path(), base::Environment::OfProcess());
  if (!file.ok()) return file.status();
  const auto settings = Combine(file->layer, flags, root.path());
  if (!settings.ok()) return settings.status();
  return CheckFoundFile(*file, *settings);
}

class FoundFileTest : public ::testing::Test {
 protected:
  void SetUp() override { root_.MakeFile("leash.toml", ""); }
  TemporaryDirectory root_;
};

TEST_F(FoundFileTest, MayTighten) {
  EXPECT_TRUE(
      Judged(root_,
             "isolation = \"strict\"\nnetwork = \"deny\"\n[security]\nprotect-home = true\n"
             "allow-gpu = false\n[limits]\ntimeout = 5\nbest-effort = false\n[paths]\ndeny = [\"/opt\"]\n[workdir]\n"
             "keep = true\n[env]\nset = { A = \"b\" }\n")
          .ok());
}

TEST_F(FoundFileTest, MayGrantReadingAnywhere) {
  EXPECT_TRUE(Judged(root_, "[paths]\nreadable = [\"/var/lib\"]\n").ok());
}

TEST_F(FoundFileTest, MayGrantMoreInsideItsOwnDirectory) {
  root_.MakeDirectory("out");
  EXPECT_TRUE(Judged(root_, "[paths]\nwritable = [\"out\"]\nexecutable = [\"out\"]\n").ok());
  EXPECT_TRUE(Judged(root_, "[workdir]\npath = \"out\"\n").ok());
}

// Each guard by name, by what it is in, and by what is in it; in a repository below, too.
TEST_F(FoundFileTest, MayNotOpenWhatIsGuarded) {
  for (const char* directory : {".git/hooks/x", ".vscode", "sub/.git/hooks", "out"}) root_.MakeDirectory(directory);
  root_.MakeFile(".git/config", "");
  for (const char* path : {".git", ".git/hooks", ".git/hooks/x", ".git/config", ".vscode", "sub/.git"}) {
    const std::string list = std::string("= [\"") + path + "\"]\n";
    EXPECT_TRUE(Mentions(Judged(root_, "[paths]\nwritable " + list), "which protect_project_files guards")) << path;
    EXPECT_TRUE(Judged(root_, "[paths]\nexecutable " + list).ok()) << path;
    const std::string value = std::string("= \"") + path + "\"\n";
    EXPECT_TRUE(Mentions(Judged(root_, "[python]\nvenv " + value), "which protect_project_files guards")) << path;
  }
  EXPECT_TRUE(Mentions(Judged(root_, "[workdir]\npath = \".git\"\n"), "guards"));
  EXPECT_TRUE(Judged(root_, "[paths]\nwritable = [\"out\", \"sub\"]\n").ok());
  EXPECT_TRUE(Judged(root_, "[python]\nvenv = \"new/.venv\"\n").ok());
}

TEST_F(FoundFileTest, MayNotSayWhichPythonRuns) {
  EXPECT_TRUE(Mentions(Judged(root_, "[python]\ninterpreter = \"bin/python\"\n"), "is a path"));
  EXPECT_TRUE(Judged(root_, "[python]\ninterpreter = \"python3.12\"\n").ok());
  EXPECT_TRUE(Mentions(Judged(root_, "[python]\nvenv = \".\"\n"), "the file's own directory"));
  // Through a link that came along.
  ASSERT_EQ(::symlink("/var/tmp", root_.Path("link").c_str()), 0);
  for (const char* text : {"venv = \"link\"", "requirements = [\"link/r.txt\"]", "find-links = [\"link\"]"}) {
    EXPECT_TRUE(Mentions(Judged(root_, std::string("[python]\n") + text + "\n"), "is outside")) << text;
  }
}

TEST_F(FoundFileTest, MayNotLoosen) {
  const std::string where = root_.Path("leash.toml");
  const auto refused = [&](std::string_view text, std::string_view expected) {
    const absl::Status status = Judged(root_, text);
    EXPECT_TRUE(Mentions(status, where + std::string(expected))) << text << "\n" << status;
    EXPECT_TRUE(Mentions(status, "--config ")) << status;
    EXPECT_TRUE(Mentions(status, "--no-config")) << status;
  };
  refused("isolation = \"permissive\"\n", ":1: isolation");
  refused("network = \"allow\"\n", ":1: network");
  refused("network = \"allow-list\"\nallow-domains = [\"x.y\"]\n", ":1: network");
  refused("[security]\nprotect-home = false\n", ":2: security.protect-home");
  refused("[security]\n\nallow-tty = true\n", ":3: security.allow-tty");
  refused("[limits]\nbest-effort = true\n", ":2: limits.best-effort");
  refused("listen = [\"8080\"]\n", ":1: listen");
  refused("[env]\npassthrough = [\"TOKEN\"]\n", ":2: env.passthrough");
  refused("[paths]\nwritable = [\"/var/tmp\"]\n", ":2: paths.writable");
  refused("[paths]\nexecutable = [\"..\"]\n", ":2: paths.executable");
  refused("[paths]\ngrants = [\"rx:/opt\"]\n", ":2: paths.grants");
  refused("[workdir]\npath = \"..\"\n", ":2: workdir.path");
}

TEST_F(FoundFileTest, MayNotReachOutsideThroughALink) {
  ASSERT_EQ(::symlink("/var/tmp", root_.Path("out").c_str()), 0);
  EXPECT_TRUE(Mentions(Judged(root_, "[paths]\nwritable = [\"out\"]\n"), ":2: paths.writable"));
}

TEST_F(FoundFileTest, MayNotOpenWhatAProtectionCloses) {
  EXPECT_TRUE(Mentions(Judged(root_, "[paths]\nreadable = [\"/etc/shadow\"]\n"),
                       ":2: paths.readable opens /etc/shadow, which protect_credentials closes"));
  Layer unprotected;
  for (const Toggle& toggle : Toggles()) {
    if (toggle.name == "protect-credentials") unprotected.security = {{&toggle, false}};
  }
  EXPECT_TRUE(Judged(root_, "[paths]\nreadable = [\"/etc/shadow\"]\n", unprotected).ok());
}

TEST_F(FoundFileTest, IsNotUsedWhereTheSandboxCouldChangeIt) {
  Layer workdir;
  workdir.working_dir = root_.path();
  EXPECT_TRUE(Mentions(Judged(root_, "", workdir), "the sandbox may write it"));
  Layer granted;
  granted.grants = {{root_.path(), Access::kReadWrite}};
  EXPECT_TRUE(Mentions(Judged(root_, "", granted), "the sandbox may write it"));
  Layer permissive;
  permissive.isolation = Isolation::kPermissive;
  EXPECT_TRUE(Mentions(Judged(root_, "", permissive), "the sandbox may write it"));
  EXPECT_TRUE(Mentions(Judged(root_, "[paths]\nwritable = [\".\"]\n"), "the sandbox may write it"));
  // Closing the file alone leaves its directory: it could be put aside.
  Layer closed = workdir;
  closed.denied = {root_.Path("leash.toml")};
  EXPECT_TRUE(Mentions(Judged(root_, "", closed), "the sandbox may write " + root_.path()));
  EXPECT_TRUE(Judged(root_, "").ok());
}

}  // namespace
}  // namespace leash::cli
