// Metadata that outlives a sandbox: set-user-ID and set-group-ID bits, extended attributes, file flags.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "probe.h"

// Newer machines never had these; where they do not exist they are refused.
#ifndef SYS_chmod
#define SYS_chmod (-1)
#define SYS_creat (-1)
#define SYS_mknod (-1)
#define SYS_open (-1)
#endif
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

// The call's return value is not the proof, the file's mode is: a kernel may drop the bits in silence.
static int special_bits(long result, const char* path, const char* what) {
  struct stat st;
  if (result == -1) return refused(what);
  if (stat(path, &st) == -1) return cannot("stat");
  if ((st.st_mode & (S_ISUID | S_ISGID)) == 0) {
    printf("refused: %s: the bits were dropped\n", what);
    return REFUSED;
  }
  return REACHED;
}

static int chmod_suid(char** argv) {
  (void)argv;
  const char* path = scratch_file("probe-suid");
  return special_bits(syscall(SYS_chmod, path, 04755), path, "chmod");
}

static int chmod_sgid(char** argv) {
  (void)argv;
  const char* path = scratch_file("probe-suid");
  return special_bits(syscall(SYS_chmod, path, 02755), path, "chmod");
}

// The kernel takes the mode as 16 bits: what stands above them must not hide the set-user-ID bit from a filter.
static int chmod_suid_high(char** argv) {
  (void)argv;
  const char* path = scratch_file("probe-suid");
  return special_bits(syscall(SYS_chmod, path, 0x100000000UL | 04755), path, "chmod");
}

static int fchmod_suid(char** argv) {
  (void)argv;
  const char* path = scratch_file("probe-suid");
  return special_bits(syscall(SYS_fchmod, open(path, O_RDONLY), 04755), path, "fchmod");
}

static int fchmodat_suid(char** argv) {
  (void)argv;
  const char* path = scratch_file("probe-suid");
  return special_bits(syscall(SYS_fchmodat, AT_FDCWD, path, 04755), path, "fchmodat");
}

static int fchmodat2_suid(char** argv) {
  (void)argv;
  const char* path = scratch_file("probe-suid");
  return special_bits(syscall(SYS_fchmodat2, AT_FDCWD, path, 04755, 0), path, "fchmodat2");
}

static const char* absent(void) {
  const char* path = scratch("probe-suid-new");
  unlink(path);
  umask(0);
  return path;
}

static int open_suid(char** argv) {
  (void)argv;
  const char* path = absent();
  return special_bits(syscall(SYS_open, path, O_WRONLY | O_CREAT, 04755), path, "open");
}

static int openat_suid(char** argv) {
  (void)argv;
  const char* path = absent();
  return special_bits(syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT, 04755), path, "openat");
}

static int creat_suid(char** argv) {
  (void)argv;
  const char* path = absent();
  return special_bits(syscall(SYS_creat, path, 04755), path, "creat");
}

static int openat2_suid(char** argv) {
  (void)argv;
  const char* path = absent();
  struct open_how how = {.flags = O_WRONLY | O_CREAT, .mode = 04755};
  return special_bits(syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how), path, "openat2");
}

static int mknod_suid(char** argv) {
  (void)argv;
  const char* path = absent();
  return special_bits(syscall(SYS_mknod, path, S_IFREG | 04755, 0), path, "mknod");
}

static int mknodat_suid(char** argv) {
  (void)argv;
  const char* path = absent();
  return special_bits(syscall(SYS_mknodat, AT_FDCWD, path, S_IFREG | 04755, 0), path, "mknodat");
}

static int tmpfile_suid(char** argv) {
  (void)argv;
  char from[64];
  const char* path = absent();
  int fd = (int)syscall(SYS_openat, AT_FDCWD, scratch("."), O_WRONLY | O_TMPFILE, 04755);
  if (fd == -1) return refused("openat with O_TMPFILE");
  path = absent();
  snprintf(from, sizeof from, "/proc/self/fd/%d", fd);
  return special_bits(linkat(AT_FDCWD, from, AT_FDCWD, path, AT_SYMLINK_FOLLOW), path, "linkat");
}

static int set_xattr(char** argv) { return verdict(setxattr(argv[0], "user.probe", "x", 1, 0), "setxattr"); }

static int fset_xattr(char** argv) {
  int fd = open(argv[0], O_RDONLY | O_CLOEXEC);
  if (fd == -1) return refused("open");
  return verdict(fsetxattr(fd, "user.probe", "x", 1, 0), "fsetxattr");
}

static int lset_xattr(char** argv) { return verdict(lsetxattr(argv[0], "user.probe", "x", 1, 0), "lsetxattr"); }

static int remove_xattr(char** argv) { return verdict(removexattr(argv[0], "user.present"), "removexattr"); }

// setxattrat(2), Linux 6.13.
static int set_xattr_at(char** argv) {
  struct {
    unsigned long long value;
    unsigned size, flags;
  } args = {(unsigned long long)(unsigned long)"x", 1, 0};
  return verdict(syscall(463, AT_FDCWD, argv[0], 0, "user.probe", &args, sizeof args), "setxattrat");
}

