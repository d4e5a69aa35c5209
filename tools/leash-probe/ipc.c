// Ways to talk to other processes of the same machine: unix sockets, System V and POSIX objects, keyrings.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "probe.h"

// "@name" is an abstract address.
static socklen_t unix_address(const char* name, struct sockaddr_un* address) {
  size_t length = strlen(name);
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  if (length >= sizeof address->sun_path) length = sizeof address->sun_path - 1;
  memcpy(address->sun_path, name, length);
  if (name[0] != '@') return sizeof *address;
  address->sun_path[0] = '\0';
  return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
}

static int connect_unix(const char* name, int type) {
  struct sockaddr_un address;
  socklen_t length = unix_address(name, &address);
  int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
  if (fd == -1) return refused("socket");
  if (connect(fd, (struct sockaddr*)&address, length) == -1) return refused("connect");
  // A stream may be closed at the other end by now; that it opened is what counts.
  return write(fd, "probe", 5) == -1 && type == SOCK_DGRAM ? refused("write") : REACHED;
}

static int stream_connect(char** argv) { return connect_unix(argv[0], SOCK_STREAM); }
static int dgram_connect(char** argv) { return connect_unix(argv[0], SOCK_DGRAM); }

static int sendto_unix(int fd, const char* name) {
  struct sockaddr_un address;
  socklen_t length = unix_address(name, &address);
  return verdict(sendto(fd, "probe", 5, 0, (struct sockaddr*)&address, length), "sendto");
}

static struct msghdr message_to(const char* name, struct sockaddr_un* address, struct iovec* data) {
  socklen_t length = unix_address(name, address);
  *data = (struct iovec){"probe", 5};
  return (struct msghdr){.msg_name = address, .msg_namelen = length, .msg_iov = data, .msg_iovlen = 1};
}

static int sendmsg_unix(int fd, const char* name) {
  struct sockaddr_un address;
  struct iovec data;
  struct msghdr message = message_to(name, &address, &data);
  return verdict(sendmsg(fd, &message, 0), "sendmsg");
}

static int sendmmsg_unix(int fd, const char* name) {
  struct sockaddr_un address;
  struct iovec data;
  struct mmsghdr message = {.msg_hdr = message_to(name, &address, &data)};
  return verdict(sendmmsg(fd, &message, 1, 0), "sendmmsg");
}

static int dgram_socket(void) { return socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0); }

static int dgram_sendto(char** argv) {
  int fd = dgram_socket();
  return fd == -1 ? refused("socket") : sendto_unix(fd, argv[0]);
}

static int dgram_sendmsg(char** argv) {
  int fd = dgram_socket();
  return fd == -1 ? refused("socket") : sendmsg_unix(fd, argv[0]);
}

static int dgram_sendmmsg(char** argv) {
  int fd = dgram_socket();
  return fd == -1 ? refused("socket") : sendmmsg_unix(fd, argv[0]);
}

// One end of a datagram pair is a socket like any other: it can be pointed at a path.
static int pair_end(void) {
  int ends[2];
  return socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends) == -1 ? -1 : ends[0];
}

static int pair_sendto(char** argv) {
  int fd = pair_end();
  return fd == -1 ? refused("socketpair") : sendto_unix(fd, argv[0]);
}

static int pair_sendmsg(char** argv) {
  int fd = pair_end();
  return fd == -1 ? refused("socketpair") : sendmsg_unix(fd, argv[0]);
}

static int pair_sendmmsg(char** argv) {
  int fd = pair_end();
  return fd == -1 ? refused("socketpair") : sendmmsg_unix(fd, argv[0]);
}

static int pair_connect(char** argv) {
  struct sockaddr_un address;
  socklen_t length = unix_address(argv[0], &address);
  int fd = pair_end();
  if (fd == -1) return refused("socketpair");
  if (connect(fd, (struct sockaddr*)&address, length) == -1) return refused("connect");
  return verdict(write(fd, "probe", 5), "write");
}

// SOCK_RAW is taken for SOCK_DGRAM by AF_UNIX: a filter that lists types must not forget it.
static int pair_raw_sendmsg(char** argv) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_RAW | SOCK_CLOEXEC, 0, ends) == -1) return refused("socketpair");
  return sendmsg_unix(ends[0], argv[0]);
}

static int fd_sendmsg(char** argv) { return sendmsg_unix((int)number(argv[0]), argv[1]); }
static int fd_sendto(char** argv) { return sendto_unix((int)number(argv[0]), argv[1]); }

static int unix_socket(char** argv) {
  (void)argv;
  return verdict(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
}

static int abstract_bind(char** argv) {
  struct sockaddr_un address;
  socklen_t length = unix_address(argv[0], &address);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd == -1) return refused("socket");
  return verdict(bind(fd, (struct sockaddr*)&address, length), "bind");
}

static int posix_shm(char** argv) {
  int fd = shm_open(argv[0], O_RDWR, 0);
  if (fd == -1) return refused("shm_open");
  void* memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) return refused("mmap");
  memcpy(memory, fresh_text(), 8);
  return REACHED;
}

static int posix_mq(char** argv) {
  mqd_t queue = mq_open(argv[0], O_WRONLY | O_NONBLOCK);
  if (queue == (mqd_t)-1) return refused("mq_open");
  return verdict(mq_send(queue, "probe", 5, 0), "mq_send");
}

static mqd_t make_queue(const char* name) {
  struct mq_attr attributes = {.mq_maxmsg = 1, .mq_msgsize = 8};
  return mq_open(name, O_RDWR | O_CREAT, 0600, &attributes);
}

