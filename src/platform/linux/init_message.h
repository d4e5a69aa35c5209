// The init process's side of init_wire.h. Freestanding: system calls only.
#pragma once

#include <sys/mman.h>
#include <sys/syscall.h>

#include <cstddef>

#include "platform/linux/init_wire.h"
#include "platform/linux/raw_syscall.h"

namespace leash::platform::init {

// A request's body, mapped. Private: it is changed in place.
class Arena {
 public:
  Arena(int fd, std::size_t size)
      : size_(size), address_(Sys(SYS_mmap, 0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0)) {}
  ~Arena() {
    if (ok()) Sys(SYS_munmap, address_, size_);
  }
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  bool ok() const { return size_ > 0 && (address_ < -4096 || address_ > 0); }
  char* base() const { return reinterpret_cast<char*>(address_); }
  char* at(wire::Offset offset) const { return base() + offset; }

 private:
  const std::size_t size_;
  const long address_;
};

struct Message {
  wire::Request request = {};
  int fds[wire::kMostDescriptors] = {-1, -1, -1, -1, -1};
  int fd_count = 0;
};

// Blocks. False: leash has closed the socket, or speaks nonsense.
bool Receive(int socket, Message& message);

// With `count` descriptors attached, at most wire::kMostAnswerDescriptors. False: it was not told, for whatever reason.
bool Send(int socket, const wire::Answer& answer, const int* fds = nullptr, int count = 0);

}  // namespace leash::platform::init
