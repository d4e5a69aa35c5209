// Making and passing on absl::Status values that carry a leash::ErrorCode.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "leash/error.h"

namespace leash::base {

// A failed status with `code` as its payload. The message is one line: what was tried, on what, why it failed, what
// the user can do.
absl::Status Error(ErrorCode code, std::string_view message);

// As Error, with the system's reason appended: "cannot open /x: Permission denied". `error` is an errno value.
absl::Status ErrnoError(ErrorCode code, int error, std::string_view what);

// "Permission denied". Thread-safe, unlike strerror.
std::string ErrnoText(int error);

}  // namespace leash::base

#define LEASH_STATUS_CONCAT_(a, b) a##b
#define LEASH_STATUS_CONCAT(a, b) LEASH_STATUS_CONCAT_(a, b)

#define LEASH_RETURN_IF_ERROR(expression)                                                     \
  do {                                                                                        \
    if (absl::Status leash_status_ = (expression); !leash_status_.ok()) return leash_status_; \
  } while (false)

// LEASH_ASSIGN_OR_RETURN(auto value, MaybeValue());
#define LEASH_ASSIGN_OR_RETURN(target, expression) \
  LEASH_ASSIGN_OR_RETURN_IMPL_(LEASH_STATUS_CONCAT(leash_status_or_, __LINE__), target, expression)
#define LEASH_ASSIGN_OR_RETURN_IMPL_(holder, target, expression) \
  auto holder = (expression);                                    \
  if (!holder.ok()) return std::move(holder).status();           \
  target = *std::move(holder)
