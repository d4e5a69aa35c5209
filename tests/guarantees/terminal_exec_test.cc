// The terminal, what may be executed, and what a sandboxed program inherits.
#include <fcntl.h>
#include <unistd.h>

#include "guarantees.h"
#include "tree.h"

namespace leash::guarantees {
namespace {

class Terminal : public Guarantees {};
class Execution : public Guarantees {};
class Inheritance : public Guarantees {};

// The permissive tier keeps the terminal unless asked not to; nothing is typed into it in any tier.
const std::vector<Row> kTerminal = {
    {.promise = "there is no controlling terminal", .probe = "dev-tty", .tiers = kClosedTiers, .terminal = true},
    {.promise = "nor in permissive when it is closed",
     .probe = "dev-tty",
     .tiers = kPermissive,
     .flags = {"--no-allow-tty"},
     .terminal = true},
    {.promise = "nothing is typed into the terminal",
     .probe = "tiocsti",
     .args = {"0"},
     .effect = Effect::kTerminal,
     .terminal = true},
    {.promise = "nor with high bits in the request",
     .probe = "tiocsti-high",
     .args = {"0"},
     .effect = Effect::kTerminal,
     .terminal = true},
    {.promise = "nothing is pasted into the console", .probe = "tioclinux", .args = {"0"}, .terminal = true},
    {.promise = "nor with high bits in the request", .probe = "tioclinux-high", .args = {"0"}, .terminal = true},
    {.promise = "the console's output is not redirected", .probe = "tioccons", .args = {"0"}, .terminal = true},
    {.promise = "the terminal is not hung up", .probe = "vhangup", .terminal = true},
};

const std::vector<Row> kExecution = {
    {.promise = "what may be read may not be executed",
     .probe = "exec",
     .args = {"{readonly}"},
     .tiers = kClosedTiers,
     .flags = {"--readable", "{root}/readonly"}},
    {.promise = "a program that the sandbox wrote does not start", .probe = "exec-written", .tiers = kClosedTiers},
    {.promise = "nor a script", .probe = "exec-script", .tiers = kClosedTiers},
    {.promise = "nor by its descriptor", .probe = "exec-empty-written"},
    {.promise = "nothing is executed by a descriptor", .probe = "exec-empty-path", .args = {"{probe}"}},
    {.promise = "nor from memory", .probe = "exec-memfd"},
    {.promise = "nor through its path in /proc", .probe = "exec-memfd-path"},
    {.promise = "a set-user-ID program raises nobody", .probe = "exec-set-user-id", .args = {"{set_user_id}"}},
};

const std::vector<Row> kInheritance = {
    {.promise = "no inherited file can be read", .probe = "read-fd", .args = {"7"}},
    {.promise = "no file through an inherited directory", .probe = "read-dir-fd", .args = {"8", "public.txt"}},
    {.promise = "none is created through it", .probe = "create-dir-fd", .args = {"8", "new"}, .effect = Effect::kTree},
    {.promise = "no descriptor but the standard streams", .probe = "any-fd"},
    {.promise = "privileges cannot be gained", .probe = "may-gain-privileges"},
    {.promise = "no capability is held, not even by root", .probe = "capabilities"},
    {.promise = "variables of the caller are not seen", .probe = "variable", .args = {"LEASH_GUARANTEE_SECRET"}},
};

TEST_P(Terminal, IsNotTouched) { CheckRows(kTerminal); }
TEST_P(Execution, IsOfGrantedProgramsOnly) { CheckRows(kExecution); }
TEST_P(Inheritance, IsNothingButTheStandardStreams) { CheckRows(kInheritance); }

LEASH_EVERY_SETTING(Terminal);
LEASH_EVERY_SETTING(Execution);
LEASH_EVERY_SETTING(Inheritance);

// A standard stream is what it was opened for, not the file.
TEST_P(Inheritance, OfAStreamDoesNotOpenItsFileFurther) {
  if (tier() == Isolation::kPermissive) return;  // it opens the file by its path
  World& w = world();
  const std::string file = w.outside() + "/public.txt";
  const std::vector<std::string> rewrite = {"/bin/sh", "-c", "echo rewritten > /proc/self/fd/0"};
  for (const bool sandboxed : {false, true}) {
    w.Reset();
    const int fd = open(file.c_str(), O_RDONLY | O_CLOEXEC);
    Extra extra;
    extra.descriptors = {{fd, 0}};
    const Result result = sandboxed ? w.Inside(TierFlags(), rewrite, extra) : w.Outside(rewrite, extra);
    close(fd);
    EXPECT_EQ(ReadWholeFile(file), sandboxed ? "outside/public.txt\n" : "rewritten\n") << result.Describe();
  }
}

// The contrast to the rows above: the same act succeeds once it is asked for.
TEST_P(Inheritance, OfAVariableIsPossibleByName) {
  std::vector<std::string> flags = TierFlags();
  flags.insert(flags.end(), {"--executable", world().root() + "/bin", "--env-passthrough", "LEASH_GUARANTEE_SECRET"});
  EXPECT_EQ(world().Inside(flags, {world().probe(), "variable", "LEASH_GUARANTEE_SECRET"}).code, 0);
}

TEST_P(Execution, OfAGrantedProgramWorks) {
  std::vector<std::string> flags = TierFlags();
  flags.insert(flags.end(), {"--executable", world().root() + "/readonly", "--executable", world().root() + "/bin"});
  const Result result = world().Inside(flags, {world().probe(), "exec", world().readonly_program()});
  EXPECT_EQ(result.code, 0) << result.Describe();
}

}  // namespace
}  // namespace leash::guarantees
