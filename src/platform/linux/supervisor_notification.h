// Calls that wait behind a filter's listener (seccomp_unotify(2)).
#pragma once

#include <linux/seccomp.h>

#include <cstdint>
#include <vector>

namespace leash::platform {

// What a supervised call gives: a value, or a negative errno.
using Answer = long;

// The kernel's structure may be longer than the one that this was compiled with.
class Notification {
 public:
  Notification();
  // Waits for a call. False, with errno: none came, or the one that came has gone.
  bool Receive(int listener);
  const seccomp_notif& value() const { return *reinterpret_cast<const seccomp_notif*>(words_.data()); }

 private:
  std::vector<std::uint64_t> words_;
};

// In place of an answer: it has been given.
inline constexpr Answer kAnswered = 1L << 40;

// The call gives a duplicate of `descriptor` in the caller, close-on-exec or not. 0, or why it could not; then the
// call still waits.
Answer ReplyWithDescriptor(int listener, std::uint64_t id, int descriptor, bool close_on_exec);

// Nothing happens when the caller has died: that is its own affair.
void Reply(int listener, std::uint64_t id, Answer answer);

// The call is made as if nobody had looked. Never as a decision: its memory may have changed since it was looked at.
void LetGoOn(int listener, std::uint64_t id);

// SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP, where the kernel has it (Linux 6.6): who calls and who answers take turns on one
// processor.
void SetSyncWakeUp(int listener);

// Of the calling thread alone: what it does is then what any process of its user may do.
bool DropThreadCapabilities();

}  // namespace leash::platform
