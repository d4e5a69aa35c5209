// The terminal, executing files, and what a program inherits: descriptors, privileges, variables.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include "probe.h"

static int terminal(char** argv) {
  (void)argv;
  return verdict(open("/dev/tty", O_RDWR | O_CLOEXEC), "open /dev/tty");
}

static int inject(char** argv) {
  char byte = 'i';
  return verdict(ioctl((int)number(argv[0]), TIOCSTI, &byte), "TIOCSTI");
}

// The kernel looks at 32 bits of the request; a filter that compares 64 does not see TIOCSTI here.
static int inject_high(char** argv) {
  char byte = 'i';
  return verdict(syscall(SYS_ioctl, number(argv[0]), 0x100000000UL | TIOCSTI, &byte), "TIOCSTI with high bits");
}

// Ends the paste of a selection; ENOTTY and EINVAL mean that a terminal driver was asked, here not the console's.
static int console_paste(char** argv) {
  char request[2] = {3, 0};
  const int reached[] = {ENOTTY, EINVAL, 0};
  return verdict_reached(ioctl((int)number(argv[0]), TIOCLINUX, request), "TIOCLINUX", reached);
}

static int console_paste_high(char** argv) {
  char request[2] = {3, 0};
  const int reached[] = {ENOTTY, EINVAL, 0};
  return verdict_reached(syscall(SYS_ioctl, number(argv[0]), 0x100000000UL | TIOCLINUX, request), "TIOCLINUX", reached);
}

static int redirect_console(char** argv) { return verdict(ioctl((int)number(argv[0]), TIOCCONS, 0), "TIOCCONS"); }

// Runs `path self-test` in a child; REACHED when it ran.
static int run_path(const char* path) {
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    execv(path, own_arguments(path, "succeed"));
    refused("execve");
    fflush(stdout);
    _exit(REFUSED);
  }
  return wait_child(pid, "execve");
}

static int exec_path(char** argv) { return run_path(argv[0]); }

static int copy_self(int to) {
  char buffer[65536];
  int from = open(own_path(), O_RDONLY | O_CLOEXEC);
  if (from == -1) return -1;
  for (ssize_t n; (n = read(from, buffer, sizeof buffer)) != 0;) {
    if (n == -1 || write(to, buffer, (size_t)n) != n) return -1;
  }
  close(from);
  return 0;
}

static const char* written_program(void) {
  const char* path = scratch("probe-program");
  unlink(path);
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
  if (fd == -1 || copy_self(fd) == -1 || fchmod(fd, 0755) == -1)
    exit(cannot("write a program in the scratch directory"));
  close(fd);
  return path;
}

static int exec_written(char** argv) {
  (void)argv;
  return run_path(written_program());
}

static int exec_script(char** argv) {
  static const char text[] = "#!/bin/sh\nexit 0\n";
  const char* path = scratch("probe-script");
  (void)argv;
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
  if (fd == -1 || write(fd, text, sizeof text - 1) == -1) return cannot("write a script in the scratch directory");
  close(fd);
  return run_path(path);
}

static int exec_fd(int fd) {
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    syscall(SYS_execveat, fd, "", own_arguments("probe", "succeed"), NULL, AT_EMPTY_PATH);
    refused("execveat");
    fflush(stdout);
    _exit(REFUSED);
  }
  return wait_child(pid, "execveat");
}

static int exec_empty_path(char** argv) {
  int fd = open(argv[0], O_PATH | O_CLOEXEC);
  return fd == -1 ? refused("open O_PATH") : exec_fd(fd);
}

static int exec_empty_written(char** argv) {
  (void)argv;
  int fd = open(written_program(), O_RDONLY | O_CLOEXEC);
  return fd == -1 ? refused("open") : exec_fd(fd);
}

static int memory_program(void) {
  int fd = (int)syscall(SYS_memfd_create, "probe", 0);
  if (fd != -1 && copy_self(fd) == -1) exit(cannot("fill a memfd"));
  return fd;
}

static int exec_memory(char** argv) {
  (void)argv;
  int fd = memory_program();
  return fd == -1 ? refused("memfd_create") : exec_fd(fd);
}

static int exec_memory_path(char** argv) {
  char path[64];
  (void)argv;
  int fd = memory_program();
  if (fd == -1) return refused("memfd_create");
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  return run_path(path);
}

