// Other processes of the same user: their files in /proc, their memory, signals to them, tracing them.
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe.h"

static const char* proc_path(const char* pid, const char* name) {
  static char path[4096];
  snprintf(path, sizeof path, "/proc/%d/%s", (int)process_id(pid), name);
  return path;
}

static int read_proc(char** argv) {
  char byte;
  const char* path = proc_path(argv[0], argv[1]);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd == -1) return refused(path);
  ssize_t n = read(fd, &byte, 1);
  if (n == -1) return refused("read");
  return n == 0 ? cannot("nothing to read") : REACHED;
}

static int write_proc(char** argv) {
  const char* path = proc_path(argv[0], argv[1]);
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd == -1) return refused(path);
  return verdict(write(fd, argv[2], strlen(argv[2])), "write");
}

static int create_proc(char** argv) {
  const char* path = proc_path(argv[0], argv[1]);
  return verdict(open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), path);
}

static int list_proc(char** argv) {
  char buffer[64];
  const char* path = proc_path(argv[0], argv[1]);
  DIR* dir = opendir(path);
  if (dir == NULL) return refused(path);
  if (readdir(dir) == NULL) return refused("readdir");
  return strcmp(argv[1], "fd") == 0 ? verdict(readlink(proc_path(argv[0], "fd/0"), buffer, sizeof buffer), "readlink")
                                    : REACHED;
}

static int list_processes(char** argv) {
  (void)argv;
  int foreign = 0;
  DIR* dir = opendir("/proc");
  if (dir == NULL) return refused("opendir /proc");
  for (struct dirent* entry; (entry = readdir(dir)) != NULL;) {
    if (isdigit((unsigned char)entry->d_name[0]) && atoi(entry->d_name) != (int)getpid()) ++foreign;
  }
  printf("%d other processes\n", foreign);
  if (foreign > 0) return REACHED;
  errno = ENOENT;
  return refused("no other process is listed");
}

static int is_listed(char** argv) {
  const int wanted = process_id(argv[0]);
  DIR* dir = opendir("/proc");
  if (dir == NULL) return refused("opendir /proc");
  for (struct dirent* entry; (entry = readdir(dir)) != NULL;) {
    if (atoi(entry->d_name) == wanted) return REACHED;
  }
  errno = ENOENT;
  return refused("it is not listed");
}

static int memory_read(char** argv) {
  char text[8];
  int fd = open(proc_path(argv[0], "mem"), O_RDONLY | O_CLOEXEC);
  if (fd == -1) return refused("open mem");
  return verdict(pread(fd, text, sizeof text, number(argv[1])), "pread");
}

static int memory_write(char** argv) {
  int fd = open(proc_path(argv[0], "mem"), O_RDWR | O_CLOEXEC);
  if (fd == -1) return refused("open mem");
  return verdict(pwrite(fd, fresh_text(), 8, number(argv[1])), "pwrite");
}

static int memory_open(char** argv) { return verdict(open(proc_path(argv[0], "mem"), O_RDWR | O_CLOEXEC), "open mem"); }

static int vm_readv(char** argv) {
  char text[8];
  struct iovec local = {text, sizeof text}, remote = {(void*)(uintptr_t)number(argv[1]), sizeof text};
  return verdict(process_vm_readv(process_id(argv[0]), &local, 1, &remote, 1, 0), "process_vm_readv");
}

static int vm_writev(char** argv) {
  struct iovec local = {(void*)(uintptr_t)fresh_text(), 8}, remote = {(void*)(uintptr_t)number(argv[1]), 8};
  return verdict(process_vm_writev(process_id(argv[0]), &local, 1, &remote, 1, 0), "process_vm_writev");
}

static int ptrace_attach(char** argv) {
  pid_t pid = process_id(argv[0]);
  if (ptrace(PTRACE_ATTACH, pid, NULL, NULL) == -1) return refused("PTRACE_ATTACH");
  waitpid(pid, NULL, __WALL);
  ptrace(PTRACE_DETACH, pid, NULL, NULL);
  return REACHED;
}

static int ptrace_seize(char** argv) {
  pid_t pid = process_id(argv[0]);
  if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) == -1) return refused("PTRACE_SEIZE");
  ptrace(PTRACE_INTERRUPT, pid, NULL, NULL);
  waitpid(pid, NULL, __WALL);
  ptrace(PTRACE_DETACH, pid, NULL, NULL);
  return REACHED;
}

static int send_kill(char** argv) { return verdict(kill(process_id(argv[0]), (int)number(argv[1])), "kill"); }

static int send_tkill(char** argv) {
  return verdict(syscall(SYS_tkill, process_id(argv[0]), (int)number(argv[1])), "tkill");
}

static int send_tgkill(char** argv) {
  pid_t pid = process_id(argv[0]);
  return verdict(syscall(SYS_tgkill, pid, pid, (int)number(argv[1])), "tgkill");
}

static int send_sigqueue(char** argv) {
  return verdict(sigqueue(process_id(argv[0]), (int)number(argv[1]), (union sigval){.sival_int = 7}), "sigqueue");
}

static int send_tgsigqueue(char** argv) {
  pid_t pid = process_id(argv[0]);
  siginfo_t info;
  memset(&info, 0, sizeof info);
  info.si_code = SI_QUEUE;
  info.si_pid = getpid();
  info.si_uid = getuid();
  return verdict(syscall(SYS_rt_tgsigqueueinfo, pid, pid, (int)number(argv[1]), &info), "rt_tgsigqueueinfo");
}

static int open_pidfd(const char* pid) { return (int)syscall(SYS_pidfd_open, process_id(pid), 0); }

