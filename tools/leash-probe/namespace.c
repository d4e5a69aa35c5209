// New namespaces and mounts: the first step of most ways out of a sandbox.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe.h"

struct kind {
  const char* name;
  unsigned long flag;
};

static const struct kind kinds[] = {
    {"user", CLONE_NEWUSER}, {"mnt", CLONE_NEWNS},  {"net", CLONE_NEWNET},       {"pid", CLONE_NEWPID},
    {"ipc", CLONE_NEWIPC},   {"uts", CLONE_NEWUTS}, {"cgroup", CLONE_NEWCGROUP}, {"time", 0x80},
};

static unsigned long flag_of(const char* name) {
  for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; ++k) {
    if (strcmp(kinds[k].name, name) == 0) return kinds[k].flag;
  }
  return 0;
}

static int unshare_kind(char** argv) { return verdict(unshare((int)flag_of(argv[0])), "unshare"); }

static int clone_kind(char** argv) {
  fflush(stdout);
  long pid = syscall(SYS_clone, flag_of(argv[0]) | SIGCHLD, NULL, NULL, NULL, NULL);
  if (pid == 0) _exit(REACHED);
  return pid == -1 ? refused("clone") : wait_child((int)pid, "clone");
}

static int clone3_kind(char** argv) {
  struct clone_args args;
  memset(&args, 0, sizeof args);
  args.flags = flag_of(argv[0]);
  args.exit_signal = SIGCHLD;
  fflush(stdout);
  long pid = syscall(SYS_clone3, &args, sizeof args);
  if (pid == 0) _exit(REACHED);
  return pid == -1 ? refused("clone3") : wait_child((int)pid, "clone3");
}

// The step after a user namespace: with its capabilities, mount something.
static int user_then_mount(char** argv) {
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS) == -1) return refused("unshare");
  return verdict(mount("none", argv[0], "tmpfs", 0, NULL), "mount");
}

// Calls `act` with "/" and every longer beginning of `path` that ends before a slash.
static void for_each_directory(const char* path, void (*act)(const char* directory)) {
  char directory[4096] = "/";
  act(directory);
  for (const char* at = path + 1; (at = strchr(at, '/')) != NULL; ++at) {
    snprintf(directory, sizeof directory, "%.*s", (int)(at - path), path);
    act(directory);
  }
}

// A lock on a flag refuses the others with it, so the usual ones are tried together. EINVAL: no mount point.
static void remount_writable(const char* directory) {
  const unsigned long flags[] = {0, MS_NOSUID | MS_NODEV, MS_NOSUID | MS_NODEV | MS_NOEXEC};
  for (size_t f = 0; f < sizeof flags / sizeof flags[0]; ++f) {
    if (mount(NULL, directory, NULL, MS_REMOUNT | MS_BIND | flags[f], NULL) == 0) return;
  }
}

static void uncover(const char* directory) {
  if (strcmp(directory, "/") != 0) umount2(directory, MNT_DETACH);
}

// With the capabilities of a user namespace: make what is mounted read-only writable, and write there.
static int user_then_create(char** argv) {
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS) == -1) return refused("unshare");
  for_each_directory(argv[0], remount_writable);
  return verdict(open(argv[0], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), "create");
}

// The same for what hides a file: take away what is mounted over it.
static int user_then_read(char** argv) {
  char byte;
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS) == -1) return refused("unshare");
  umount2(argv[0], MNT_DETACH);
  for_each_directory(argv[0], uncover);
  int fd = open(argv[0], O_RDONLY | O_CLOEXEC);
  if (fd == -1) return refused("open");
  return verdict(read(fd, &byte, 1), "read");
}

static int user_then_packet(char** argv) {
  (void)argv;
  if (unshare(CLONE_NEWUSER | CLONE_NEWNET) == -1) return refused("unshare");
  return verdict(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), "socket");
}

static int mount_unknown(char** argv) {
  const int reached[] = {ENODEV, 0};
  return verdict_reached(mount("none", argv[0], "leash-no-such-type", 0, NULL), "mount", reached);
}

static int remount(char** argv) {
  const int reached[] = {EINVAL, 0};  // not a mount point
  return verdict_reached(mount(NULL, argv[0], NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), "mount", reached);
}

static int unmount(char** argv) {
  const int reached[] = {EINVAL, 0};  // not a mount point
  return verdict_reached(umount2(argv[0], 0), "umount2", reached);
}

static int open_filesystem(char** argv) { return (void)argv, verdict(syscall(SYS_fsopen, "tmpfs", 1), "fsopen"); }
static int pick(char** argv) { return verdict(syscall(SYS_fspick, AT_FDCWD, argv[0], 1), "fspick"); }
static int tree(char** argv) { return verdict(syscall(SYS_open_tree, AT_FDCWD, argv[0], O_CLOEXEC), "open_tree"); }

static int tree_copy(char** argv) {
  return verdict(syscall(SYS_open_tree, AT_FDCWD, argv[0], O_CLOEXEC | 1), "open_tree");  // 1: OPEN_TREE_CLONE
}

static int move(char** argv) {
  const int reached[] = {ENOENT, EBADF, EINVAL, 0};
  (void)argv;
  return verdict_reached(syscall(SYS_move_mount, -1, "", -1, "", 0), "move_mount", reached);
}

static int mount_attributes(char** argv) {
  const int reached[] = {EINVAL, 0};
  (void)argv;
  return verdict_reached(syscall(442L, -1, "", 0, NULL, 0), "mount_setattr", reached);
}

static int change_root(char** argv) { return (void)argv, verdict(chroot("/"), "chroot"); }

static int pivot(char** argv) {
  const int reached[] = {ENOENT, 0};
  (void)argv;
  return verdict_reached(syscall(SYS_pivot_root, "/leash-no-such-dir", "/leash-no-such-dir"), "pivot_root", reached);
}

const struct probe namespace_probes[] = {
    {"unshare", "KIND", "move to a new namespace (user, mnt, net, pid, ipc, uts, cgroup, time)", 1, unshare_kind},
    {"clone", "KIND", "start a process in a new namespace by clone", 1, clone_kind},
    {"clone3", "KIND", "start a process in a new namespace by clone3", 1, clone3_kind},
    {"userns-mount", "DIR", "mount in a user namespace of its own", 1, user_then_mount},
    {"userns-remount-create", "PATH", "in a user namespace of its own, remount writable and create a file", 1,
     user_then_create},
    {"userns-uncover-read", "PATH", "in a user namespace of its own, unmount what hides a file and read it", 1,
     user_then_read},
    {"userns-packet", "", "make a packet socket in a user namespace of its own", 0, user_then_packet},
    {"mount", "DIR", "mount (a type that does not exist)", 1, mount_unknown},
    {"remount", "DIR", "remount (a directory that is no mount point)", 1, remount},
    {"umount", "DIR", "unmount (a directory that is no mount point)", 1, unmount},
    {"fsopen", "", "open a file system context", 0, open_filesystem},
    {"fspick", "DIR", "pick a mounted file system", 1, pick},
    {"open-tree", "DIR", "open a mount by open_tree", 1, tree},
    {"open-tree-clone", "DIR", "copy a mount by open_tree", 1, tree_copy},
    {"move-mount", "", "move a mount (from nowhere)", 0, move},
    {"mount-setattr", "", "change a mount's attributes (of nothing)", 0, mount_attributes},
    {"chroot", "", "change the root directory (to the same)", 0, change_root},
    {"pivot-root", "", "change the root mount (to nothing)", 0, pivot},
    {NULL, NULL, NULL, 0, NULL},
};
