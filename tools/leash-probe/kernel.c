// Doors of the kernel that no sandboxed program needs. Where a call would change the machine, its arguments are
// wrong in a way that the kernel notices only after it has asked whether the caller may: see verdict_reached().
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <linux/userfaultfd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/quota.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "probe.h"

#ifdef __x86_64__
#include <sys/io.h>
#endif

static int add_key(char** argv) {
  (void)argv;
  return verdict(syscall(SYS_add_key, "user", "leash-probe", "x", 1, -2), "add_key");  // -2: the process keyring
}

static int request_key(char** argv) {
  const int reached[] = {ENOKEY, 0};
  (void)argv;
  return verdict_reached(syscall(SYS_request_key, "user", "leash-probe-absent", NULL, 0), "request_key", reached);
}

static int keyctl_get(char** argv) {
  (void)argv;
  return verdict(syscall(SYS_keyctl, 0L, -3L, 1L, 0L, 0L), "keyctl");  // KEYCTL_GET_KEYRING_ID, session, create
}

static int bpf_map(char** argv) {
  (void)argv;
  union bpf_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.map_type = BPF_MAP_TYPE_ARRAY;
  attr.key_size = attr.value_size = 4;
  attr.max_entries = 1;
  return verdict(syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof attr), "bpf");
}

static int user_fault(char** argv) {
  (void)argv;
  return verdict(syscall(SYS_userfaultfd, O_CLOEXEC | 1), "userfaultfd");  // 1: UFFD_USER_MODE_ONLY
}

static int user_fault_device(char** argv) {
  (void)argv;
  int fd = open("/dev/userfaultfd", O_RDWR | O_CLOEXEC);
  if (fd == -1) return refused("open /dev/userfaultfd");
  return verdict(ioctl(fd, 0xaa00, O_CLOEXEC), "USERFAULTFD_IOC_NEW");  // Linux 6.1
}

static int perf_open(char** argv) {
  (void)argv;
  struct perf_event_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.size = sizeof attr;
  attr.type = PERF_TYPE_SOFTWARE;
  attr.config = PERF_COUNT_SW_TASK_CLOCK;
  attr.exclude_kernel = attr.exclude_hv = 1;
  return verdict(syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0), "perf_event_open");
}

static int kernel_log(char** argv) {
  char text[256];
  (void)argv;
  return verdict(syscall(SYS_syslog, 3, text, sizeof text), "syslog");  // 3: read the whole ring, leave it
}

static int load_module(char** argv) {
  const int reached[] = {ENOEXEC, 0};
  (void)argv;
  return verdict_reached(syscall(SYS_init_module, "", 0L, ""), "init_module", reached);
}

static int load_module_file(char** argv) {
  const int reached[] = {EBADF, EINVAL, 0};
  (void)argv;
  return verdict_reached(syscall(SYS_finit_module, -1, "", 0), "finit_module", reached);
}

static int delete_module(char** argv) {
  const int reached[] = {ENOENT, 0};
  (void)argv;
  return verdict_reached(syscall(SYS_delete_module, "leash_no_such_module", O_NONBLOCK), "delete_module", reached);
}

static int load_kernel(char** argv) {
  const int reached[] = {EINVAL, 0};
  (void)argv;
  return verdict_reached(syscall(SYS_kexec_load, 0L, 1000000L, NULL, 0L), "kexec_load", reached);
}

static int load_kernel_file(char** argv) {
  const int reached[] = {EBADF, EINVAL, 0};
  (void)argv;
  return verdict_reached(syscall(SYS_kexec_file_load, -1, -1, 0L, "", 0L), "kexec_file_load", reached);
}

static int restart(char** argv) {
  const int reached[] = {EINVAL, 0};
  (void)argv;
  return verdict_reached(syscall(SYS_reboot, 0x1234, 0x5678, 0, NULL), "reboot", reached);  // both magics wrong
}

static int swap_on(char** argv) {
  const int reached[] = {ENOENT, 0};
  (void)argv;
  return verdict_reached(syscall(SYS_swapon, "/leash-no-such-file", 0), "swapon", reached);
}

static int swap_off(char** argv) {
  const int reached[] = {ENOENT, 0};
  (void)argv;
  return verdict_reached(syscall(SYS_swapoff, "/leash-no-such-file"), "swapoff", reached);
}