static int posix_mq_create(char** argv) {
  if (make_queue(argv[0]) == (mqd_t)-1) return refused("mq_open");
  mq_unlink(argv[0]);
  return REACHED;
}

// Puts another one in its place afterwards, so that the act can be repeated.
static int posix_mq_unlink(char** argv) {
  if (mq_unlink(argv[0]) == -1) return refused("mq_unlink");
  make_queue(argv[0]);
  return REACHED;
}

static int sysv_shm_id(int id) {
  void* memory = shmat(id, NULL, 0);
  if (memory == (void*)-1) return refused("shmat");
  memcpy(memory, fresh_text(), 8);
  return REACHED;
}

static int sysv_shm(char** argv) {
  int id = shmget((key_t)number(argv[0]), 0, 0600);
  return id == -1 ? refused("shmget") : sysv_shm_id(id);
}

static int sysv_shm_by_id(char** argv) { return sysv_shm_id((int)number(argv[0])); }

static int sysv_shm_state(char** argv) {
  struct shmid_ds state;
  return verdict(shmctl((int)number(argv[0]), IPC_STAT, &state), "shmctl");
}

static int sysv_msg(char** argv) {
  struct {
    long type;
    char text[8];
  } message = {1, "probe"};
  int id = msgget((key_t)number(argv[0]), 0600);
  if (id == -1) return refused("msgget");
  return verdict(msgsnd(id, &message, sizeof message.text, IPC_NOWAIT), "msgsnd");
}

static int sysv_msg_receive(char** argv) {
  struct {
    long type;
    char text[8];
  } message;
  return verdict(msgrcv((int)number(argv[0]), &message, sizeof message.text, 0, IPC_NOWAIT | MSG_NOERROR), "msgrcv");
}

static int sysv_sem(char** argv) {
  struct sembuf up = {0, 1, IPC_NOWAIT};
  int id = semget((key_t)number(argv[0]), 1, 0600);
  if (id == -1) return refused("semget");
  return verdict(semop(id, &up, 1), "semop");
}

static int sysv_sem_by_id(char** argv) {
  struct sembuf up = {0, 1, IPC_NOWAIT};
  struct timespec now = {0, 0};
  return verdict(syscall(SYS_semtimedop, (int)number(argv[0]), &up, 1, &now), "semtimedop");
}

static int keyring_read(char** argv) {
  char text[64];
  return verdict(syscall(SYS_keyctl, 11L, number(argv[0]), text, sizeof text), "KEYCTL_READ");
}

const struct probe ipc_probes[] = {
    {"unix-socket", "", "make a unix socket", 0, unix_socket},
    {"unix-stream-connect", "PATH|@NAME", "connect to a unix stream socket", 1, stream_connect},
    {"unix-dgram-connect", "PATH|@NAME", "connect to a unix datagram socket and send", 1, dgram_connect},
    {"unix-dgram-sendto", "PATH|@NAME", "send a datagram by sendto", 1, dgram_sendto},
    {"unix-dgram-sendmsg", "PATH|@NAME", "send a datagram by sendmsg", 1, dgram_sendmsg},
    {"unix-dgram-sendmmsg", "PATH|@NAME", "send a datagram by sendmmsg", 1, dgram_sendmmsg},
    {"unix-pair-sendto", "PATH|@NAME", "send from one end of a datagram pair by sendto", 1, pair_sendto},
    {"unix-pair-sendmsg", "PATH|@NAME", "send from one end of a datagram pair by sendmsg", 1, pair_sendmsg},
    {"unix-pair-sendmmsg", "PATH|@NAME", "send from one end of a datagram pair by sendmmsg", 1, pair_sendmmsg},
    {"unix-pair-connect", "PATH|@NAME", "connect one end of a datagram pair elsewhere", 1, pair_connect},
    {"unix-pair-raw", "PATH|@NAME", "send from one end of a SOCK_RAW pair by sendmsg", 1, pair_raw_sendmsg},
    {"fd-sendmsg", "FD PATH|@NAME", "send a datagram from an inherited socket by sendmsg", 2, fd_sendmsg},
    {"fd-sendto", "FD PATH|@NAME", "send a datagram from an inherited socket by sendto", 2, fd_sendto},
    {"unix-abstract-bind", "@NAME", "bind a unix socket to an abstract name", 1, abstract_bind},
    {"posix-shm", "/NAME", "map and change POSIX shared memory", 1, posix_shm},
    {"posix-mq", "/NAME", "send to a POSIX message queue", 1, posix_mq},
    {"posix-mq-create", "/NAME", "make a POSIX message queue", 1, posix_mq_create},
    {"posix-mq-unlink", "/NAME", "remove a POSIX message queue", 1, posix_mq_unlink},
    {"sysv-shm", "KEY", "attach and change System V shared memory", 1, sysv_shm},
    {"sysv-shm-id", "ID", "attach and change System V shared memory by its identifier", 1, sysv_shm_by_id},
    {"sysv-shmctl", "ID", "ask for the state of System V shared memory", 1, sysv_shm_state},
    {"sysv-msg", "KEY", "send to a System V message queue", 1, sysv_msg},
    {"sysv-msgrcv", "ID", "take a message from a System V queue by its identifier", 1, sysv_msg_receive},
    {"sysv-sem", "KEY", "change a System V semaphore", 1, sysv_sem},
    {"sysv-semtimedop", "ID", "change a System V semaphore by its identifier", 1, sysv_sem_by_id},
    {"keyring-read", "KEY", "read a key of the user's keyring", 1, keyring_read},
    {NULL, NULL, NULL, 0, NULL},
};
