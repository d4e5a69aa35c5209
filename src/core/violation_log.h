// Where refusals of one sandbox are kept: merged, bounded, and told to a listener.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>
#include <vector>

#include "core/backend.h"
#include "leash/violation.h"

namespace leash::core {

// Owned by a shared_ptr. A program can be refused something new a million times a second: what is kept is bounded by
// kMostEntries of kMostBytes each, and the listener hears of an entry once.
class ViolationLog final : public ViolationSink, public std::enable_shared_from_this<ViolationLog> {
 public:
  static constexpr std::size_t kMostEntries = 1000;
  static constexpr std::size_t kMostBytes = 4096;  // of each text; a path has no more
  static constexpr std::size_t kMostNotes = 16;

  // `hint` is asked once for each entry, under the lock.
  explicit ViolationLog(std::function<Hint(const Violation&)> hint) : hint_(std::move(hint)) {}

  void Report(Violation violation) override;
  void NotSeen(std::string what) override;
  ViolationReport Snapshot() const;

  // See Sandbox::OnViolation.
  void Listen(ViolationCallback callback);
  bool HasListener() const;
  // The listener has been told of everything when it returns, and is not called any more. On the loop thread, where it
  // may be a listener's own doing: what it was not told of by then it is not told.
  void StopListening();

 private:
  using Key = std::tuple<ViolationKind, std::string, std::string>;

  using Listener = std::shared_ptr<ViolationCallback>;

  // Has the loop thread call `listener`, unless it is not the listener any more by then. With the lock held.
  void Tell(const Listener& listener, const Violation& violation);

  const std::function<Hint(const Violation&)> hint_;
  mutable std::mutex mutex_;
  std::vector<Violation> entries_;        // guarded by mutex_
  std::map<Key, std::size_t> positions_;  // guarded by mutex_; in entries_
  std::uint64_t others_ = 0;              // guarded by mutex_
  std::vector<std::string> not_seen_;     // guarded by mutex_
  Listener listener_;                     // guarded by mutex_; called without it
};

}  // namespace leash::core
