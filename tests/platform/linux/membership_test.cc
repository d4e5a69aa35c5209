#include "platform/linux/membership.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <string>

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

// A process that is never long where it was: it forks and ends, again and again.
TEST(KillMarked, CatchesOneThatMoves) {
  const Mark mark = Mark::OfCommand(0xfedcba, 1);
  const pid_t first = ::fork();
  if (first == 0) {
    const rlimit limit = {mark.value(), mark.value()};
    ::setrlimit(RLIMIT_RTTIME, &limit);
    const time_t end = ::time(nullptr) + 20;
    while (::time(nullptr) < end) {
      if (::fork() > 0) ::_exit(0);
    }
    ::_exit(0);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(first, &status, 0), first);
  EXPECT_TRUE(KillMarked(mark, absl::Seconds(15)).ok());
  // Nothing that bears the mark moves on: looked for in another way, by what the numbers are for a while.
  const auto alive = [&] {
    for (pid_t pid = 2; pid < 32768; ++pid) {
      rlimit limit = {};
      if (::prlimit(pid, RLIMIT_RTTIME, nullptr, &limit) != 0 || limit.rlim_max != mark.value()) continue;
      std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
      std::string line;
      std::getline(stat, line);
      if (line.find(") Z") == std::string::npos) return true;  // not merely waiting to be reaped
    }
    return false;
  };
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(alive());
}

}  // namespace
}  // namespace leash::platform
