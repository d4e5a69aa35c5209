// What a sandboxed program cannot do to other processes of the same user.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "guarantees.h"

namespace leash::guarantees {
namespace {

class OtherProcesses : public Guarantees {};
class Signals : public Guarantees {};
class Scheduling : public Guarantees {};

// The permissive tier opens /proc as far as the kernel lets a user look; what needs the right to trace stays closed.
const std::vector<Row> kOtherProcesses = {
    {.promise = "processes are not listed",
     .probe = "process-list",
     .tiers = kClosedTiers,
     .mechanisms = kWithoutNamespaces},
    {.promise = "nor is one that is looked for", .probe = "process-listed", .args = {"{pid}"}, .tiers = kClosedTiers},
    {.promise = "others are not known to exist",
     .probe = "process-exists",
     .args = {"{pid}"},
     .mechanisms = kWithNamespaces},
    {.promise = "arguments of others cannot be read",
     .probe = "proc-read",
     .args = {"{pid}", "cmdline"},
     .tiers = kClosedTiers},
    {.promise = "nor their state", .probe = "proc-read", .args = {"{pid}", "status"}, .tiers = kClosedTiers},
    {.promise = "nor their environment", .probe = "proc-read", .args = {"{pid}", "environ"}},
    {.promise = "nor that of leash", .probe = "proc-read", .args = {"parent", "environ"}},
    {.promise = "nor their memory map", .probe = "proc-read", .args = {"{pid}", "maps"}},
    {.promise = "nor files through their root", .probe = "proc-read", .args = {"{pid}", "root{victim}/secret"}},
    {.promise = "nor through their current directory", .probe = "proc-read", .args = {"{pid}", "cwd/secret"}},
    {.promise = "nor through their descriptors", .probe = "proc-read", .args = {"{pid}", "fd/{fd}"}},
    {.promise = "their descriptors are not listed", .probe = "proc-list", .args = {"{pid}", "fd"}},
    {.promise = "no file is made through their root",
     .probe = "proc-create",
     .args = {"{pid}", "root{outside}/new"},
     .effect = Effect::kTree},
    {.promise = "no file is made through their current directory",
     .probe = "proc-create",
     .args = {"{pid}", "cwd/new"},
     .effect = Effect::kTree},
    {.promise = "nor their order of being killed set",
     .probe = "proc-write",
     .args = {"{pid}", "oom_score_adj", "500"},
     .tiers = kClosedTiers},
    {.promise = "their memory cannot be read through /proc", .probe = "mem-read", .args = {"{pid}", "{address}"}},
    {.promise = "nor written", .probe = "mem-write", .args = {"{pid}", "{address}"}, .effect = Effect::kVictim},
    {.promise = "nor that of leash opened", .probe = "mem-open", .args = {"parent"}},
    {.promise = "nor read by process_vm_readv", .probe = "vm-readv", .args = {"{pid}", "{address}"}},
    {.promise = "nor written by process_vm_writev", .probe = "vm-writev", .args = {"{pid}", "{address}"}},
    {.promise = "nobody is traced by attaching", .probe = "ptrace-attach", .args = {"{pid}"}},
    {.promise = "nor by seizing", .probe = "ptrace-seize", .args = {"{pid}"}},
    {.promise = "leash is not traced by attaching", .probe = "ptrace-attach", .args = {"parent"}},
    {.promise = "nor by seizing", .probe = "ptrace-seize", .args = {"parent"}},
    {.promise = "no descriptor is taken from others", .probe = "pidfd-getfd", .args = {"{pid}", "{fd}"}},
    {.promise = "nor from leash", .probe = "pidfd-getfd", .args = {"parent", "2"}},
    {.promise = "others are not compared with", .probe = "kcmp", .args = {"{pid}"}},
    {.promise = "their memory is not advised on", .probe = "process-madvise", .args = {"{pid}", "{address}"}},
    {.promise = "their pages are not moved", .probe = "migrate-pages", .args = {"{pid}"}},
    {.promise = "their futex list is not told", .probe = "robust-list", .args = {"{pid}"}},
};

const std::vector<Row> kSignals = {
    {.promise = "no signal by kill", .probe = "kill", .args = {"{pid}", "10"}, .effect = Effect::kVictim},
    {.promise = "not even the question", .probe = "kill", .args = {"{pid}", "0"}},
    {.promise = "none to leash", .probe = "kill", .args = {"parent", "0"}},
    {.promise = "none by tkill", .probe = "tkill", .args = {"{pid}", "10"}, .effect = Effect::kVictim},
    {.promise = "none by tgkill", .probe = "tgkill", .args = {"{pid}", "10"}, .effect = Effect::kVictim},
    {.promise = "none by sigqueue", .probe = "sigqueue", .args = {"{pid}", "10"}, .effect = Effect::kVictim},
    {.promise = "none by rt_tgsigqueueinfo", .probe = "tgsigqueue", .args = {"{pid}", "10"}, .effect = Effect::kVictim},
    {.promise = "none by a pidfd", .probe = "pidfd-signal", .args = {"{pid}", "10"}, .effect = Effect::kVictim},
    {.promise = "none to leash by a pidfd", .probe = "pidfd-signal", .args = {"parent", "0"}},
    {.promise = "none by way of the kernel",
     .probe = "owner-signal",
     .args = {"{pid}", "10"},
     .effect = Effect::kVictim,
     .refusal = Refusal::kSilent},
    {.promise = "none to everybody",
     .probe = "kill-everyone",
     .effect = Effect::kVictim,
     .everybody = true,
     .refusal = Refusal::kSilent},
};

const std::vector<Row> kScheduling = {
    {.promise = "limits of others are not read", .probe = "prlimit-read", .args = {"{pid}"}},
    {.promise = "nor lowered", .probe = "prlimit-write", .args = {"{pid}"}, .effect = Effect::kVictim},
    {.promise = "nor those of leash", .probe = "prlimit-read", .args = {"parent"}},
    {.promise = "the mark by which descendants are found stays", .probe = "rttime-setrlimit"},
    {.promise = "also by prlimit64", .probe = "rttime-prlimit"},
    {.promise = "also with high bits set", .probe = "rttime-prlimit-high"},
    {.promise = "priorities of others are not changed",
     .probe = "setpriority",
     .args = {"{pid}"},
     .effect = Effect::kVictim},
    {.promise = "nor of a group", .probe = "setpriority-group", .args = {"{pid}"}, .effect = Effect::kVictim},
    {.promise = "nor of a user", .probe = "setpriority-user"},
    {.promise = "others are not pinned to a processor", .probe = "sched-setaffinity", .args = {"{pid}"}},
    {.promise = "policies of others are not changed", .probe = "sched-setscheduler", .args = {"{pid}"}},
    {.promise = "nor their parameters", .probe = "sched-setparam", .args = {"{pid}"}},
    {.promise = "nor their attributes", .probe = "sched-setattr", .args = {"{pid}"}},
    {.promise = "nor their input and output priority", .probe = "ioprio-set", .args = {"{pid}"}},
    {.promise = "nor that of a group", .probe = "ioprio-set-group", .args = {"{pid}"}},
    {.promise = "their network namespace is not entered", .probe = "setns", .args = {"{pid}", "net"}},
    {.promise = "nor their mount namespace", .probe = "setns", .args = {"{pid}", "mnt"}},
    {.promise = "nor the user namespace of leash", .probe = "setns", .args = {"parent", "user"}},
    {.promise = "nor by a pidfd", .probe = "setns-pidfd", .args = {"{pid}"}},
};

TEST_P(OtherProcesses, AreOutOfReach) { CheckRows(kOtherProcesses); }
TEST_P(Signals, StayInside) { CheckRows(kSignals); }
TEST_P(Scheduling, OfOthersIsNotChanged) { CheckRows(kScheduling); }

LEASH_EVERY_SETTING(OtherProcesses);
LEASH_EVERY_SETTING(Signals);
LEASH_EVERY_SETTING(Scheduling);

// A process in the group that leash is started in.
class Witness {
 public:
  explicit Witness(Who who) {
    sigset_t both, before;
    sigemptyset(&both);
    sigaddset(&both, SIGUSR1);
    sigaddset(&both, SIGUSR2);
    sigprocmask(SIG_BLOCK, &both, &before);  // inherited: the signals are kept from the first moment
    int ready[2];
    if (pipe2(ready, O_CLOEXEC) != 0) abort();
    pid_ = ForkAs(who);
    if (pid_ == 0) Watch(ready[1]);
    sigprocmask(SIG_SETMASK, &before, nullptr);
    setpgid(pid_, pid_);
    close(ready[1]);
    // Until it is that user's process, that user cannot signal it.
    char byte;
    (void)!read(ready[0], &byte, 1);
    close(ready[0]);
  }
  ~Witness() {
    kill(pid_, SIGKILL);
    WaitFor(pid_);
  }
  pid_t pid() const { return pid_; }
  // Whether SIGUSR1 came. To be asked once.
  bool Saw() {
    kill(pid_, SIGUSR2);
    siginfo_t info = {};
    return waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT) == 0 && info.si_status == 1;
  }