// A capability on a file is a set-user-ID bit by another name.
static int file_capability(char** argv) {
  (void)argv;
  const unsigned value[5] = {0x02000001, 0x400, 0, 0, 0};  // version 2, effective, CAP_NET_BIND_SERVICE
  return verdict(setxattr(scratch_file("probe-cap"), "security.capability", value, sizeof value, 0), "setxattr");
}

static int inode_flags(char** argv) {
  int fd = open(argv[0], O_RDONLY | O_CLOEXEC), flags = 0;
  if (fd == -1) return refused("open");
  if (ioctl(fd, FS_IOC_GETFLAGS, &flags) == -1) return refused("FS_IOC_GETFLAGS");
  flags |= FS_NODUMP_FL;
  return verdict(ioctl(fd, FS_IOC_SETFLAGS, &flags), "FS_IOC_SETFLAGS");
}

static int inode_extended_flags(char** argv) {
  int fd = open(argv[0], O_RDONLY | O_CLOEXEC);
  struct fsxattr attributes;
  if (fd == -1) return refused("open");
  if (ioctl(fd, FS_IOC_FSGETXATTR, &attributes) == -1) return refused("FS_IOC_FSGETXATTR");
  attributes.fsx_xflags |= FS_XFLAG_NODUMP;
  return verdict(ioctl(fd, FS_IOC_FSSETXATTR, &attributes), "FS_IOC_FSSETXATTR");
}

static int watch(char** argv) {
  return verdict(inotify_add_watch(inotify_init1(0), argv[0], IN_ALL_EVENTS), "inotify");
}

static int plain_chmod(char** argv) { return verdict(chmod(argv[0], 0755), "chmod"); }
static int descriptor_chmod(char** argv) {
  int fd = open(argv[0], O_RDONLY | O_CLOEXEC);
  return fd == -1 ? refused("open") : verdict(fchmod(fd, 0755), "fchmod");
}

static int proc_chmod(char** argv) {
  char name[64];
  int fd = open(argv[0], O_PATH | O_CLOEXEC);
  if (fd == -1) return refused("open O_PATH");
  snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
  return verdict(chmod(name, 0755), "chmod");
}

// To whom it belongs already: the call still sets the time of the last change.
static int set_owner(char** argv) { return verdict(chown(argv[0], getuid(), getgid()), "chown"); }

static int set_times(char** argv) { return verdict(utimensat(AT_FDCWD, argv[0], NULL, 0), "utimensat"); }

static int stat_path(char** argv) {
  struct stat st;
  return verdict(stat(argv[0], &st), "stat");
}

const struct probe mode_probes[] = {
    {"chmod-suid", "", "chmod a file of the scratch directory to 04755", 0, chmod_suid},
    {"chmod-sgid", "", "chmod a file of the scratch directory to 02755", 0, chmod_sgid},
    {"chmod-suid-high", "", "chmod to 04755 with high bits set in the mode", 0, chmod_suid_high},
    {"fchmod-suid", "", "fchmod a file of the scratch directory to 04755", 0, fchmod_suid},
    {"fchmodat-suid", "", "fchmodat a file of the scratch directory to 04755", 0, fchmodat_suid},
    {"fchmodat2-suid", "", "fchmodat2 a file of the scratch directory to 04755", 0, fchmodat2_suid},
    {"open-suid", "", "create a file with mode 04755 by open", 0, open_suid},
    {"openat-suid", "", "create a file with mode 04755 by openat", 0, openat_suid},
    {"creat-suid", "", "create a file with mode 04755 by creat", 0, creat_suid},
    {"openat2-suid", "", "create a file with mode 04755 by openat2", 0, openat2_suid},
    {"mknod-suid", "", "create a file with mode 04755 by mknod", 0, mknod_suid},
    {"mknodat-suid", "", "create a file with mode 04755 by mknodat", 0, mknodat_suid},
    {"tmpfile-suid", "", "create a file with mode 04755 by O_TMPFILE and linkat", 0, tmpfile_suid},
    {"setxattr", "PATH", "set an extended attribute", 1, set_xattr},
    {"fsetxattr", "PATH", "set an extended attribute of an open file", 1, fset_xattr},
    {"lsetxattr", "PATH", "set an extended attribute without following links", 1, lset_xattr},
    {"setxattrat", "PATH", "set an extended attribute by setxattrat(2)", 1, set_xattr_at},
    {"removexattr", "PATH", "remove the extended attribute user.present", 1, remove_xattr},
    {"file-capability", "", "give a file of the scratch directory a capability", 0, file_capability},
    {"inode-flags", "PATH", "set an inode flag of a file", 1, inode_flags},
    {"inode-xflags", "PATH", "set an inode flag of a file by FS_IOC_FSSETXATTR", 1, inode_extended_flags},
    {"inotify", "PATH", "watch a path by inotify", 1, watch},
    {"chmod", "PATH", "chmod a file to 0755", 1, plain_chmod},
    {"fchmod", "PATH", "fchmod a file that is open for reading to 0755", 1, descriptor_chmod},
    {"chmod-proc-fd", "PATH", "chmod a file through /proc/self/fd to 0755", 1, proc_chmod},
    {"chown", "PATH", "give a file to its own owner", 1, set_owner},
    {"utimes", "PATH", "set the times of a file", 1, set_times},
    {"stat", "PATH", "stat a file", 1, stat_path},
    {NULL, NULL, NULL, 0, NULL},
};
