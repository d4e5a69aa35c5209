#include "base/random.h"

#include <sys/random.h>

#include <cerrno>

#include "base/status.h"
#include "fmt/format.h"

namespace leash::base {

absl::StatusOr<std::uint64_t> RandomU64() {
  std::uint64_t value = 0;
  while (::getrandom(&value, sizeof(value), 0) != static_cast<ssize_t>(sizeof(value))) {
    // getrandom(2) of 8 bytes is never short once the pool is ready.
    if (errno != EINTR) return ErrnoError(ErrorCode::kIo, errno, "cannot get random bytes (getrandom)");
  }
  return value;
}

absl::StatusOr<std::string> RandomName() {
  LEASH_ASSIGN_OR_RETURN(const std::uint64_t first, RandomU64());
  LEASH_ASSIGN_OR_RETURN(const std::uint64_t second, RandomU64());
  return fmt::format("{:016x}{:016x}", first, second);
}

}  // namespace leash::base
