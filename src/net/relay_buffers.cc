#include "net/relay_buffers.h"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

#include "net/sockets.h"

namespace leash::net {
namespace {

constexpr std::size_t kPipesKept = 16;

}  // namespace

std::unique_ptr<RelayBuffers::Pipe> RelayBuffers::TakePipe() {
  if (!pipes_.empty()) {
    auto pipe = std::move(pipes_.back());
    pipes_.pop_back();
    return pipe;
  }
  int ends[2];
  if (::pipe(ends) != 0) return nullptr;
  auto pipe = std::make_unique<Pipe>(Pipe{base::UniqueFd(ends[0]), base::UniqueFd(ends[1])});
  for (const int end : ends) {
    ::fcntl(end, F_SETFD, FD_CLOEXEC);
    ::fcntl(end, F_SETFL, O_NONBLOCK);
  }
#ifdef F_SETPIPE_SZ
  (void)::fcntl(ends[0], F_SETPIPE_SZ, static_cast<int>(kPipeSize));  // a user has a limit on that: then it is smaller
#endif
  return pipe;
}

void RelayBuffers::GiveBack(std::unique_ptr<Pipe> empty) {
  if (pipes_.size() < kPipesKept) pipes_.push_back(std::move(empty));
}

bool PipedBytes::Begin() {
  if (pipe_ == nullptr && buffers_.splice() != nullptr) pipe_ = buffers_.TakePipe();
  return begun();
}

void PipedBytes::End() {
  if (pipe_ != nullptr && held_ == 0) buffers_.GiveBack(std::move(pipe_));
  pipe_.reset();
  held_ = 0;
}

ssize_t PipedBytes::Take(int from, std::size_t most) {
  const ssize_t taken = buffers_.splice()(from, pipe_->in.get(), most);
  if (taken > 0) held_ = static_cast<std::size_t>(taken);
  return taken;
}

bool PipedBytes::Drain(int to) {
  while (held_ > 0) {
    const ssize_t passed = buffers_.splice()(pipe_->out.get(), to, held_);
    if (passed < 0) return WouldBlock();
    held_ -= static_cast<std::size_t>(passed);
  }
  return true;
}

}  // namespace leash::net