 private:
  [[noreturn]] static void Watch(int ready) {
    (void)!write(ready, "", 1);
    sigset_t question, pending;
    sigemptyset(&question);
    sigaddset(&question, SIGUSR2);
    int signal = 0;
    sigwait(&question, &signal);
    sigpending(&pending);
    _exit(sigismember(&pending, SIGUSR1));
  }
  pid_t pid_;
};

Result RunInGroup(const Start& start, pid_t group) {
  Start joined = start;
  joined.group = group;
  return RunProgram(joined);
}

const std::vector<std::string> kSignalGroup = {"/bin/sh", "-c", "trap '' USR1; kill -USR1 0; exit 3"};

TEST_P(Signals, ToTheOwnGroupDoNotReachTheGroupOfLeash) {
  World& w = world();
  {
    Witness witness(w.who());
    Start plain = w.InsideStart({}, {});
    plain.argv = kSignalGroup;
    EXPECT_EQ(RunInGroup(plain, witness.pid()).code, 3);
    EXPECT_TRUE(witness.Saw()) << "control: the group was not signalled";
  }
  Witness witness(w.who());
  const Result result = RunInGroup(w.InsideStart(TierFlags(), kSignalGroup), witness.pid());
  EXPECT_EQ(result.code, 3) << result.Describe();
  EXPECT_FALSE(witness.Saw());
}

TEST_P(Signals, DoNotKillLeash) {
  const Result result =
      world().Inside(TierFlags(), {"/bin/sh", "-c", "kill -9 $PPID 2>/dev/null && echo killed; sleep 0.1; echo alive"});
  EXPECT_EQ(result.code, 0) << result.Describe();
  EXPECT_EQ(result.output, "alive\n");
}

TEST_P(Signals, WorkAmongOwnProcesses) {
  const Result result = world().Inside(TierFlags(), {"/bin/sh", "-c", "sleep 60 & kill $!; wait $!; echo $?"});
  EXPECT_EQ(result.output, "143\n") << result.Describe();
}

}  // namespace
}  // namespace leash::guarantees
