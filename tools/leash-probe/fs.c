// Files and directories: reading, creating, changing, moving, removing.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include "probe.h"

static int read_some(int fd, const char* what) {
  char byte[64];
  if (fd == -1) return refused(what);
  ssize_t n = read(fd, byte, sizeof byte);
  if (n == -1) return refused("read");
  return n == 0 ? cannot("the file is empty") : REACHED;
}

static int read_file(char** argv) { return read_some(open(argv[0], O_RDONLY | O_CLOEXEC), "open"); }

static int read_through_symlink(char** argv) {
  const char* link = scratch("probe-link");
  unlink(link);
  if (symlink(argv[0], link) == -1) return cannot("symlink in the scratch directory");
  return read_some(open(link, O_RDONLY | O_CLOEXEC), "open through a symbolic link");
}

static int read_through(const char* prefix, const char* path) {
  char full[4096];
  snprintf(full, sizeof full, "%s%s", prefix, path);
  return read_some(open(full, O_RDONLY | O_CLOEXEC), full);
}

static int read_through_self_root(char** argv) { return read_through("/proc/self/root", argv[0]); }
static int read_through_self_cwd(char** argv) { return read_through("/proc/self/cwd/", argv[0]); }

static int read_through_path_fd(char** argv) {
  char full[64];
  int fd = open(argv[0], O_PATH | O_CLOEXEC);
  if (fd == -1) return refused("open O_PATH");
  snprintf(full, sizeof full, "/proc/self/fd/%d", fd);
  return read_some(open(full, O_RDONLY | O_CLOEXEC), "reopen through /proc/self/fd");
}

static int read_hard_link(char** argv) {
  const char* name = scratch("probe-hard-link");
  unlink(name);
  if (link(argv[0], name) == -1) return refused("link into the scratch directory");
  return read_some(open(name, O_RDONLY | O_CLOEXEC), "open the hard link");
}

static int list_dir(char** argv) {
  DIR* dir = opendir(argv[0]);
  if (dir == NULL) return refused("opendir");
  return readdir(dir) == NULL ? refused("readdir") : REACHED;
}

static int write_to(int fd, const char* what) {
  if (fd == -1) return refused(what);
  return write(fd, "probe\n", 6) == 6 ? REACHED : refused("write");
}

static int create(char** argv) {
  return write_to(open(argv[0], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), "create");
}

static int append(char** argv) { return write_to(open(argv[0], O_WRONLY | O_APPEND | O_CLOEXEC), "open to append"); }

static int open_write(char** argv) { return verdict(open(argv[0], O_WRONLY | O_CLOEXEC), "open for writing"); }

static int open_read_write(char** argv) { return verdict(open(argv[0], O_RDWR | O_CLOEXEC), "open for both"); }

static int create_through_symlink(char** argv) {
  const char* link = scratch("probe-link-out");
  unlink(link);
  if (symlink(argv[0], link) == -1) return cannot("symlink in the scratch directory");
  return write_to(open(link, O_WRONLY | O_CREAT | O_CLOEXEC, 0600), "create through a symbolic link");
}

static int hardlink_in(char** argv) {
  const char* name = scratch("probe-hard-link");
  unlink(name);
  if (link(argv[0], name) == -1) return refused("link into the scratch directory");
  return write_to(open(name, O_WRONLY | O_APPEND | O_CLOEXEC), "open the hard link");
}

static int hardlink_out(char** argv) { return verdict(link(scratch_file("probe-file"), argv[0]), "link"); }
static int symlink_out(char** argv) { return verdict(symlink("/etc/passwd", argv[0]), "symlink"); }
static int rename_out(char** argv) { return verdict(rename(scratch_file("probe-file"), argv[0]), "rename"); }
static int rename_in(char** argv) { return verdict(rename(argv[0], scratch("probe-moved")), "rename"); }

static int rename_exchange(char** argv) {
  return verdict(renameat2(AT_FDCWD, scratch_file("probe-file"), AT_FDCWD, argv[0], RENAME_EXCHANGE), "renameat2");
}

static int rename_beside(char** argv) { return verdict(rename(argv[0], argv[1]), "rename"); }
static int remove_file(char** argv) { return verdict(unlink(argv[0]), "unlink"); }
static int remove_dir(char** argv) { return verdict(rmdir(argv[0]), "rmdir"); }
static int truncate_path(char** argv) { return verdict(truncate(argv[0], 0), "truncate"); }

static int open_truncate(char** argv) {
  return verdict(open(argv[0], O_WRONLY | O_TRUNC | O_CLOEXEC), "open with O_TRUNC");
}

// Linux truncates although the file is opened for reading only.
static int open_read_truncate(char** argv) {
  return verdict(open(argv[0], O_RDONLY | O_TRUNC | O_CLOEXEC), "open for reading with O_TRUNC");
}

