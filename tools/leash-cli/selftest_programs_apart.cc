// The probes as programs of their own, at the place where they were built: a leash command with sanitizers makes system
// calls of its own, and one that is linked dynamically does not start in every sandbox.
#include <unistd.h>

#include <cerrno>
#include <string>

#include "base/status.h"
#include "fmt/format.h"
#include "selftest_programs.h"

namespace leash::cli {

absl::StatusOr<selftest::Programs> SelftestPrograms() {
  for (const char* path : {LEASH_PROBE, LEASH_VICTIM}) {
    if (::access(path, X_OK) == 0) continue;
    const std::string what = fmt::format("this leash was built without its probes inside, and cannot execute {}", path);
    return base::ErrnoError(ErrorCode::kPathNotFound, errno, what);
  }
  return selftest::Programs{{LEASH_PROBE}, {LEASH_VICTIM}};
}

}  // namespace leash::cli
