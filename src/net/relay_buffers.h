// Room for bytes on their way, which all connections of a loop share since only one of them works at a time. An idle
// tunnel holds none of it.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <memory>
#include <vector>

#include "base/unique_fd.h"

namespace leash::net {

// Moves bytes between a socket and a pipe inside the kernel, as splice(2) with SPLICE_F_MOVE | SPLICE_F_NONBLOCK.
using SpliceFunction = ssize_t (*)(int from, int to, std::size_t most);

class RelayBuffers {
 public:
  struct Pipe {
    base::UniqueFd out, in;
  };
  static constexpr std::size_t kPipeSize = std::size_t{1} << 20;

  // `function` null: the system cannot, and everything is copied.
  explicit RelayBuffers(SpliceFunction function) : splice_(function) {}

  SpliceFunction splice() const { return splice_; }
  std::array<char, std::size_t{64} * 1024>& bytes() { return bytes_; }
  // Null when the system has no room for another one.
  std::unique_ptr<Pipe> TakePipe();
  void GiveBack(std::unique_ptr<Pipe> empty);

 private:
  const SpliceFunction splice_;
  std::array<char, std::size_t{64} * 1024> bytes_;
  std::vector<std::unique_ptr<Pipe>> pipes_;
};

// Bytes that go from one socket to another without being copied, as long as that is worth a pipe.
class PipedBytes {
 public:
  explicit PipedBytes(RelayBuffers& buffers) : buffers_(buffers) {}
  ~PipedBytes() { End(); }
  PipedBytes(const PipedBytes&) = delete;
  PipedBytes& operator=(const PipedBytes&) = delete;

  // False: there is no pipe to be had, and the bytes have to be copied.
  bool Begin();
  bool begun() const { return pipe_ != nullptr; }
  // Gives the pipe back. What it holds is lost.
  void End();

  // Taken and not passed on yet.
  std::size_t held() const { return held_; }
  // As recv(2), when nothing is held.
  ssize_t Take(int from, std::size_t most);
  // Passes on what the other side has room for. False: that side is broken.
  bool Drain(int to);

 private:
  RelayBuffers& buffers_;
  std::unique_ptr<RelayBuffers::Pipe> pipe_;
  std::size_t held_ = 0;
};

}  // namespace leash::net
