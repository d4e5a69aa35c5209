// Acts on two files at once: a name or an address that changes while somebody looks at it, between one that is the
// program's own and one that is not.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "probe.h"

enum { TRIES = 4000, LENGTH = sizeof(((struct sockaddr_un*)0)->sun_path) };

static char own[LENGTH], others[LENGTH];
static struct sockaddr_un shared_address = {.sun_family = AF_UNIX};
static char link_name[LENGTH], spare_name[LENGTH];
static atomic_bool done;

static void* swap_memory(void* unused) {
  for (int i = 0; !done; ++i) memcpy(shared_address.sun_path, i % 2 != 0 ? own : others, LENGTH);
  return unused;
}

static void* swap_link(void* unused) {
  for (int i = 0; !done; ++i) {
    unlink(spare_name);
    if (symlink(i % 2 != 0 ? own : others, spare_name) == 0) (void)rename(spare_name, link_name);
  }
  return unused;
}

// Relative names, since a unix socket's are short: the program stands in its scratch directory.
static bool stand_in_scratch(void) {
  strcpy(own, "swapped-own");
  strcpy(link_name, "swapped-name");
  strcpy(spare_name, "swapped-spare");
  return chdir(scratch(".")) == 0;
}

static bool start_swap(void* (*swap)(void*), const char* target) {
  pthread_t thread;
  if (strlen(target) >= LENGTH) return false;
  strcpy(others, target);
  strcpy(shared_address.sun_path, swap == swap_link ? link_name : own);
  if (swap == swap_link && symlink(own, link_name) == -1 && errno != EEXIST) return false;
  return pthread_create(&thread, NULL, swap, NULL) == 0;
}

static int race_chmod(void* (*swap)(void*), const char* target) {
  struct stat before, after;
  int changed = 0;
  scratch_file("swapped-own");
  if (!stand_in_scratch()) return cannot("chdir");
  if (stat(target, &before) == -1) return refused("stat");
  if (!start_swap(swap, target)) return cannot("the name is too long, or a link or thread is refused");
  for (int i = 0; i < TRIES; ++i) changed += chmod(shared_address.sun_path, 0755) == 0;
  done = true;
  if (stat(target, &after) == -1) return refused("stat");
  if (before.st_mode != after.st_mode) return REACHED;
  printf("refused: chmod: it met %d times its own file, never the other\n", changed);
  return REFUSED;
}

static int swap_chmod(char** argv) { return race_chmod(swap_memory, argv[0]); }
static int swap_link_chmod(char** argv) { return race_chmod(swap_link, argv[0]); }

static void* serve(void* listener) {
  for (;;) close(accept((int)(long)listener, NULL, NULL));
  return NULL;
}

static int listen_at(const char* path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  pthread_t thread;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd == -1) return -1;
  unlink(path);
  strcpy(address.sun_path, path);
  if (bind(fd, (struct sockaddr*)&address, sizeof address) == -1 || listen(fd, 16) == -1) return -1;
  return pthread_create(&thread, NULL, serve, (void*)(long)fd) == 0 ? fd : -1;
}

static int race_connect(void* (*swap)(void*), const char* target) {
  int own_connections = 0, other_connections = 0;
  if (!stand_in_scratch()) return cannot("chdir");
  if (listen_at(own) == -1) return refused("a server of its own");
  if (!start_swap(swap, target)) return cannot("the name is too long, or a link or thread is refused");
  for (int i = 0; i < TRIES; ++i) {
    struct sockaddr_un peer = {.sun_family = AF_UNIX};
    socklen_t length = sizeof peer;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr*)&shared_address, sizeof shared_address) == 0 &&
        getpeername(fd, (struct sockaddr*)&peer, &length) == 0) {
      *(strcmp(peer.sun_path, others) == 0 ? &other_connections : &own_connections) += 1;
    }
    close(fd);
    if (other_connections > 4) break;  // the queue of one who does not accept is soon full
  }
  done = true;
  if (other_connections > 0) return REACHED;
  printf("refused: connect: it met %d times its own server, never the other\n", own_connections);
  return REFUSED;
}

static int swap_connect(char** argv) { return race_connect(swap_memory, argv[0]); }
static int swap_link_connect(char** argv) { return race_connect(swap_link, argv[0]); }

const struct probe race_probes[] = {
    {"swap-chmod", "PATH", "chmod a path that changes in memory to another one", 1, swap_chmod},
    {"swap-link-chmod", "PATH", "chmod through a symbolic link that is swapped", 1, swap_link_chmod},
    {"swap-connect", "PATH", "connect to an address that changes in memory to another one", 1, swap_connect},
    {"swap-link-connect", "PATH", "connect through a symbolic link that is swapped", 1, swap_link_connect},
    {NULL, NULL, NULL, 0, NULL},
};
