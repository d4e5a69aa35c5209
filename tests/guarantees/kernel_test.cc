// Interfaces of the kernel that no sandboxed program needs.
#include <signal.h>

#include "guarantees.h"

namespace leash::guarantees {
namespace {

class KernelSurface : public Guarantees {};
class Namespaces : public Guarantees {};

const std::vector<Row> kKernelSurface = {
    {.promise = "no io_uring", .probe = "io-uring-setup"},
    {.promise = "no file is made by io_uring",
     .probe = "io-uring-openat",
     .args = {"{outside}/new"},
     .effect = Effect::kTree},
    {.promise = "no key is added", .probe = "add-key"},
    {.promise = "no key is asked for", .probe = "request-key"},
    {.promise = "no keyring is asked for", .probe = "keyctl"},
    {.promise = "no BPF", .probe = "bpf"},
    {.promise = "no userfaultfd", .probe = "userfaultfd"},
    {.promise = "nor by its device", .probe = "userfaultfd-device", .tiers = kClosedTiers},
    {.promise = "no performance counters", .probe = "perf-event-open"},
    {.promise = "the kernel's log is closed", .probe = "syslog"},
    {.promise = "no module is loaded", .probe = "init-module"},
    {.promise = "nor from a descriptor", .probe = "finit-module"},
    {.promise = "nor unloaded", .probe = "delete-module"},
    {.promise = "no kernel is loaded", .probe = "kexec-load"},
    {.promise = "nor from a descriptor", .probe = "kexec-file-load"},
    {.promise = "no reboot", .probe = "reboot"},
    {.promise = "no swap is added", .probe = "swapon"},
    {.promise = "nor removed", .probe = "swapoff"},
    {.promise = "the time of day is not set", .probe = "settimeofday"},
    {.promise = "no clock is set", .probe = "clock-settime"},
    {.promise = "the clock is not adjusted", .probe = "adjtimex"},
    {.promise = "no clock is adjusted", .probe = "clock-adjtime"},
    {.promise = "address randomisation stays on", .probe = "personality"},
    {.promise = "no quota call", .probe = "quotactl"},
    {.promise = "no process accounting", .probe = "acct"},
    {.promise = "the host keeps its name", .probe = "sethostname"},
    {.promise = "and its domain", .probe = "setdomainname"},
    {.promise = "no directory cookies", .probe = "lookup-dcookie"},
    {.promise = "no fanotify", .probe = "fanotify-init"},
    {.promise = "no file is opened by its handle", .probe = "open-by-handle", .args = {"{home}/.ssh/id_x", "{root}"}},
    {.promise = "no I/O port", .probe = "ioperm"},
    {.promise = "nor all of them", .probe = "iopl"},
    {.promise = "no local descriptor table", .probe = "modify-ldt"},
    {.promise = "no 32-bit call", .probe = "int80"},
    {.promise = "no socket by a 32-bit call", .probe = "int80-socket"},
    {.promise = "no x32 call", .probe = "x32-call"},
    {.promise = "no call that is newer than leash", .probe = "unknown-call"},
};

const std::vector<Row> kNamespaces = {
    {.promise = "no user namespace by unshare", .probe = "unshare", .args = {"user"}},
    {.promise = "no mount namespace", .probe = "unshare", .args = {"mnt"}},
    {.promise = "no network namespace", .probe = "unshare", .args = {"net"}},
    {.promise = "no process-id namespace", .probe = "unshare", .args = {"pid"}},
    {.promise = "no IPC namespace", .probe = "unshare", .args = {"ipc"}},
    {.promise = "no host name namespace", .probe = "unshare", .args = {"uts"}},
    {.promise = "no control group namespace", .probe = "unshare", .args = {"cgroup"}},
    {.promise = "no time namespace", .probe = "unshare", .args = {"time"}},
    {.promise = "no user namespace by clone", .probe = "clone", .args = {"user"}},
    {.promise = "no network namespace by clone", .probe = "clone", .args = {"net"}},
    {.promise = "no user namespace by clone3", .probe = "clone3", .args = {"user"}},
    {.promise = "no mount in a user namespace", .probe = "userns-mount", .args = {"{outside}/empty"}},
    {.promise = "nothing is made writable in one",
     .probe = "userns-remount-create",
     .args = {"{outside}/new"},
     .effect = Effect::kTree},
    {.promise = "nothing is uncovered in one", .probe = "userns-uncover-read", .args = {"{home}/.ssh/id_x"}},
    {.promise = "no packet socket in one", .probe = "userns-packet"},
    {.promise = "no mount", .probe = "mount", .args = {"{outside}/empty"}},
    {.promise = "no remount", .probe = "remount", .args = {"{outside}/empty"}},
    {.promise = "nothing is unmounted", .probe = "umount", .args = {"{outside}/empty"}},
    {.promise = "no file system context", .probe = "fsopen"},
    {.promise = "none of a mounted one", .probe = "fspick", .args = {"/"}},
    {.promise = "no mount is opened", .probe = "open-tree", .args = {"/"}},
    {.promise = "nor copied", .probe = "open-tree-clone", .args = {"/"}},
    {.promise = "nor moved", .probe = "move-mount"},
    {.promise = "nor changed", .probe = "mount-setattr"},
    {.promise = "no other root directory", .probe = "chroot"},
    {.promise = "no other root mount", .probe = "pivot-root"},
};

TEST_P(KernelSurface, IsClosed) { CheckRows(kKernelSurface); }
TEST_P(Namespaces, AreNotMade) { CheckRows(kNamespaces); }

LEASH_EVERY_SETTING(KernelSurface);
LEASH_EVERY_SETTING(Namespaces);

// No control: a kernel without x32 calls refuses them by itself, but as a call that it does not know.
TEST_P(KernelSurface, EndsAProgramThatMakesX32Calls) {
  std::vector<std::string> flags = TierFlags();
  flags.insert(flags.end(), {"--executable", world().root() + "/bin"});
  EXPECT_EQ(world().Inside(flags, {world().probe(), "x32-direct"}).code, 128 + SIGSYS);
}

}  // namespace
}  // namespace leash::guarantees
