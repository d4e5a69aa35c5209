#include "core/violation_log.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "base/event_loop.h"

namespace leash {

std::string_view ViolationKindName(ViolationKind kind) {
  switch (kind) {
    case ViolationKind::kFile:
      return "file";
    case ViolationKind::kNetwork:
      return "network";
    case ViolationKind::kSystemCall:
      return "system call";
    case ViolationKind::kProcess:
      return "process";
    case ViolationKind::kOther:
      break;
  }
  return "other";
}

}  // namespace leash

namespace leash::core {

void ViolationLog::Report(Violation violation) {
  for (std::string* text : {&violation.operation, &violation.object, &violation.program}) {
    if (text->size() > kMostBytes) text->resize(kMostBytes);
  }
  const std::lock_guard lock(mutex_);
  Key key(violation.kind, violation.operation, violation.object);
  if (const auto known = positions_.find(key); known != positions_.end()) {
    Violation& entry = entries_[known->second];
    entry.count += violation.count;
    if (entry.program.empty()) {
      entry.program = std::move(violation.program);
      entry.pid = violation.pid;
    }
    return;
  }
  if (entries_.size() == kMostEntries) {
    others_ += violation.count;
    return;
  }
  if (violation.first == absl::Time()) violation.first = absl::Now();
  violation.hint = hint_(violation);
  positions_.emplace(std::move(key), entries_.size());
  entries_.push_back(std::move(violation));
  if (listener_ != nullptr) Tell(listener_, entries_.back());
}

void ViolationLog::NotSeen(std::string what) {
  const std::lock_guard lock(mutex_);
  if (not_seen_.size() == kMostNotes) return;
  if (std::find(not_seen_.begin(), not_seen_.end(), what) == not_seen_.end()) not_seen_.push_back(std::move(what));
}

ViolationReport ViolationLog::Snapshot() const {
  const std::lock_guard lock(mutex_);
  return {entries_, others_, not_seen_};
}

void ViolationLog::Listen(ViolationCallback callback) {
  const std::lock_guard lock(mutex_);
  listener_ = callback ? std::make_shared<ViolationCallback>(std::move(callback)) : nullptr;
  if (listener_ == nullptr) return;
  for (const Violation& entry : entries_) Tell(listener_, entry);
}

bool ViolationLog::HasListener() const {
  const std::lock_guard lock(mutex_);
  return listener_ != nullptr;
}

void ViolationLog::StopListening() {
  if (!HasListener()) return;
  // The loop runs tasks one after the other: this one comes after all calls that were asked for before.
  base::EventLoop::Shared().RunSync([this] {
    const std::lock_guard lock(mutex_);
    listener_ = nullptr;
  });
}

void ViolationLog::Tell(const Listener& listener, const Violation& violation) {
  base::EventLoop::Shared().Post([self = weak_from_this(), listener, violation] {
    const auto log = self.lock();
    if (log == nullptr) return;
    {
      const std::lock_guard lock(log->mutex_);
      if (log->listener_ != listener) return;
    }
    (*listener)(violation);
  });
}

}  // namespace leash::core
