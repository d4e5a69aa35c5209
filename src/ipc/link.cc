#include "ipc/link.h"

#include <sys/socket.h>

#include <cerrno>

#include "base/event_loop.h"
#include "base/status.h"
#include "ipc/call.h"

namespace leash::ipc {

Link::Link(base::UniqueFd socket, const IpcLimits& limits, std::shared_ptr<Usage> usage, std::function<void()> wake)
    : socket_(std::move(socket)), limits_(limits), usage_(std::move(usage)), wake_(std::move(wake)) {}

Link::~Link() { usage_->bytes -= queue_.size(); }

bool Link::Has(std::uint32_t id) const {
  const std::lock_guard lock(mutex_);
  return calls_.contains(id);
}

void Link::Begin(std::uint32_t id, const std::shared_ptr<Call>& call) {
  const std::lock_guard lock(mutex_);
  ++live_;
  calls_.try_emplace(id, Entry{call, call.get(), call->context().deadline});
}

bool Link::HasLocked(std::uint32_t id, const Call* call) const {
  const auto found = calls_.find(id);
  return found != calls_.end() && found->second.identity == call;
}

void Link::CallGone() {
  std::unique_lock lock(mutex_);
  --live_;
  WakeIfRoom(lock);
}

bool Link::IsFullLocked() const {
  return live_ >= limits_.calls_per_connection || queue_.size() - begin_ > limits_.frame_bytes;
}

bool Link::IsFull() {
  const std::lock_guard lock(mutex_);
  return wants_room_ = IsFullLocked();
}

void Link::WakeIfRoom(std::unique_lock<std::mutex>& lock) {
  if (!wants_room_ || IsFullLocked()) return;
  wants_room_ = false;
  lock.unlock();
  wake_();
}

void Link::Break() {
  broken_ = true;
  usage_->bytes -= queue_.size();
  std::string().swap(queue_);
  begin_ = 0;
  ::shutdown(fd(), SHUT_RDWR);  // wakes the loop, if it watches
  room_.notify_all();
}

// A caller that always reads a little less than it is sent must not make the queue grow by what it has read.
void Link::Compact() {
  if (begin_ > queue_.size() / 2) {
    usage_->bytes -= begin_;
    queue_.erase(0, begin_);
    begin_ = 0;
  }
  room_.notify_all();
}

bool Link::FlushLocked() {
  while (!broken_ && begin_ < queue_.size()) {
    const ssize_t sent = ::send(fd(), queue_.data() + begin_, queue_.size() - begin_, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      Compact();
      return true;
    }
    if (sent < 0) {
      Break();
      return false;
    }
    begin_ += static_cast<std::size_t>(sent);
    sent_ += static_cast<std::uint64_t>(sent);
  }
  if (broken_) return false;
  usage_->bytes -= queue_.size();
  queue_.clear();
  if (queue_.capacity() > 64U << 10) std::string().swap(queue_);
  begin_ = 0;
  room_.notify_all();
  return true;
}

void Link::Append(FrameKind kind, std::uint32_t id, std::string_view body, std::unique_lock<std::mutex>& lock) {
  if (broken_) return;
  const std::size_t before = queue_.size();
  AppendFrame(kind, id, body, queue_);
  const std::size_t added = queue_.size() - before;
  // Who calls and does not read what comes of it is cut off before the host runs out of memory.
  if ((usage_->bytes += added) > limits_.total_bytes) Break();
  if (!corked_ && !broken_) FlushLocked();
  if (corked_ || woken_for_writing_ || (!broken_ && queue_.empty())) return;
  woken_for_writing_ = true;
  lock.unlock();
  wake_();
}

void Link::Send(FrameKind kind, std::uint32_t id, std::string_view body) {
  std::unique_lock lock(mutex_);
  Append(kind, id, body, lock);
}

void Link::End(std::uint32_t id, const Call* call, FrameKind kind, std::string_view body) {
  std::unique_lock lock(mutex_);
  if (!HasLocked(id, call)) return;
  calls_.erase(id);
  Append(kind, id, body, lock);
}

absl::Status Link::Yield(std::uint32_t id, const Call* call, std::string_view item) {
  const bool may_wait = !base::EventLoop::Shared().IsCurrentThread();
  std::unique_lock lock(mutex_);
  const auto ended = [&] { return broken_ || !HasLocked(id, call); };
  const auto crowded = [&] { return queue_.size() - begin_ > limits_.frame_bytes; };
  if (may_wait) {
    room_.wait(lock, [&] { return ended() || !crowded(); });
  } else if (!ended() && crowded()) {
    return base::Error(ErrorCode::kIo, "the caller is slower than the items that it is sent");
  }
  if (ended()) return base::Error(ErrorCode::kClosed, "nobody waits for this call any more");
  Append(FrameKind::kItem, id, item, lock);
  return absl::OkStatus();
}

void Link::StopAll(const Ended& ended) {
  for (const auto& one : ended) {
    if (const std::shared_ptr<Call> call = one.lock()) call->Stop();
  }
}

void Link::Cancel(std::uint32_t id) {
  std::unique_lock lock(mutex_);
  const auto found = calls_.find(id);
  if (found == calls_.end()) return;
  const Ended ended = {found->second.call};
  calls_.erase(found);
  room_.notify_all();
  Append(FrameKind::kError, id, MakeError("cancelled", "the caller cancelled the call"), lock);
  if (lock.owns_lock()) lock.unlock();
  StopAll(ended);
}

void Link::Expire(absl::Time now) {
  std::vector<std::uint32_t> ids;
  Ended ended;
  {
    const std::lock_guard lock(mutex_);
    for (auto one = calls_.begin(); one != calls_.end();) {
      if (one->second.deadline > now) {
        ++one;
        continue;
      }
      ids.push_back(one->first);
      ended.push_back(one->second.call);
      one = calls_.erase(one);
    }
    if (ids.empty()) return;
    room_.notify_all();
  }
  for (const std::uint32_t id : ids) {
    Send(FrameKind::kError, id, MakeError("deadline_exceeded", "there was no answer in time"));
  }
  StopAll(ended);
}

absl::Time Link::NextDeadline() const {
  const std::lock_guard lock(mutex_);
  absl::Time next = absl::InfiniteFuture();
  for (const auto& [id, entry] : calls_) next = std::min(next, entry.deadline);
  return next;
}

void Link::Cork() {
  const std::lock_guard lock(mutex_);
  corked_ = true;
}

bool Link::Uncork() {
  {
    const std::lock_guard lock(mutex_);
    corked_ = false;
  }
  return Flush();
}

bool Link::Flush() {
  std::unique_lock lock(mutex_);
  woken_for_writing_ = false;
  if (!FlushLocked()) return false;
  if (!queue_.empty()) woken_for_writing_ = true;  // the loop watches the socket for as long
  return true;
}

bool Link::Waits() const {
  const std::lock_guard lock(mutex_);
  return begin_ < queue_.size();
}

std::uint64_t Link::sent() const {
  const std::lock_guard lock(mutex_);
  return sent_;
}

void Link::Close() {
  Ended ended;
  {
    const std::lock_guard lock(mutex_);
    if (!broken_) Break();
    for (auto& [id, entry] : calls_) ended.push_back(std::move(entry.call));
    calls_.clear();
    wants_room_ = false;
    room_.notify_all();
  }
  StopAll(ended);
}

}  // namespace leash::ipc