static int set_day(char** argv) {
  (void)argv;
  return verdict(syscall(SYS_settimeofday, NULL, NULL), "settimeofday");  // asks for the right, sets nothing
}

static int set_clock(char** argv) {
  const int reached[] = {EINVAL, 0};
  struct timespec wrong = {0, 2000000000};
  (void)argv;
  return verdict_reached(syscall(SYS_clock_settime, CLOCK_REALTIME, &wrong), "clock_settime", reached);
}

static int adjust_clock(char** argv) {
  const int reached[] = {EINVAL, 0};
  struct timex wrong = {.modes = ADJ_TICK, .tick = 1};
  (void)argv;
  return verdict_reached(syscall(SYS_adjtimex, &wrong), "adjtimex", reached);
}

static int adjust_clock_by_id(char** argv) {
  const int reached[] = {EINVAL, 0};
  struct timex wrong = {.modes = ADJ_TICK, .tick = 1};
  (void)argv;
  return verdict_reached(syscall(SYS_clock_adjtime, CLOCK_REALTIME, &wrong), "clock_adjtime", reached);
}

static int no_randomisation(char** argv) {
  (void)argv;
  return verdict(personality(ADDR_NO_RANDOMIZE), "personality");
}

static int quota(char** argv) {
  (void)argv;
  return verdict(syscall(SYS_quotactl, QCMD(Q_SYNC, USRQUOTA), NULL, 0, NULL), "quotactl");
}

static int account(char** argv) {
  const int reached[] = {ENOENT, 0};
  (void)argv;
  return verdict_reached(syscall(SYS_acct, "/leash-no-such-file"), "acct", reached);
}

static int host_name(char** argv) {
  const int reached[] = {EINVAL, 0};
  (void)argv;
  return verdict_reached(syscall(SYS_sethostname, "x", -1), "sethostname", reached);
}

static int domain_name(char** argv) {
  const int reached[] = {EINVAL, 0};
  (void)argv;
  return verdict_reached(syscall(SYS_setdomainname, "x", -1), "setdomainname", reached);
}

static int hang_up(char** argv) {
  (void)argv;
  return verdict(syscall(SYS_vhangup), "vhangup");
}

static int dcookie(char** argv) {
  const int reached[] = {EINVAL, 0};
  (void)argv;
  return verdict_reached(syscall(SYS_lookup_dcookie, 0L, NULL, 0L), "lookup_dcookie", reached);
}

static int watch_filesystem(char** argv) {
  (void)argv;
  return verdict(syscall(SYS_fanotify_init, 0x200, 0), "fanotify_init");  // FAN_REPORT_FID: no privilege needed
}

#ifdef __x86_64__
static int ports(char** argv) { return (void)argv, verdict(ioperm(0x80, 1, 1), "ioperm"); }
static int port_level(char** argv) { return (void)argv, verdict(iopl(3), "iopl"); }

static int local_descriptors(char** argv) {
  char table[64];
  (void)argv;
  return verdict(syscall(SYS_modify_ldt, 0, table, sizeof table), "modify_ldt");
}

static int x32_call(char** argv) {
  (void)argv;
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) _exit(syscall(0x40000000L | SYS_getpid) == -1 ? (errno == ENOSYS ? CANNOT : REFUSED) : REACHED);
  int code = wait_child(pid, "x32 call");
  return code == CANNOT ? cannot("this kernel has no x32 calls") : code;
}

static int x32_direct(char** argv) {
  (void)argv;
  return verdict(syscall(0x40000000L | SYS_getpid), "x32 getpid");
}

static int int80(char** argv) {
  (void)argv;
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(20L) : "memory", "r8", "r9", "r10", "r11");  // 20: getpid
    _exit(result > 0 ? REACHED : REFUSED);
  }
  return wait_child(pid, "int 0x80");
}

// socket(2) by its 32-bit number, which a filter of 64-bit numbers takes for another call.
static int int80_socket(char** argv) {
  (void)argv;
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    long result;
    __asm__ volatile("int $0x80"
                     : "=a"(result)
                     : "a"(359L), "b"(2L), "c"(1L), "d"(0L)
                     : "memory", "r8", "r9", "r10", "r11");
    _exit(result >= 0 ? REACHED : REFUSED);
  }
  return wait_child(pid, "int 0x80");
}
#else
static int not_here(char** argv) { return (void)argv, cannot("x86-64 only"); }
#define ports not_here
#define port_level not_here
#define local_descriptors not_here
#define x32_call not_here
#define x32_direct not_here
#define int80 not_here
#define int80_socket not_here
#endif