static int exec_set_user_id(char** argv) {
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    execv(argv[0], own_arguments(argv[0], "raised"));
    refused("execve");
    fflush(stdout);
    _exit(REFUSED);
  }
  return wait_child(pid, "execve");
}

static int raised(char** argv) {
  (void)argv;
  if (geteuid() != getuid()) return REACHED;
  errno = EPERM;
  return refused("the set-user-ID bit had no effect");
}

static int succeed(char** argv) { return (void)argv, REACHED; }

static int read_fd(char** argv) {
  char byte;
  return verdict(pread((int)number(argv[0]), &byte, 1, 0), "read an inherited descriptor");
}

static int read_dir_fd(char** argv) {
  char byte;
  int fd = openat((int)number(argv[0]), argv[1], O_RDONLY | O_CLOEXEC);
  if (fd == -1) return refused("openat an inherited directory");
  return verdict(read(fd, &byte, 1), "read");
}

static int create_dir_fd(char** argv) {
  return verdict(openat((int)number(argv[0]), argv[1], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600),
                 "create in an inherited directory");
}

static int any_fd(char** argv) {
  (void)argv;
  for (int fd = 3; fd < 1024; ++fd) {
    if (fcntl(fd, F_GETFD) == -1) continue;
    printf("descriptor %d is open\n", fd);
    return REACHED;
  }
  return refused("descriptors 3 to 1023");
}

static int may_gain_privileges(char** argv) {
  (void)argv;
  if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0) return REACHED;
  errno = EPERM;
  return refused("no_new_privs is set");
}

static int capabilities(char** argv) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2];
  (void)argv;
  memset(data, 0, sizeof data);
  if (syscall(SYS_capget, &header, data) == -1) return cannot("capget");
  for (int i = 0; i < 2; ++i) {
    if ((data[i].effective | data[i].permitted | data[i].inheritable) != 0) return REACHED;
  }
  errno = EPERM;
  return refused("no capability is held");
}

static int variable(char** argv) {
  if (getenv(argv[0]) != NULL) return REACHED;
  errno = ENOENT;
  return refused("the variable is not set");
}

const struct probe terminal_exec_probes[] = {
    {"dev-tty", "", "open the controlling terminal", 0, terminal},
    {"tiocsti", "FD", "put a character into a terminal's input", 1, inject},
    {"tiocsti-high", "FD", "the same with high bits set in the request", 1, inject_high},
    {"tioclinux", "FD", "ask the console to paste", 1, console_paste},
    {"tioclinux-high", "FD", "the same with high bits set in the request", 1, console_paste_high},
    {"tioccons", "FD", "redirect the console's output", 1, redirect_console},
    {"exec", "PATH", "execute a copy of this program", 1, exec_path},
    {"exec-written", "", "write a program into the scratch directory and execute it", 0, exec_written},
    {"exec-script", "", "write a script into the scratch directory and execute it", 0, exec_script},
    {"exec-empty-path", "PATH", "execute a program by execveat with AT_EMPTY_PATH", 1, exec_empty_path},
    {"exec-empty-written", "", "the same with a program written into the scratch directory", 0, exec_empty_written},
    {"exec-memfd", "", "execute a program in memory by execveat", 0, exec_memory},
    {"exec-memfd-path", "", "execute a program in memory through /proc/self/fd", 0, exec_memory_path},
    {"exec-set-user-id", "PATH", "gain another user's rights from a set-user-ID copy of this program", 1,
     exec_set_user_id},
    {"raised", "", "run with another effective user than the real one", 0, raised},
    {"succeed", "", "do nothing", 0, succeed},
    {"read-fd", "FD", "read an inherited file descriptor", 1, read_fd},
    {"read-dir-fd", "FD NAME", "read a file through an inherited directory descriptor", 2, read_dir_fd},
    {"create-dir-fd", "FD NAME", "create a file through an inherited directory descriptor", 2, create_dir_fd},
    {"any-fd", "", "find any inherited descriptor above 2", 0, any_fd},
    {"may-gain-privileges", "", "run without no_new_privs", 0, may_gain_privileges},
    {"capabilities", "", "hold any capability", 0, capabilities},
    {"variable", "NAME", "see an environment variable", 1, variable},
    {NULL, NULL, NULL, 0, NULL},
};