// A file that some tool will run or obey later; its directory is made first if need be.
static int plant(char** argv) {
  char path[4096];
  snprintf(path, sizeof path, "%s", argv[0]);
  char* slash = strrchr(path, '/');
  if (slash != NULL && slash != path) {
    *slash = '\0';
    if (mkdir(path, 0755) == -1 && errno != EEXIST) return refused("mkdir");
  }
  return write_to(open(argv[0], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0755), "create or append");
}

static int make_dir(char** argv) { return verdict(mkdir(argv[0], 0700), "mkdir"); }
static int make_fifo(char** argv) { return verdict(mkfifo(argv[0], 0600), "mkfifo"); }
static int make_regular(char** argv) { return verdict(mknod(argv[0], S_IFREG | 0600, 0), "mknod"); }
static int make_socket(char** argv) { return verdict(mknod(argv[0], S_IFSOCK | 0600, 0), "mknod S_IFSOCK"); }
static int make_device(char** argv) { return verdict(mknod(argv[0], S_IFCHR | 0600, makedev(1, 5)), "mknod S_IFCHR"); }

static int make_unnamed(char** argv) {
  return verdict(open(argv[0], O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600), "open with O_TMPFILE");
}

static int bind_socket(char** argv) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd == -1) return refused("socket");
  strncpy(address.sun_path, argv[0], sizeof address.sun_path - 1);
  return verdict(bind(fd, (struct sockaddr*)&address, sizeof address), "bind");
}

// Others who open the file for writing wait until the lease is given up or broken.
static int take_lease(char** argv) {
  int fd = open(argv[0], O_RDONLY | O_CLOEXEC);
  if (fd == -1) return refused("open");
  return verdict(fcntl(fd, F_SETLEASE, F_RDLCK), "F_SETLEASE");
}

const struct probe fs_probes[] = {
    {"read", "PATH", "read a file", 1, read_file},
    {"read-symlink", "PATH", "read a file through a symbolic link made in the scratch directory", 1,
     read_through_symlink},
    {"read-self-root", "PATH", "read a file through /proc/self/root", 1, read_through_self_root},
    {"read-self-cwd", "NAME", "read a file of the current directory through /proc/self/cwd", 1, read_through_self_cwd},
    {"read-path-fd", "PATH", "open a file with O_PATH and reopen it through /proc/self/fd", 1, read_through_path_fd},
    {"read-hard-link", "PATH", "link a file into the scratch directory and read it there", 1, read_hard_link},
    {"list-dir", "PATH", "list a directory", 1, list_dir},
    {"create", "PATH", "create a file", 1, create},
    {"plant", "PATH", "create a file or append to it, with its directory", 1, plant},
    {"append", "PATH", "append to a file", 1, append},
    {"open-write", "PATH", "open a file for writing, and write nothing", 1, open_write},
    {"open-read-write", "PATH", "open a file for reading and writing, and write nothing", 1, open_read_write},
    {"create-symlink", "PATH", "create a file through a symbolic link made in the scratch directory", 1,
     create_through_symlink},
    {"hardlink-in", "PATH", "link a file into the scratch directory and write to it there", 1, hardlink_in},
    {"hardlink-out", "PATH", "link a file of the scratch directory to a path", 1, hardlink_out},
    {"symlink-out", "PATH", "make a symbolic link at a path", 1, symlink_out},
    {"rename-out", "PATH", "move a file of the scratch directory to a path", 1, rename_out},
    {"rename-in", "PATH", "move a file into the scratch directory", 1, rename_in},
    {"rename-exchange", "PATH", "exchange a file with one of the scratch directory", 1, rename_exchange},
    {"rename-beside", "FROM TO", "rename a file", 2, rename_beside},
    {"unlink", "PATH", "remove a file", 1, remove_file},
    {"rmdir", "PATH", "remove a directory", 1, remove_dir},
    {"truncate", "PATH", "truncate(2) a file", 1, truncate_path},
    {"open-trunc", "PATH", "open a file with O_WRONLY | O_TRUNC", 1, open_truncate},
    {"open-read-trunc", "PATH", "open a file with O_RDONLY | O_TRUNC", 1, open_read_truncate},
    {"mkdir", "PATH", "make a directory", 1, make_dir},
    {"mkfifo", "PATH", "make a fifo", 1, make_fifo},
    {"mknod-file", "PATH", "make a regular file by mknod(2)", 1, make_regular},
    {"mknod-socket", "PATH", "make a socket file by mknod(2)", 1, make_socket},
    {"mknod-device", "PATH", "make a character device by mknod(2)", 1, make_device},
    {"create-unnamed", "DIR", "make an unnamed file in a directory with O_TMPFILE", 1, make_unnamed},
    {"bind-socket", "PATH", "bind a unix socket to a path", 1, bind_socket},
    {"lease", "PATH", "take a lease on a file that may be read", 1, take_lease},
    {NULL, NULL, NULL, 0, NULL},
};