// Far above every number in use. Where a kernel has come that far, any answer but ENOSYS shows that it looked.
static int unknown_call(char** argv) {
  (void)argv;
  if (syscall(600L, -1L, -1L, -1L, -1L, -1L, -1L) != -1 || errno != ENOSYS) return REACHED;
  return refused("system call 600");
}

static int kernel_file(char** argv) {
  struct {
    unsigned bytes;
    int type;
    unsigned char handle[128];
  } handle = {128, 0, {0}};
  int mount_id = 0;
  if (syscall(SYS_name_to_handle_at, AT_FDCWD, argv[0], &handle, &mount_id, 0) == -1)
    return refused("name_to_handle_at");
  int root = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (root == -1) return refused("open the mount");
  return verdict(syscall(SYS_open_by_handle_at, root, &handle, O_RDONLY), "open_by_handle_at");
}

const struct probe kernel_probes[] = {
    {"add-key", "", "add a key to a keyring", 0, add_key},
    {"request-key", "", "ask for a key", 0, request_key},
    {"keyctl", "", "ask for the session keyring", 0, keyctl_get},
    {"bpf", "", "make a BPF map", 0, bpf_map},
    {"userfaultfd", "", "make a userfaultfd", 0, user_fault},
    {"userfaultfd-device", "", "make a userfaultfd by its device", 0, user_fault_device},
    {"perf-event-open", "", "count an event of its own", 0, perf_open},
    {"syslog", "", "read the kernel's log", 0, kernel_log},
    {"init-module", "", "load a module (an empty one)", 0, load_module},
    {"finit-module", "", "load a module from a descriptor (a wrong one)", 0, load_module_file},
    {"delete-module", "", "unload a module (one that does not exist)", 0, delete_module},
    {"kexec-load", "", "load a kernel (with too many segments)", 0, load_kernel},
    {"kexec-file-load", "", "load a kernel from a descriptor (a wrong one)", 0, load_kernel_file},
    {"reboot", "", "reboot (with wrong magic numbers)", 0, restart},
    {"swapon", "", "add swap (a file that does not exist)", 0, swap_on},
    {"swapoff", "", "remove swap (a file that does not exist)", 0, swap_off},
    {"settimeofday", "", "set the time (to nothing)", 0, set_day},
    {"clock-settime", "", "set a clock (to an impossible time)", 0, set_clock},
    {"adjtimex", "", "adjust the clock (by an impossible amount)", 0, adjust_clock},
    {"clock-adjtime", "", "adjust a clock (by an impossible amount)", 0, adjust_clock_by_id},
    {"personality", "", "switch address randomisation off", 0, no_randomisation},
    {"quotactl", "", "sync quotas", 0, quota},
    {"acct", "", "switch process accounting on (to a file that does not exist)", 0, account},
    {"sethostname", "", "set the host name (with an impossible length)", 0, host_name},
    {"setdomainname", "", "set the domain name (with an impossible length)", 0, domain_name},
    {"vhangup", "", "hang the terminal up", 0, hang_up},
    {"lookup-dcookie", "", "look a directory cookie up", 0, dcookie},
    {"fanotify-init", "", "watch files by fanotify", 0, watch_filesystem},
    {"open-by-handle", "PATH MOUNT", "open a file by its handle", 2, kernel_file},
    {"ioperm", "", "ask for an I/O port", 0, ports},
    {"iopl", "", "ask for all I/O ports", 0, port_level},
    {"modify-ldt", "", "read the local descriptor table", 0, local_descriptors},
    {"x32-call", "", "make an x32 call in a child", 0, x32_call},
    {"x32-direct", "", "make an x32 call", 0, x32_direct},
    {"int80", "", "make a 32-bit call in a child", 0, int80},
    {"int80-socket", "", "make a socket by a 32-bit call in a child", 0, int80_socket},
    {"unknown-call", "", "make system call 600", 0, unknown_call},
    {NULL, NULL, NULL, 0, NULL},
};
