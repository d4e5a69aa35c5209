// io_uring: a second door to most system calls, which a filter of system calls does not see.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe.h"

struct ring {
  int fd;
  unsigned *sq_tail, *sq_mask, *sq_array;
  unsigned *cq_head, *cq_mask;
  struct io_uring_sqe* sqes;
  struct io_uring_cqe* cqes;
};

static void* map(int fd, size_t size, off_t offset) {
  return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
}

static bool open_ring(struct ring* ring) {
  struct io_uring_params p;
  memset(&p, 0, sizeof p);
  ring->fd = (int)syscall(SYS_io_uring_setup, 4, &p);
  if (ring->fd == -1) return false;
  char* sq = map(ring->fd, p.sq_off.array + p.sq_entries * sizeof(unsigned), IORING_OFF_SQ_RING);
  char* cq = map(ring->fd, p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe), IORING_OFF_CQ_RING);
  ring->sqes = map(ring->fd, p.sq_entries * sizeof(struct io_uring_sqe), IORING_OFF_SQES);
  if (sq == MAP_FAILED || cq == MAP_FAILED || (void*)ring->sqes == MAP_FAILED) return false;
  ring->sq_tail = (unsigned*)(void*)(sq + p.sq_off.tail);
  ring->sq_mask = (unsigned*)(void*)(sq + p.sq_off.ring_mask);
  ring->sq_array = (unsigned*)(void*)(sq + p.sq_off.array);
  ring->cq_head = (unsigned*)(void*)(cq + p.cq_off.head);
  ring->cq_mask = (unsigned*)(void*)(cq + p.cq_off.ring_mask);
  ring->cqes = (struct io_uring_cqe*)(void*)(cq + p.cq_off.cqes);
  return true;
}

// Submits one entry and waits for it; -1 with errno set if it failed.
static int submit(struct ring* ring, const struct io_uring_sqe* entry) {
  unsigned tail = *ring->sq_tail, index = tail & *ring->sq_mask;
  ring->sqes[index] = *entry;
  ring->sq_array[index] = index;
  __atomic_store_n(ring->sq_tail, tail + 1, __ATOMIC_RELEASE);
  if (syscall(SYS_io_uring_enter, ring->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) == -1) return -1;
  int result = ring->cqes[*ring->cq_head & *ring->cq_mask].res;
  __atomic_store_n(ring->cq_head, *ring->cq_head + 1, __ATOMIC_RELEASE);
  if (result >= 0) return result;
  errno = -result;
  return -1;
}

static int setup(char** argv) {
  struct ring ring;
  (void)argv;
  return open_ring(&ring) ? REACHED : refused("io_uring_setup");
}

static int open_write(char** argv) {
  struct ring ring;
  if (!open_ring(&ring)) return refused("io_uring_setup");
  struct io_uring_sqe entry = {.opcode = IORING_OP_OPENAT, .fd = AT_FDCWD, .addr = (uintptr_t)argv[0], .len = 0600};
  entry.open_flags = O_WRONLY | O_CREAT;
  return verdict(submit(&ring, &entry), "IORING_OP_OPENAT");
}

#define OP_SOCKET 45  // IORING_OP_SOCKET, Linux 5.19

static int make_socket(struct ring* ring) {
  struct io_uring_sqe entry = {.opcode = OP_SOCKET, .fd = AF_INET, .off = SOCK_STREAM};
  return submit(ring, &entry);
}

static int open_socket(char** argv) {
  struct ring ring;
  (void)argv;
  if (!open_ring(&ring)) return refused("io_uring_setup");
  return verdict(make_socket(&ring), "IORING_OP_SOCKET");
}

static int connect_socket(char** argv) {
  struct ring ring;
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)number(argv[1]))};
  if (inet_pton(AF_INET, argv[0], &to.sin_addr) != 1) return cannot("not an address");
  if (!open_ring(&ring)) return refused("io_uring_setup");
  int fd = make_socket(&ring);
  if (fd == -1) return refused("IORING_OP_SOCKET");
  struct io_uring_sqe entry = {.opcode = IORING_OP_CONNECT, .fd = fd, .addr = (uintptr_t)&to, .off = sizeof to};
  return verdict(submit(&ring, &entry), "IORING_OP_CONNECT");
}

const struct probe uring_probes[] = {
    {"io-uring-setup", "", "set up an io_uring", 0, setup},
    {"io-uring-openat", "PATH", "create a file by IORING_OP_OPENAT", 1, open_write},
    {"io-uring-socket", "", "make a socket by IORING_OP_SOCKET", 0, open_socket},
    {"io-uring-connect", "ADDRESS PORT", "connect by IORING_OP_SOCKET and IORING_OP_CONNECT", 2, connect_socket},
    {NULL, NULL, NULL, 0, NULL},
};
