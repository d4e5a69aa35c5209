// Names that must not be planted in a project: SecurityConfig::protect_project_files.
#include "guarantees.h"

namespace leash::guarantees {
namespace {

class ProjectFiles : public Guarantees {
 protected:
  std::string project() const { return world().home() + "/project"; }

  // Runs a shell script in the project, which it may write.
  Result Work(const std::string& script, std::vector<std::string> more = {}) const {
    std::vector<std::string> flags = TierFlags();
    flags.insert(flags.end(), {"--workdir", project(), "--protect-project-files"});
    flags.insert(flags.end(), more.begin(), more.end());
    return world().Inside(flags, {"/bin/sh", "-c", script});
  }
  // What a shell outside says.
  std::string Outside(const std::string& script) const {
    return world().Outside({"/bin/sh", "-c", "cd " + project() + " && { " + script + "; }"}).output;
  }
  void MakeRepository() const {
    world().Reset();
    ASSERT_EQ(Outside("mkdir -p .git/hooks .vscode && echo '[core]' > .git/config && echo '{}' > .vscode/tasks.json && "
                      "ln -s main.c .claude && echo made"),
              "made\n");
  }
  void TearDown() override {
    if (!IsSkipped()) Outside("rm -rf .git .vscode .claude .mcp.json .bashrc leash.toml .idea new .g2");
  }
};

// The control: without the protection the same commands do all this.
TEST_P(ProjectFiles, AreChangedWhenAsked) {
  MakeRepository();
  Work("echo x > .git/hooks/pre-commit; echo y > .git/config; echo z > .vscode/tasks.json; echo a > .mcp.json",
       {"--no-protect-project-files"});
  EXPECT_EQ(Outside("cat .git/hooks/pre-commit .git/config .vscode/tasks.json .mcp.json"), "x\ny\nz\na\n");
}

TEST_P(ProjectFiles, StayAsTheyAre) {
  MakeRepository();
  for (const char* act :
       {"echo x > .git/config", "rm -f .git/config; echo x > .git/config", "echo x > c; mv -f c .git/config; rm -f c",
        "ln -f main.c .git/config", "echo x > .git/hooks/pre-commit",
        "mv .git .g2; mkdir -p .git/hooks; "
        "echo x > .git/config; echo x > .git/hooks/post-merge; rm -rf .g2",
        "rm -rf .vscode; mkdir .vscode; echo x > .vscode/tasks.json", "chmod 777 .git/hooks",
        "rm .claude; mkdir .claude; echo x > .claude/settings.json"}) {
    SCOPED_TRACE(act);
    Work(act);
    EXPECT_EQ(Outside("cat .git/config .vscode/tasks.json; ls .git/hooks; readlink .claude; stat -c %A .git/hooks | "
                      "grep -c rwxrwxrwx; ls -d .git/config.* .vscode?* 2>/dev/null"),
              "[core]\n{}\nmain.c\n0\n");
  }
}

TEST_P(ProjectFiles, AreNotPlanted) {
  MakeRepository();
  for (const char* act :
       {"echo x > .mcp.json", "mkdir .idea; echo x > .idea/tasks", "ln -s main.c leash.toml", "ln main.c .bashrc",
        "echo x > c; mv c .mcp.json", "mkdir d; mv d .idea", "mkfifo .bashrc", "echo x > .git/config.worktree"}) {
    SCOPED_TRACE(act);
    const Result result = Work(std::string(act) + "; echo done");
    EXPECT_EQ(result.output, "done\n") << result.Describe();
    EXPECT_NE(result.errors.find("is protected: moved to "), std::string::npos) << result.Describe();
    EXPECT_EQ(Outside("ls -d .mcp.json .idea leash.toml .bashrc .git/config.worktree 2>/dev/null"), "");
  }
}

// A repository is for committing, and a project for working in.
TEST_P(ProjectFiles, LeaveTheRestToWorkWith) {
  MakeRepository();
  const Result result = Work(
      "echo x > new && mkdir -p .git/objects/ab && echo o > .git/objects/ab/c && echo r > .git/index.lock && "
      "mv .git/index.lock .git/index && cat .git/config && echo done");
  EXPECT_EQ(result.output, "[core]\ndone\n") << result.Describe();
  EXPECT_EQ(result.errors, "");
  EXPECT_EQ(Outside("cat new .git/index"), "x\nr\n");
}

// A grant on the path itself is a user's word.
TEST_P(ProjectFiles, OpenByAGrant) {
  MakeRepository();
  const Result result = Work("echo x > .vscode/tasks.json && echo done", {"--writable", project() + "/.vscode"});
  EXPECT_EQ(result.output, "done\n") << result.Describe();
  EXPECT_EQ(Outside("cat .vscode/tasks.json"), "x\n");
}

LEASH_EVERY_SETTING(ProjectFiles);

}  // namespace
}  // namespace leash::guarantees
