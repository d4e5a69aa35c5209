#include "base/random.h"

#include <sys/random.h>

#include <cerrno>
#include <cstdlib>

#include "fmt/format.h"

namespace leash::base {

std::uint64_t RandomU64() {
  std::uint64_t value = 0;
  while (::getrandom(&value, sizeof(value), 0) != static_cast<ssize_t>(sizeof(value))) {
    // getrandom(2) of 8 bytes is never short once the pool is ready; without it nothing here is safe to go on with.
    if (errno != EINTR) std::abort();
  }
  return value;
}

std::string RandomName() { return fmt::format("{:016x}{:016x}", RandomU64(), RandomU64()); }

}  // namespace leash::base
