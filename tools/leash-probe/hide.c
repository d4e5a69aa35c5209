// Processes that try to outlive the program that started them. Each bears the argument MARK, by which tests find it.
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "probe.h"

// They end by themselves: whoever hunts processes by number on a busy machine hits others.
enum { MILLISECONDS = 1000 };

static void pause_for(long milliseconds) {
  const struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};
  nanosleep(&time, NULL);
}

static _Noreturn void linger(void) {
  pause_for(MILLISECONDS);
  _exit(0);
}

// A child of our parent: not our descendant by its parents.
static int hide_as_sibling(char** argv) {
  (void)argv;
  long pid = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, NULL);
  if (pid == 0) linger();
  return verdict(pid, "clone with CLONE_PARENT");
}

// A child that tells nobody when it ends.
static int hide_without_signal(char** argv) {
  (void)argv;
  long pid = syscall(SYS_clone, 0, NULL, NULL, NULL, NULL);
  if (pid == 0) linger();
  return verdict(pid, "clone without a signal");
}

// Its files in /proc belong to root, and it does not end with its parent.
static int hide_undumpable(char** argv) {
  (void)argv;
  pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_DUMPABLE, 0);
    prctl(PR_SET_PDEATHSIG, 0);
    setsid();
    linger();
  }
  return verdict(pid, "fork");
}

// A process that is another one all the time: each starts the next and ends.
static int hide_by_moving(char** argv) {
  (void)argv;
  struct timespec start, now;
  clock_gettime(CLOCK_MONOTONIC, &start);
  pid_t pid = fork();
  if (pid != 0) return verdict(pid, "fork");
  setsid();
  do {
    if (fork() != 0) _exit(0);
    clock_gettime(CLOCK_MONOTONIC, &now);
  } while ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 < MILLISECONDS);
  _exit(0);
}

const struct probe hide_probes[] = {
    {"hide-as-sibling", "MARK", "leave a process behind that is the parent's child", 1, hide_as_sibling},
    {"hide-without-signal", "MARK", "leave a process behind that ends without a signal", 1, hide_without_signal},
    {"hide-undumpable", "MARK", "leave a process behind whose /proc files are root's", 1, hide_undumpable},
    {"hide-by-moving", "MARK", "leave a process behind that forks and ends, again and again", 1, hide_by_moving},
    {NULL, NULL, NULL, 0, NULL},
};
