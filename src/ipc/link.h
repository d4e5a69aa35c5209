// One connection as its calls see it: where answers go, from any thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/unique_fd.h"
#include "ipc/frame.h"
#include "leash/ipc_router.h"

namespace leash::ipc {

class Call;

// What the connections of a sandbox have together.
struct Usage {
  std::atomic<std::size_t> bytes = 0;
  std::atomic<std::size_t> calls = 0;
  std::atomic<std::size_t> arriving = 0;  // connections that the loop has not taken yet
};

// Every method may be called from any thread, unless it says otherwise.
class Link {
 public:
  // `wake` is called, from any thread and under no lock that its owner could need, when the loop has something to do
  // for this connection: there is more to send than the socket takes, or room again for calls, or it is over.
  Link(base::UniqueFd socket, const IpcLimits& limits, std::shared_ptr<Usage> usage, std::function<void()> wake);
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  int fd() const { return socket_.get(); }
  const IpcLimits& limits() const { return limits_; }
  Usage& usage() { return *usage_; }

  // Whether a call of that id has not been ended.
  bool Has(std::uint32_t id) const;
  // A call begins, of an id that is free. It must live meanwhile, and is not kept alive.
  void Begin(std::uint32_t id, const std::shared_ptr<Call>& call);
  // The call's last frame; dropped when it has had one. `call` tells it from a later one of the same id.
  void End(std::uint32_t id, const Call* call, FrameKind kind, std::string_view body);
  // As IpcCall::Yield.
  absl::Status Yield(std::uint32_t id, const Call* call, std::string_view item);
  // A frame that belongs to no call.
  void Send(FrameKind kind, std::uint32_t id, std::string_view body);
  // The object of a call goes, with or without an end.
  void CallGone();

  // Ends one call, or those whose deadline has passed, for another reason than its handler's, and has its handler told.
  void Cancel(std::uint32_t id);
  void Expire(absl::Time now);
  absl::Time NextDeadline() const;

  // For the loop's thread: between them, what is sent is kept together.
  void Cork();
  // False: the connection is broken.
  bool Uncork();
  // Sends what waits. False: the connection is broken.
  bool Flush();
  // Whether there is something that the socket did not take.
  bool Waits() const;
  std::uint64_t sent() const;
  // Whether no more calls should be read for now. If so, `wake` is called when that changes.
  bool IsFull();
  // Nothing is sent any more; every call is cancelled.
  void Close();

 private:
  struct Entry {
    std::weak_ptr<Call> call;
    const Call* identity;
    absl::Time deadline;
  };
  using Ended = std::vector<std::weak_ptr<Call>>;

  void Append(FrameKind kind, std::uint32_t id, std::string_view body, std::unique_lock<std::mutex>& lock);
  void Compact();
  bool FlushLocked();
  bool HasLocked(std::uint32_t id, const Call* call) const;
  void Break();
  bool IsFullLocked() const;
  void WakeIfRoom(std::unique_lock<std::mutex>& lock);
  static void StopAll(const Ended& ended);

  const base::UniqueFd socket_;
  const IpcLimits limits_;
  const std::shared_ptr<Usage> usage_;
  const std::function<void()> wake_;
  mutable std::mutex mutex_;
  std::condition_variable room_;
  // All of these are guarded by mutex_.
  std::unordered_map<std::uint32_t, Entry> calls_;
  std::size_t live_ = 0;  // calls with an object, whether or not they are ended
  std::string queue_;     // from begin_ on
  std::size_t begin_ = 0;
  std::uint64_t sent_ = 0;
  bool corked_ = false;
  bool woken_for_writing_ = false;
  bool wants_room_ = false;
  bool broken_ = false;
};

}  // namespace leash::ipc
