#include "platform/linux/probe.h"

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>

#include "leash/leash.h"

namespace leash::platform {
namespace {

const Mechanism* Find(const std::vector<Mechanism>& all, std::string_view name) {
  const auto found = std::find_if(all.begin(), all.end(), [&](const Mechanism& m) { return m.name == name; });
  return found == all.end() ? nullptr : &*found;
}

// A kernel without one system call: a filter answers ENOSYS for it, in a process of its own.
template <typename F>
int WithoutSystemCall(unsigned number, const F& body) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    sock_filter instructions[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog program = {4, instructions};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
      ::_exit(99);
    }
    ::_exit(body());
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(Probe, EveryRequiredMechanismProvesItself) {
  const auto all = ProbeLinux();
  EXPECT_GE(all.size(), 13U);
  for (const Mechanism& mechanism : all) {
    EXPECT_FALSE(mechanism.detail.empty()) << mechanism.name;
    EXPECT_FALSE(mechanism.purpose.empty()) << mechanism.name;
    if (mechanism.required) {
      EXPECT_TRUE(mechanism.available) << mechanism.name << ": " << mechanism.detail;
    }
  }
}

TEST(Probe, SaysWhatAKernelLacks) {
  EXPECT_EQ(WithoutSystemCall(444,
                              [] {
                                const auto all = ProbeLinux();
                                const Mechanism* fs = Find(all, "landlock.fs");
                                const Mechanism* seccomp = Find(all, "seccomp.filter");
                                return fs != nullptr && !fs->available && seccomp != nullptr && seccomp->available ? 0
                                                                                                                   : 1;
                              }),
            0);
  EXPECT_EQ(WithoutSystemCall(SYS_close_range, [] { return Find(ProbeLinux(), "close_range")->available ? 1 : 0; }), 0);
}

// Whatever the kernel lacks, nothing runs.
TEST(Sandbox, FailsClosedWithoutAMechanism) {
  for (const unsigned number :
       {444U, 445U, 446U, static_cast<unsigned>(SYS_close_range), static_cast<unsigned>(SYS_seccomp)}) {
    EXPECT_EQ(WithoutSystemCall(number,
                                [] {
                                  auto sandbox = leash::Sandbox<>::Create();
                                  const absl::Status status =
                                      sandbox.ok() ? sandbox->Command("true").Output().status() : sandbox.status();
                                  return GetErrorCode(status) == ErrorCode::kNotEnforced ? 0 : 1;
                                }),
              0)
        << number;
  }
  EXPECT_EQ(WithoutSystemCall(SYS_openat2,
                              [] {
                                auto sandbox = leash::Sandbox<>::Create();
                                return sandbox.ok() && sandbox->Command("true").Output().ok() ? 0 : 1;
                              }),
            0)
      << "only openat2 has a substitute";
}

}  // namespace
}  // namespace leash::platform