static int pidfd_signal(char** argv) {
  int fd = open_pidfd(argv[0]);
  if (fd == -1) return refused("pidfd_open");
  return verdict(syscall(SYS_pidfd_send_signal, fd, (int)number(argv[1]), NULL, 0), "pidfd_send_signal");
}

static int pidfd_steal(char** argv) {
  int fd = open_pidfd(argv[0]);
  if (fd == -1) return refused("pidfd_open");
  return verdict(syscall(SYS_pidfd_getfd, fd, (int)number(argv[1]), 0), "pidfd_getfd");
}

// SIGURG harms nobody: it is ignored unless asked for. The return value says little; the receivers count.
static int kill_everyone(char** argv) {
  (void)argv;
  return verdict(kill(-1, SIGURG), "kill");
}

// F_SETOWN makes the kernel send the signal: through a pipe of our own, to somebody else's process.
static int owner_signal(char** argv) {
  int ends[2];
  if (pipe(ends) == -1) return cannot("pipe");
  if (fcntl(ends[0], F_SETSIG, (int)number(argv[1])) == -1) return refused("F_SETSIG");
  if (fcntl(ends[0], F_SETOWN, process_id(argv[0])) == -1) return refused("F_SETOWN");
  if (fcntl(ends[0], F_SETFL, O_ASYNC) == -1) return refused("O_ASYNC");
  if (write(ends[1], "x", 1) != 1) return refused("write");
  return REACHED;
}

static int kcmp_self(char** argv) {
  return verdict(syscall(SYS_kcmp, process_id(argv[0]), getpid(), 0, 0, 0), "kcmp");  // 0: KCMP_FILE
}

static int process_madvise_cold(char** argv) {
  struct iovec range = {(void*)(uintptr_t)(number(argv[1]) & ~4095L), 4096};
  int fd = open_pidfd(argv[0]);
  if (fd == -1) return refused("pidfd_open");
  return verdict(syscall(SYS_process_madvise, fd, &range, 1, 20, 0), "process_madvise");  // 20: MADV_COLD
}

static int robust_list(char** argv) {
  void* head = NULL;
  size_t length = 0;
  return verdict(syscall(SYS_get_robust_list, process_id(argv[0]), &head, &length), "get_robust_list");
}

static int move_all_pages(char** argv) {
  const unsigned long first_node = 1;
  return verdict(syscall(SYS_migrate_pages, process_id(argv[0]), 8 * sizeof first_node, &first_node, &first_node),
                 "migrate_pages");
}

// ESRCH and EPERM tell a process that does not exist from one that does.
static int process_exists(char** argv) {
  if (kill(process_id(argv[0]), 0) == 0 || errno == EPERM) return REACHED;
  return refused("kill");
}

const struct probe process_probes[] = {
    {"proc-read", "PID FILE", "read /proc/PID/FILE of another process", 2, read_proc},
    {"proc-write", "PID FILE TEXT", "write to /proc/PID/FILE of another process", 3, write_proc},
    {"proc-create", "PID FILE", "create a file below /proc/PID/{root,cwd} of another process", 2, create_proc},
    {"proc-list", "PID DIR", "list /proc/PID/DIR of another process", 2, list_proc},
    {"process-list", "", "see other processes in /proc", 0, list_processes},
    {"process-listed", "PID", "see a process in /proc", 1, is_listed},
    {"mem-read", "PID ADDRESS", "read another process's memory through /proc/PID/mem", 2, memory_read},
    {"mem-write", "PID ADDRESS", "write another process's memory through /proc/PID/mem", 2, memory_write},
    {"mem-open", "PID", "open /proc/PID/mem for reading and writing", 1, memory_open},
    {"vm-readv", "PID ADDRESS", "read another process's memory by process_vm_readv", 2, vm_readv},
    {"vm-writev", "PID ADDRESS", "write another process's memory by process_vm_writev", 2, vm_writev},
    {"ptrace-attach", "PID", "trace another process by PTRACE_ATTACH", 1, ptrace_attach},
    {"ptrace-seize", "PID", "trace another process by PTRACE_SEIZE", 1, ptrace_seize},
    {"kill", "PID SIGNAL", "signal another process by kill", 2, send_kill},
    {"process-exists", "PID", "learn that a process exists", 1, process_exists},
    {"kill-everyone", "", "send SIGURG to every process of the user", 0, kill_everyone},
    {"tkill", "PID SIGNAL", "signal another process by tkill", 2, send_tkill},
    {"tgkill", "PID SIGNAL", "signal another process by tgkill", 2, send_tgkill},
    {"sigqueue", "PID SIGNAL", "signal another process by rt_sigqueueinfo", 2, send_sigqueue},
    {"tgsigqueue", "PID SIGNAL", "signal another process by rt_tgsigqueueinfo", 2, send_tgsigqueue},
    {"pidfd-signal", "PID SIGNAL", "signal another process by pidfd_send_signal", 2, pidfd_signal},
    {"owner-signal", "PID SIGNAL", "have the kernel signal another process by F_SETOWN", 2, owner_signal},
    {"pidfd-getfd", "PID FD", "take a descriptor of another process by pidfd_getfd", 2, pidfd_steal},
    {"kcmp", "PID", "compare with another process by kcmp", 1, kcmp_self},
    {"process-madvise", "PID ADDRESS", "advise on another process's memory", 2, process_madvise_cold},
    {"robust-list", "PID", "ask for another process's robust futex list", 1, robust_list},
    {"migrate-pages", "PID", "migrate another process's pages", 1, move_all_pages},
    {NULL, NULL, NULL, 0, NULL},
};
