#include "platform/linux/membership.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gtest/gtest.h"

namespace leash::platform {
namespace {

TEST(Mark, CommandsOfOneSandboxShareIt) {
  const Mark a = Mark::OfCommand(0x1234567, 1);
  const Mark b = Mark::OfCommand(0x1234567, 2);
  const Mark other = Mark::OfCommand(0x7654321, 1);
  EXPECT_TRUE(a.Matches(a.value()));
  EXPECT_FALSE(a.Matches(b.value()));
  EXPECT_TRUE(Mark::OfSandbox(0x1234567).Matches(a.value()));
  EXPECT_TRUE(Mark::OfSandbox(0x1234567).Matches(b.value()));
  EXPECT_FALSE(Mark::OfSandbox(0x1234567).Matches(other.value()));
  EXPECT_FALSE(Mark::OfSandbox(0).Matches(RLIM_INFINITY)) << "an unmarked process is nobody's";
}

pid_t Sleeper(std::uint64_t mark) {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  const rlimit limit = {mark, mark};
  if (mark != 0) ::setrlimit(RLIMIT_RTTIME, &limit);
  ::setsid();
  if (::fork() == 0) {
    while (true) ::pause();
  }
  while (true) ::pause();
}

TEST(KillMarked, EndsDescendantsAndNobodyElse) {
  const Mark mark = Mark::OfCommand(0xabcdef, 7);
  const pid_t marked = Sleeper(mark.value());
  const pid_t plain = Sleeper(0);
  const pid_t sibling = Sleeper(Mark::OfCommand(0xabcdef, 8).value());
  ::usleep(100000);
  EXPECT_TRUE(KillMarked(mark, absl::Seconds(5)).ok());
  int status = 0;
  EXPECT_EQ(::waitpid(marked, &status, WNOHANG), marked);
  EXPECT_EQ(::waitpid(plain, &status, WNOHANG), 0);
  EXPECT_EQ(::waitpid(sibling, &status, WNOHANG), 0);
  EXPECT_TRUE(KillMarked(Mark::OfSandbox(0xabcdef), absl::Seconds(5)).ok());
  EXPECT_EQ(::waitpid(sibling, &status, WNOHANG), sibling);
  ::kill(-plain, SIGKILL);
  EXPECT_EQ(::waitpid(plain, &status, 0), plain);
}

}  // namespace
}  // namespace leash::platform
