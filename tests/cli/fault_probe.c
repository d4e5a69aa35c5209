/* fault-probe ACT ARGUMENT...: tries what a sandbox should refuse, and prints a line for each act that succeeded.
 * Then "done". Static, so that nothing is opened for it but itself. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static int opens(const char* path, int flags) {
  const int fd = open(path, flags | O_CLOEXEC, 0600);
  if (fd >= 0) close(fd);
  return fd >= 0;
}

static int has_socket(int family, int type) {
  const int fd = socket(family, type, 0);
  if (fd >= 0) close(fd);
  return fd >= 0;
}

static int has_capabilities(void) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct sets[2] = {{0, 0, 0}, {0, 0, 0}};
  if (syscall(SYS_capget, &header, sets) != 0) return 0;
  return (sets[0].effective | sets[1].effective | sets[0].permitted | sets[1].permitted) != 0;
}

static int has_descriptors(void) {
  for (int fd = 3; fd < 1024; ++fd) {
    if (fcntl(fd, F_GETFD) >= 0) return 1;
  }
  return 0;
}

static int allows(__rlimit_resource_t resource, const char* most) {
  struct rlimit limit;
  if (getrlimit(resource, &limit) != 0) return 0;
  return limit.rlim_max > strtoul(most, NULL, 10);
}

static int survives_leash(void) {
  int signal = 0;
  return prctl(PR_GET_PDEATHSIG, &signal, 0, 0, 0) == 0 && signal != SIGKILL;
}

static int succeeds(const char* act, const char* argument) {
  if (strcmp(act, "read") == 0) return opens(argument, O_RDONLY);
  if (strcmp(act, "make") == 0) return opens(argument, O_WRONLY | O_CREAT);
  if (strcmp(act, "fail-to-write") == 0) return !opens(argument, O_WRONLY);
  if (strcmp(act, "signal") == 0) return kill(getppid(), 0) == 0;
  if (strcmp(act, "socket") == 0) return has_socket(AF_INET, SOCK_STREAM) || has_socket(AF_INET6, SOCK_DGRAM);
  if (strcmp(act, "trace") == 0) return ptrace(PTRACE_TRACEME, 0, 0, 0) == 0;
  if (strcmp(act, "hold") == 0) return has_capabilities();
  if (strcmp(act, "gain") == 0) return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1;
  if (strcmp(act, "inherit") == 0) return has_descriptors();
  if (strcmp(act, "core") == 0) return allows(RLIMIT_CORE, argument);
  if (strcmp(act, "files") == 0) return allows(RLIMIT_NOFILE, argument);
  if (strcmp(act, "session") == 0) return getsid(0) != getpid();
  if (strcmp(act, "survive") == 0) return survives_leash();
  return 1;
}

int main(int argc, char** argv) {
  for (int i = 1; i + 1 < argc; i += 2) {
    if (succeeds(argv[i], argv[i + 1])) dprintf(STDOUT_FILENO, "%s %s\n", argv[i], argv[i + 1]);
  }
  dprintf(STDOUT_FILENO, "done\n");
  return 0;
}
