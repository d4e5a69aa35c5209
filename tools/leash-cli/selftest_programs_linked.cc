// The leash command is the probe program too: being static, it starts in any sandbox that may execute it.
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>

#include "base/status.h"
#include "selftest_programs.h"

namespace leash::cli {

absl::StatusOr<selftest::Programs> SelftestPrograms() {
  std::array<char, 4096> path = {};
  const ssize_t length = ::readlink("/proc/self/exe", path.data(), path.size());
  if (length <= 0) return base::ErrnoError(ErrorCode::kIo, errno, "cannot tell leash's own path");
  const std::string self(path.data(), static_cast<std::size_t>(length));
  return selftest::Programs{{self, "__probe"}, {self, "__victim"}};
}

}  // namespace leash::cli
