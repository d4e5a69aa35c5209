#include "base/descriptor_limit.h"

#include <algorithm>
#include <mutex>

namespace leash::base {
namespace {

constexpr rlim_t kMost = 65536;

std::mutex mutex;
std::optional<rlimit> before;  // guarded by mutex

}  // namespace

void RaiseDescriptorLimit() {
  const std::lock_guard lock(mutex);
  rlimit limit;
  if (before.has_value() || ::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const rlim_t most = limit.rlim_max == RLIM_INFINITY ? kMost : std::min(limit.rlim_max, kMost);
  if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= most) return;
  const rlimit raised = {most, limit.rlim_max};
  if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) before = limit;
}

std::optional<rlimit> DescriptorLimitBefore() {
  const std::lock_guard lock(mutex);
  return before;
}

}  // namespace leash::base
