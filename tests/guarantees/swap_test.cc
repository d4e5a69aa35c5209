// Grants are opened once: a directory that is swapped for a symbolic link between two commands of one sandbox changes
// nothing. Through the library, because `leash run` has one command only.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "guarantees.h"
#include "leash/leash.h"
#include "tree.h"

namespace leash::guarantees {
namespace {

class DirectorySwap : public ForEachUser {};

// What one run of the chain came to, as the exit code of the process that it ran in.
enum Outcome { kClosed = 0, kLeaked = 1, kBroken = 2 };

int Broken(const std::string& what, const std::string& detail) {
  fprintf(stderr, "%s: %s\n", what.c_str(), detail.c_str());
  return kBroken;
}

// In a sandbox that may write `parent`, with `parent/place` as one of its grants: swap it for a link to the home, and
// look for a key below it.
int RunChain(const SandboxConfig& config, const std::string& parent, const std::string& home) {
  auto sandbox = Sandbox<>::Create({config, DenyAll()});
  if (!sandbox.ok()) return Broken("create", std::string(sandbox.status().message()));
  auto before = sandbox->Command("/bin/cat").Arg(parent + "/place/inner.txt").Output();
  if (!before.ok() || !before->status.Success()) return Broken("control", before.ok() ? before->stderr_bytes : "error");
  const std::string script = "mv " + parent + "/place " + parent + "/moved && ln -s " + home + " " + parent + "/place";
  auto swap = sandbox->Command("/bin/sh").Arg("-c").Arg(script).Output();
  if (!swap.ok()) return Broken("swap", std::string(swap.status().message()));
  // With namespaces the grant is a mount, which cannot be moved inside; somebody outside still can.
  if (swap->status.Success() == sandbox->Isolation().namespaces) return Broken("swap", swap->stderr_bytes);
  if (sandbox->Isolation().namespaces && system(script.c_str()) != 0) return Broken("swap", "outside");
  for (const char* path : {"/place/.ssh/id_x", "/place/notes.txt"}) {
    auto after = sandbox->Command("/bin/cat").Arg(parent + path).Output();
    if (after.ok() && after->status.Success()) return kLeaked;
  }
  auto standing = sandbox->Command("/bin/cat").CurrentDir(parent + "/place").Arg("notes.txt").Output();
  return standing.ok() && standing->status.Success() ? kLeaked : kClosed;
}

// Runs as the user, in a process of its own; `configure` gets the parent directory.
template <typename F>
int SwapOnce(World& world, Namespaces namespaces, F configure) {
  const std::string parent = world.root() + "/scratch/swap";
  RemoveTree(parent);
  MakeDirectory(parent, 0755, world.who());
  MakeDirectory(parent + "/place", 0755, world.who());
  WriteFile(parent + "/place/inner.txt", "inner\n", 0644, world.who());
  return RunAs(world.who(), [&] {
    setenv("HOME", world.home().c_str(), 1);
    setenv("TMPDIR", world.temporary().c_str(), 1);
    if (chdir(world.empty_directory().c_str()) == -1) return static_cast<int>(kBroken);
    SandboxConfig config;
    config.isolation = Isolation::kStrict;
    config.namespaces = namespaces;
    config.grants.push_back({parent, Access::kReadWrite});
    configure(config, parent + "/place");
    return RunChain(config, parent, world.home());
  });
}

template <typename F>
int SwapAs(World& world, F configure) {
  const int closed = SwapOnce(world, Namespaces::kOff, configure);
  if (closed != kClosed || !HasNamespaces(world)) return closed;
  return SwapOnce(world, Namespaces::kRequire, configure);
}

TEST_P(DirectorySwap, OfTheWorkingDirectoryOpensNothing) {
  EXPECT_EQ(SwapAs(world(), [](SandboxConfig& config, const std::string& place) { config.working_dir = place; }),
            kClosed);
}

TEST_P(DirectorySwap, OfTheStartDirectoryOpensNothing) {
  EXPECT_EQ(SwapAs(world(), [](SandboxConfig& config, const std::string& place) { config.start_dir = place; }),
            kClosed);
}

TEST_P(DirectorySwap, OfAGrantOpensNothing) {
  EXPECT_EQ(SwapAs(world(),
                   [](SandboxConfig& config, const std::string& place) {
                     config.grants.push_back({place, Access::kReadWrite});
                   }),
            kClosed);
}

// A sandbox made from the same configuration after the swap opens what the link leads to as far as the rules on that
// allow: the home and its keys stay closed.
TEST_P(DirectorySwap, BeforeANewSandboxLeavesProtectionsClosed) {
  World& w = world();
  const std::string parent = w.root() + "/scratch/swap-new";
  RemoveTree(parent);
  MakeDirectory(parent, 0755, w.who());
  RunAs(w.who(), [&] { return symlink(w.home().c_str(), (parent + "/place").c_str()); });
  const std::string key = parent + "/place/.ssh/id_x";
  EXPECT_EQ(w.Outside({"/bin/cat", key}).code, 0) << "control";
  EXPECT_NE(w.Inside({"--isolation", "strict", "--readable", parent + "/place"}, {"/bin/cat", key}).code, 0);
  EXPECT_NE(w.Inside({"--isolation", "strict", "--workdir", parent + "/place"}, {"/bin/cat", key}).code, 0);
}

LEASH_EVERY_USER(DirectorySwap);

}  // namespace
}  // namespace leash::guarantees
