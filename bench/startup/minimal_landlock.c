// The yardstick: the least a launcher can do for comparable confinement, in one process, with no library.
// no_new_privs, Landlock (read-only system, no TCP, no abstract sockets, no signals out), a seccomp deny list, exec.
//
// Not covered, and so not a sandbox to use: no limits, no clean environment, no descriptors closed, no session of its
// own, no protected paths, no answer to a kernel that lacks a right. Usage: minimal_landlock PROGRAM [ARG...]
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// Landlock, as of ABI 6 (landlock(7), include/uapi/linux/landlock.h). Own definitions: older headers lack most of it.
struct ruleset_attr {
  uint64_t handled_access_fs;
  uint64_t handled_access_net;
  uint64_t scoped;
};
struct path_beneath_attr {
  uint64_t allowed_access;
  int32_t parent_fd;
} __attribute__((packed));

enum {
  kCreateRuleset = 444,
  kAddRule = 445,
  kRestrictSelf = 446,
  kVersionFlag = 1,
  kRulePathBeneath = 1,
};
static const uint64_t kFsExecute = 1 << 0;
static const uint64_t kFsReadFile = 1 << 2;
static const uint64_t kFsReadDir = 1 << 3;
static const uint64_t kNetAll = 3;    // bind, connect
static const uint64_t kScopeAll = 3;  // abstract unix sockets, signals

static void die(const char* what) {
  fprintf(stderr, "minimal_landlock: %s: %s\n", what, strerror(errno));
  exit(125);
}

// All file rights that the kernel of this ABI knows.
static uint64_t fs_rights(long abi) {
  const int bits = abi >= 5 ? 16 : abi >= 3 ? 15 : abi == 2 ? 14 : 13;
  return (1ULL << bits) - 1;
}

static void grant(int ruleset, const char* path, uint64_t access) {
  const int fd = open(path, O_PATH | O_CLOEXEC);
  if (fd < 0) return;  // not every system has every path
  struct stat status;
  if (fstat(fd, &status) != 0) die(path);
  if (!S_ISDIR(status.st_mode)) access &= ~kFsReadDir;
  const struct path_beneath_attr rule = {.allowed_access = access, .parent_fd = fd};
  if (syscall(kAddRule, ruleset, kRulePathBeneath, &rule, 0) != 0) die(path);
  close(fd);
}

static void restrict_files_and_network(void) {
  static const char* const programs[] = {"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"};
  static const char* const readable[] = {"/etc/ld.so.cache",   "/etc/ld.so.preload",
                                         "/etc/passwd",        "/etc/group",
                                         "/etc/nsswitch.conf", "/etc/localtime",
                                         "/etc/ssl/certs",     "/dev/zero",
                                         "/dev/urandom",       "/dev/random",
                                         "/proc/self",         "/proc/meminfo",
                                         "/proc/cpuinfo",      "/sys/devices/system/cpu"};
  const long abi = syscall(kCreateRuleset, NULL, 0, kVersionFlag);
  if (abi < 1) die("landlock");
  const struct ruleset_attr attr = {
      .handled_access_fs = fs_rights(abi), .handled_access_net = kNetAll, .scoped = kScopeAll};
  const size_t size = abi >= 6 ? sizeof(attr) : abi >= 4 ? offsetof(struct ruleset_attr, scoped) : sizeof(uint64_t);
  const int ruleset = (int)syscall(kCreateRuleset, &attr, size, 0);
  if (ruleset < 0) die("landlock_create_ruleset");
  for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); ++i) {
    grant(ruleset, programs[i], kFsExecute | kFsReadFile | kFsReadDir);
  }
  for (size_t i = 0; i < sizeof(readable) / sizeof(readable[0]); ++i) {
    grant(ruleset, readable[i], kFsReadFile | kFsReadDir);
  }
  grant(ruleset, "/dev/null", kFsReadFile | 1 << 1);
  if (syscall(kRestrictSelf, ruleset, 0) != 0) die("landlock_restrict_self");
  close(ruleset);
}

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#define FIRST_FOREIGN_NUMBER 0x40000000  // x32 system calls
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#define FIRST_FOREIGN_NUMBER 0xffffffff  // none
#endif

// Refused with EPERM. Ordered by use: the filter asks one after the other.
static const int denied[] = {
    SYS_socket,
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_keyctl,
    SYS_add_key,
    SYS_request_key,
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_setns,
    SYS_unshare,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_kexec_load,
    SYS_reboot,
    SYS_swapon,
    SYS_swapoff,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_adjtimex,
    SYS_io_uring_setup,
    SYS_io_uring_enter,
    SYS_io_uring_register,
    SYS_open_by_handle_at,
    SYS_kcmp,
    SYS_move_mount,
    SYS_open_tree,
    SYS_fsopen,
    SYS_fsmount,
    SYS_mq_open,
};
enum { kDenied = sizeof(denied) / sizeof(denied[0]) };

static void restrict_system_calls(void) {
  struct sock_filter program[kDenied + 8];
  unsigned short length = 0;
  program[length++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
  program[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE_ARCH, 1, 0);
  program[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
  program[length++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
  program[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, FIRST_FOREIGN_NUMBER, kDenied + 1, 0);
  for (int i = 0; i < kDenied; ++i) {
    // To the RET that denies, which stands behind the one that allows.
    program[length++] =
        (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)denied[i], (uint8_t)(kDenied - i), 0);
  }
  program[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  program[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
  const struct sock_fprog filter = {.len = length, .filter = program};
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) != 0) die("seccomp");
}

int main(int argc, char** argv) {
  if (argc < 2) {
    fprintf(stderr, "usage: minimal_landlock PROGRAM [ARG...]\n");
    return 125;
  }
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) die("no_new_privs");
  restrict_files_and_network();
  restrict_system_calls();
  execv(argv[1], argv + 1);
  die(argv[1]);
}
