// Weakening: run where the machine cannot keep every promise.
//
// Each weakening of a sandbox needs a token from a header in leash/unsafe/, so that one search over a code base finds
// every place that weakens one.
#pragma once

namespace leash::unsafe {

// Accept a kernel whose Landlock is older than ABI 6 (Linux 6.12) but at least ABI 3 (6.2). What that gives up:
// signals to the user's other processes are not refused, nor are they to leash itself. Everything else that leash
// promises still holds or Create() fails.
struct AcceptDegradedKernel {};

// Hold those of ResourceLimits that this machine can hold, and leave the others out; `leash explain` lists them, and so
// does leash's log. Without this, a limit that cannot be held is ErrorCode::kNotEnforced.
struct BestEffortLimits {};

}  // namespace leash::unsafe
