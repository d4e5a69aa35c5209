#include "platform/linux/supervisor.h"

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

#include "leash/leash.h"
#include "platform/linux/supervisor_support.h"
#include "platform/linux/without_system_call.h"

namespace leash::platform {
namespace {

#define SKIP_WITHOUT_SUPERVISOR()                                                            \
  if (const SupervisorSupport& support = SupervisorSupportOfProcess(); !support.available()) \
  GTEST_SKIP() << "supervisor: " << support.why_not

absl::StatusOr<Sandbox<>> WithoutNamespaces() {
  return Sandbox<>::Create(SandboxConfig::Builder().Namespaces(Namespaces::kOff).Build());
}

TEST(Supervisor, IsUsedWhereItWorksAndSaidSo) {
  SKIP_WITHOUT_SUPERVISOR();
  auto sandbox = WithoutNamespaces();
  ASSERT_TRUE(sandbox.ok()) << sandbox.status();
  const IsolationState held = sandbox->Isolation();
  EXPECT_EQ(held.tier, Isolation::kDefault);
  EXPECT_FALSE(held.namespaces);
  EXPECT_TRUE(held.supervisor);
  EXPECT_EQ(held.why_no_namespaces, "switched off");
  EXPECT_EQ(held.why_no_supervisor, "");
}

// What the kernel lacks, a sandbox does without, and says so: unix sockets are refused then.
TEST(Supervisor, IsDoneWithoutWhereTheKernelLacksSomething) {
  for (const unsigned number : {static_cast<unsigned>(SYS_pidfd_getfd), static_cast<unsigned>(SYS_process_vm_readv),
                                static_cast<unsigned>(SYS_openat2)}) {
    EXPECT_EQ(WithoutSystemCall(number,
                                [] {
                                  auto sandbox = WithoutNamespaces();
                                  if (!sandbox.ok()) return 1;
                                  const IsolationState held = sandbox->Isolation();
                                  if (held.supervisor || held.why_no_supervisor.empty()) return 2;
                                  const auto run =
                                      sandbox->Command("/bin/sh").Arg("-c").Arg("cd && >f && chmod 600 f").Output();
                                  return run.ok() && run->status.Success() ? 0 : 3;
                                }),
              0)
        << number;
  }
}

// A filter may have one listener above it.
TEST(Supervisor, IsDoneWithoutUnderASupervisor) {
  SKIP_WITHOUT_SUPERVISOR();
  const pid_t pid = ::fork();
  if (pid == 0) {
    sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    const sock_fprog program = {1, &allow};
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program) < 0) ::_exit(99);
    const SupervisorSupport support = TrySupervisor();
    if (support.available() || support.why_not != "leash runs under a supervisor itself") ::_exit(1);
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_EQ(status, 0);
}

TEST(Supervisor, ServesManyCommandsAtOnce) {
  SKIP_WITHOUT_SUPERVISOR();
  auto sandbox = WithoutNamespaces();
  ASSERT_TRUE(sandbox.ok()) << sandbox.status();
  std::vector<Child> children;
  for (int i = 0; i < 200; ++i) {
    const std::string name = "f" + std::to_string(i);
    auto child = sandbox->Command("/bin/sh")
                     .Arg("-c")
                     .Arg("cd && >" + name + " && chmod 600 " + name + " && touch -d 2020-01-01 " + name +
                          " && ! chmod 600 /etc/hostname 2>/dev/null")
                     .Spawn();
    ASSERT_TRUE(child.ok()) << child.status();
    children.push_back(*std::move(child));
  }
  for (Child& child : children) {
    const auto status = child.Wait();
    ASSERT_TRUE(status.ok()) << status.status();
    EXPECT_TRUE(status->Success());
  }
}

TEST(Supervisor, SurvivesThoseWhoKeepItBusyAndAreKilled) {
  SKIP_WITHOUT_SUPERVISOR();
  auto busy = WithoutNamespaces();
  auto calm = WithoutNamespaces();
  ASSERT_TRUE(busy.ok() && calm.ok());
  std::vector<Child> children;
  for (int i = 0; i < 8; ++i) {
    auto child = busy->Command("/bin/sh").Arg("-c").Arg("cd && while :; do chmod 700 . ; done").Spawn();
    ASSERT_TRUE(child.ok()) << child.status();
    children.push_back(*std::move(child));
  }
  const auto beside = calm->Command("/bin/sh").Arg("-c").Arg("cd && >f && chmod 640 f && stat -c %a f").Output();
  ASSERT_TRUE(beside.ok()) << beside.status();
  EXPECT_EQ(beside->stdout_bytes, "640\n");
  for (Child& child : children) EXPECT_TRUE(child.Kill().ok());
  const auto after = busy->Command("/bin/sh").Arg("-c").Arg("cd && >f && chmod 640 f && stat -c %a f").Output();
  ASSERT_TRUE(after.ok()) << after.status();
  EXPECT_EQ(after->stdout_bytes, "640\n");
  EXPECT_TRUE(busy->Close().ok());
}

}  // namespace
}  // namespace leash::platform
