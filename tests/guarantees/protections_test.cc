// Whose rule wins: the most specific path. A grant on a directory above a protected path leaves it closed.
#include <pwd.h>

#include "guarantees.h"

namespace leash::guarantees {
namespace {

class Protections : public Guarantees {};

// The permissive tier protects nothing unless asked to.
const std::vector<std::string> kAskedFor = {"--protect-credentials",   "--protect-cloud-config",
                                            "--protect-browser-data",  "--protect-keychain",
                                            "--protect-shell-history", "--protect-package-credentials"};

std::vector<std::string> With(std::vector<std::string> flags, const std::vector<std::string>& more) {
  flags.insert(flags.end(), more.begin(), more.end());
  return flags;
}

const std::vector<std::string> kWritableHome = {"--writable", "{home}"};
const std::vector<std::string> kReadableHome = {"--readable", "{home}"};

// The acts on protected paths, each with the options under which it must be refused.
std::vector<Row> ProtectedActs(unsigned tiers, const std::vector<std::string>& flags) {
  const auto row = [&](const char* promise, const char* probe, std::vector<std::string> args, Effect effect) {
    return Row{
        .promise = promise, .probe = probe, .args = std::move(args), .tiers = tiers, .effect = effect, .flags = flags};
  };
  std::vector<Row> rows;
  for (const char* path :
       {"/.ssh/id_x", "/.aws/credentials", "/.gnupg/secring.gpg", "/.netrc", "/.npmrc", "/.bash_history",
        "/.config/gh/hosts.yml", "/.mozilla/logins.json", "/.local/share/keyrings/login.keyring"}) {
    const std::string full = std::string("{home}") + path;
    rows.push_back(row("a protected file is not read", "read", {full}, Effect::kNone));
    rows.push_back(row("nor appended to", "append", {full}, Effect::kTree));
  }
  // One in a protected directory, one protected by its own name, one deep in a directory that is not protected.
  for (const char* path : {"/.ssh/id_x", "/.netrc", "/.config/gh/hosts.yml"}) {
    const std::string full = std::string("{home}") + path;
    rows.push_back(row("a protected file is not truncated", "truncate", {full}, Effect::kTree));
    rows.push_back(row("nor removed", "unlink", {full}, Effect::kTree));
    rows.push_back(row("nor moved", "rename-in", {full}, Effect::kTree));
    rows.push_back(row("nor replaced", "rename-out", {full}, Effect::kTree));
    rows.push_back(row("nor linked elsewhere", "read-hard-link", {full}, Effect::kNone));
  }
  for (const char* path : {"/.aws/new", "/.git-credentials", "/.pypirc", "/.zsh_history"}) {
    rows.push_back(row("no file is made at a protected path", "create", {std::string("{home}") + path}, Effect::kTree));
    rows.back().instead = Instead::kUndone;  // made, and moved away at the end
  }
  for (const char* path : {"/.ssh/new", "/.kube"}) {
    const std::string full = std::string("{home}") + path;
    for (const char* probe : {"create", "mkdir", "symlink-out", "hardlink-out"}) {
      rows.push_back(row("nothing is made at a protected path", probe, {full}, Effect::kTree));
      rows.back().instead = Instead::kUndone;
    }
    rows.push_back(row("no directory is moved there", "rename-beside", {"{home}/project", full}, Effect::kTree));
    // With namespaces it goes on to quarantine, which is a change too: see guard_test.cc.
    if (full == "{home}/.kube") rows.back().mechanisms = kWithoutNamespaces;
  }
  rows.push_back(row("a protected directory is not listed", "list-dir", {"{home}/.ssh"}, Effect::kNone));
  rows.push_back(row("nor moved", "rename-beside", {"{home}/.ssh", "{home}/project/ssh"}, Effect::kTree));
  rows.push_back(
      row("nor moved with its parent", "rename-beside", {"{home}/.config", "{home}/project/config"}, Effect::kTree));
  rows.push_back(row("nor moved with the home", "rename-beside", {"{home}", "{outside}/home"}, Effect::kTree));
  return rows;
}

std::vector<Row> Both(std::vector<Row> rows, const std::vector<Row>& more) {
  rows.insert(rows.end(), more.begin(), more.end());
  return rows;
}

TEST_P(Protections, HoldUnderAGrantOnTheHome) {
  CheckRows(
      Both(ProtectedActs(kClosedTiers, kWritableHome), ProtectedActs(kPermissive, With(kAskedFor, kWritableHome))));
}

// In the permissive tier everything is granted without a word.
TEST_P(Protections, HoldUnderAGrantOnEverythingAroundTheHome) {
  CheckRows(Both(ProtectedActs(kClosedTiers, {"--writable", "{root}/tree"}), ProtectedActs(kPermissive, kAskedFor)));
}

const std::vector<Row> kSingle = {
    {.promise = "a grant for reading on the home leaves keys closed",
     .probe = "read",
     .args = {"{home}/.ssh/id_x"},
     .tiers = kClosedTiers,
     .flags = kReadableHome},
    {.promise = "and cannot be written through",
     .probe = "append",
     .args = {"{home}/notes.txt"},
     .tiers = kClosedTiers,
     .effect = Effect::kTree,
     .flags = kReadableHome},
    {.promise = "the home as current directory leaves keys closed",
     .probe = "read",
     .args = {".ssh/id_x"},
     .tiers = kDefault,
     .directory = "{home}"},
    {.promise = "also through /proc/self/cwd",
     .probe = "read-self-cwd",
     .args = {".ssh/id_x"},
     .tiers = kDefault,
     .directory = "{home}"},
    {.promise = "the home as working directory leaves keys closed",
     .probe = "read",
     .args = {"{home}/.ssh/id_x"},
     .tiers = kClosedTiers,
     .flags = {"--workdir", "{home}"}},
    {.promise = "for writing as well",
     .probe = "append",
     .args = {"{home}/.ssh/authorized_keys"},
     .tiers = kClosedTiers,
     .effect = Effect::kTree,
     .flags = {"--workdir", "{home}"}},
    {.promise = "without the protection of the home keys stay closed",
     .probe = "read",
     .args = {"{home}/.ssh/id_x"},
     .tiers = kClosedTiers,
     .flags = {"--no-protect-home"}},
    {.promise = "and it opens nothing for writing",
     .probe = "append",
     .args = {"{home}/notes.txt"},
     .tiers = kClosedTiers,
     .effect = Effect::kTree,
     .flags = {"--no-protect-home"}},
    {.promise = "a grant on one protected file opens no other",
     .probe = "read",
     .args = {"{home}/.ssh/id_x"},
     .tiers = kClosedTiers,
     .flags = {"--readable", "{home}/.ssh/config"}},
    {.promise = "nor its directory",
     .probe = "list-dir",
     .args = {"{home}/.ssh"},
     .tiers = kClosedTiers,
     .flags = {"--readable", "{home}/.ssh/config"},
     .mechanisms = kWithoutNamespaces},
    {.promise = "nor the file for writing",
     .probe = "append",
     .args = {"{home}/.ssh/config"},
     .tiers = kClosedTiers,
     .effect = Effect::kTree,
     .flags = {"--readable", "{home}/.ssh/config"}},
    {.promise = "a denied path is closed under a grant",
     .probe = "read",
     .args = {"{home}/project/main.c"},
     .flags = {"--readable", "{home}", "--deny", "{home}/project"}},
    {.promise = "for writing as well",
     .probe = "append",
     .args = {"{home}/project/main.c"},
     .effect = Effect::kTree,
     .flags = {"--writable", "{home}", "--deny", "{home}/project"}},
    {.promise = "a denied path that does not exist is not made",
     .probe = "create",
     .args = {"{outside}/dir/absent"},
     .effect = Effect::kTree,
     .flags = {"--writable", "{outside}", "--deny", "{outside}/dir/absent"},
     .instead = Instead::kUndone},
    {.promise = "password hashes stay closed in permissive when asked for",
     .probe = "read",
     .args = {"/etc/shadow"},
     .tiers = kPermissive,
     .flags = {"--protect-credentials"}},
    {.promise = "also under a grant on /etc",
     .probe = "read",
     .args = {"/etc/shadow"},
     .tiers = kClosedTiers,
     .flags = {"--readable", "/etc"}},
    {.promise = "what is writable is not executable",
     .probe = "exec-written",
     .tiers = kClosedTiers,
     .flags = {"--writable", "{root}/scratch", "--env", "TMPDIR={root}/scratch"}},
};

TEST_P(Protections, BeatWiderGrants) { CheckRows(kSingle); }

// ~/.ssh does not exist yet: it must not appear, or a later login would trust what the sandbox put there.
TEST_P(Protections, HoldForPathsThatDoNotExistYet) {
  std::vector<Row> rows;
  for (const char* probe : {"mkdir", "create", "symlink-out", "hardlink-out", "rename-out"}) {
    rows.push_back({.promise = "~/.ssh is not made under a grant on the home",
                    .probe = probe,
                    .args = {"{bare}/.ssh"},
                    .tiers = kClosedTiers,
                    .effect = Effect::kTree,
                    .flags = {"--writable", "{bare}"},
                    .environment = {"HOME={bare}"},
                    .instead = Instead::kUndone});
    rows.push_back(rows.back());
    rows.back().promise = "~/.ssh is not made in permissive when asked for";
    rows.back().tiers = kPermissive;
    rows.back().flags = kAskedFor;
  }
  CheckRows(rows);
}

// The protected name is a symbolic link: both the name and what it leads to are closed.
TEST_P(Protections, FollowSymbolicLinks) {
  const Row reading = {.promise = "credentials behind a link are not read",
                       .probe = "read",
                       .args = {"{linked}/.aws/credentials"},
                       .tiers = kClosedTiers,
                       .flags = {"--writable", "{root}/tree"},
                       .environment = {"HOME={linked}"}};
  std::vector<Row> rows = {reading, reading, reading};
  rows[1].promise = "nor where they are";
  rows[1].args = {"{elsewhere}/credentials"};
  rows[2].promise = "the link is not replaced";
  rows[2].probe = "unlink";
  rows[2].args = {"{linked}/.aws"};
  rows[2].effect = Effect::kTree;
  rows[2].instead = Instead::kUndone;
  for (std::size_t i = 0; i < 3; ++i) {
    rows.push_back(rows[i]);
    rows.back().tiers = kPermissive;
    rows.back().flags = {"--protect-cloud-config"};
  }
  CheckRows(rows);
}

// Contrast: what the rows above close is closed for its own sake, not because everything is.
TEST_P(Protections, LeaveTheRestOfAGrantOpen) {
  const std::vector<std::string> asked = tier() == Isolation::kPermissive ? kAskedFor : std::vector<std::string>();
  ExpectReached(With(asked, kReadableHome), {"read", "{home}/notes.txt"});
  ExpectReached(With(asked, kReadableHome), {"read", "{home}/.config/editor.ini"});
  ExpectReached(With(asked, kWritableHome), {"append", "{home}/notes.txt"});
  ExpectReached(With(asked, kWritableHome), {"create", "{home}/project/new"});
  ExpectReached(With(asked, kWritableHome), {"mkdir", "{home}/project/new"});
  ExpectReached(With(asked, {"--readable", "{home}/.ssh/config"}), {"read", "{home}/.ssh/config"});
  ExpectReached(With(asked, {"--writable", "{home}/.aws"}), {"append", "{home}/.aws/credentials"});
  ExpectReached(With(asked, {"--readable", "{home}", "--deny", "{home}/project"}), {"read", "{home}/notes.txt"});
}

// Without HOME, "~" is the home that the user database names; a sandbox that cannot tell must not start.
TEST_P(Protections, DoNotRelyOnTheVariableHome) {
  World& w = world();
  const passwd* user = getpwuid(UidOf(w.who()));
  if (user == nullptr) GTEST_SKIP() << "the user database does not know this user";
  const std::string key = std::string(user->pw_dir) + "/.ssh/id_x";
  for (const char* home : {"", "relative"}) {
    Extra extra;
    extra.environment = {std::string("HOME=") + home, "TMPDIR=" + w.temporary()};
    std::vector<std::string> argv = {w.leash(), "explain", "--no-config"};
    const std::vector<std::string> tier_flags = TierFlags();
    argv.insert(argv.end(), tier_flags.begin(), tier_flags.end());
    argv.insert(argv.end(), kAskedFor.begin(), kAskedFor.end());
    // What the grant is on must exist; "/" is above every home.
    argv.insert(argv.end(), {"--readable", "/", key});
    const Result result = w.Outside(argv, extra);
    if (result.code != 125) {
      EXPECT_EQ(result.output.rfind("none ", 0), 0U) << "HOME='" << home << "': " << result.Describe();
    }
  }
}

LEASH_EVERY_SETTING(Protections);

class DefaultTier : public Guarantees {};

TEST_P(DefaultTier, ReadsTheRestOfTheFileSystem) {
  ExpectReached({}, {"read", "{root}/start/here.txt"});
  if (!world().readable_by_default()) GTEST_SKIP() << "the build directory stands where the default tier reads nothing";
  ExpectReached({}, {"read", "{outside}/public.txt"});
  ExpectReached({"--no-protect-home"}, {"read", "{home}/notes.txt"});
}

LEASH_EVERY_DEFAULT_SETTING(DefaultTier);

}  // namespace
}  // namespace leash::guarantees
