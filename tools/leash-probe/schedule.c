// Limits, priorities and scheduling of other processes, and the namespaces that they are in.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe.h"

static int limit_read(char** argv) {
  struct rlimit limit;
  return verdict(prlimit(process_id(argv[0]), RLIMIT_NOFILE, NULL, &limit), "prlimit");
}

static int limit_write(char** argv) {
  struct rlimit limit;
  pid_t pid = process_id(argv[0]);
  if (prlimit(pid, RLIMIT_NOFILE, NULL, &limit) == -1) return refused("prlimit");
  limit.rlim_cur -= 1;
  return verdict(prlimit(pid, RLIMIT_NOFILE, &limit, NULL), "prlimit");
}

// A limit that has no effect of its own; what matters is whether a program may change what it inherited.
static int real_time_limit(char** argv) {
  const struct rlimit limit = {1000000, 1000000};
  (void)argv;
  return verdict(syscall(SYS_setrlimit, RLIMIT_RTTIME, &limit), "setrlimit");
}

static int real_time_limit_pid(char** argv) {
  const struct rlimit limit = {1000000, 1000000};
  (void)argv;
  return verdict(syscall(SYS_prlimit64, 0, RLIMIT_RTTIME, &limit, NULL), "prlimit64");
}

static int real_time_limit_high(char** argv) {
  const struct rlimit limit = {1000000, 1000000};
  (void)argv;
  return verdict(syscall(SYS_prlimit64, 0, 0x100000000UL | RLIMIT_RTTIME, &limit, NULL), "prlimit64");
}

static int priority_process(char** argv) {
  pid_t pid = process_id(argv[0]);
  errno = 0;
  int now = getpriority(PRIO_PROCESS, (id_t)pid);
  if (now == -1 && errno != 0) return refused("getpriority");
  return verdict(setpriority(PRIO_PROCESS, (id_t)pid, now + 1), "setpriority");
}

// Asked about a user who has no process: nothing changes, but the answer shows that the question was looked at.
static int priority_user(char** argv) {
  (void)argv;
  const int reached[] = {ESRCH, 0};
  return verdict_reached(setpriority(PRIO_USER, 4000000000U, 0), "setpriority", reached);
}

static int priority_group(char** argv) {
  pid_t group = getpgid(process_id(argv[0]));
  if (group == -1) return refused("getpgid");
  return verdict(setpriority(PRIO_PGRP, (id_t)group, 19), "setpriority");
}

static int affinity(char** argv) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(0, &one);
  return verdict(sched_setaffinity(process_id(argv[0]), sizeof one, &one), "sched_setaffinity");
}

static int scheduler(char** argv) {
  struct sched_param param = {0};
  return verdict(sched_setscheduler(process_id(argv[0]), SCHED_BATCH, &param), "sched_setscheduler");
}

static int parameters(char** argv) {
  struct sched_param param = {0};
  return verdict(sched_setparam(process_id(argv[0]), &param), "sched_setparam");
}

static int attributes(char** argv) {
  struct {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
  } attr = {48, SCHED_BATCH, 0, 19, 0, 0, 0, 0};
  return verdict(syscall(SYS_sched_setattr, process_id(argv[0]), &attr, 0), "sched_setattr");
}

static int io_priority(char** argv) {
  const int best_effort_7 = (2 << 13) | 7;
  return verdict(syscall(SYS_ioprio_set, 1, process_id(argv[0]), best_effort_7),
                 "ioprio_set");  // 1: IOPRIO_WHO_PROCESS
}

static int io_priority_group(char** argv) {
  const int best_effort_6 = (2 << 13) | 6;
  pid_t group = getpgid(process_id(argv[0]));
  if (group == -1) return refused("getpgid");
  return verdict(syscall(SYS_ioprio_set, 2, group, best_effort_6), "ioprio_set");  // 2: IOPRIO_WHO_PGRP
}

static int enter_namespace(char** argv) {
  char path[128];
  const int reached[] = {EINVAL, 0};  // already in that user namespace
  snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)process_id(argv[0]), argv[1]);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd == -1) return refused(path);
  return verdict_reached(setns(fd, 0), "setns", reached);
}

// A process cannot enter the user namespace that it is in: where there is no other one, this fails without a sandbox
// too.
static int enter_user_namespace(char** argv) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/ns/user", (int)process_id(argv[0]));
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd == -1) return refused(path);
  return verdict(setns(fd, CLONE_NEWUSER), "setns");
}

static int enter_by_pidfd(char** argv) {
  int fd = (int)syscall(SYS_pidfd_open, process_id(argv[0]), 0);
  if (fd == -1) return refused("pidfd_open");
  return verdict(setns(fd, CLONE_NEWNET), "setns");
}

const struct probe schedule_probes[] = {
    {"prlimit-read", "PID", "read a limit of another process", 1, limit_read},
    {"prlimit-write", "PID", "lower a limit of another process", 1, limit_write},
    {"rttime-setrlimit", "", "change the limit of real-time processor time by setrlimit", 0, real_time_limit},
    {"rttime-prlimit", "", "the same by prlimit64", 0, real_time_limit_pid},
    {"rttime-prlimit-high", "", "the same with high bits set in the resource", 0, real_time_limit_high},
    {"setpriority", "PID", "lower the priority of another process", 1, priority_process},
    {"setpriority-group", "PID", "lower the priority of the group of another process", 1, priority_group},
    {"setpriority-user", "", "set the priority of all processes of a user", 0, priority_user},
    {"sched-setaffinity", "PID", "pin another process to one processor", 1, affinity},
    {"sched-setscheduler", "PID", "change the scheduling policy of another process", 1, scheduler},
    {"sched-setparam", "PID", "set the scheduling parameters of another process", 1, parameters},
    {"sched-setattr", "PID", "set the scheduling attributes of another process", 1, attributes},
    {"ioprio-set", "PID", "lower the input and output priority of another process", 1, io_priority},
    {"ioprio-set-group", "PID", "lower the input and output priority of the group of another process", 1,
     io_priority_group},
    {"setns", "PID NAME", "enter namespace NAME of another process", 2, enter_namespace},
    {"setns-user", "PID", "enter the user namespace of another process, if it is another one", 1, enter_user_namespace},
    {"setns-pidfd", "PID", "enter the network namespace of another process by pidfd", 1, enter_by_pidfd},
    {NULL, NULL, NULL, 0, NULL},
};
