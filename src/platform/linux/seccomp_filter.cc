#include "platform/linux/seccomp_filter.h"

namespace leash::platform {
namespace {

// kWithoutNetwork, kWithNetwork, kNestedWithoutNetwork and kNestedWithNetwork.
#include "seccomp_programs.inc"

}  // namespace

std::span<const sock_filter> SeccompFilter(const SyscallProfile& profile) {
  if (profile.nested_allowed) {
    return profile.network_denied ? std::span<const sock_filter>(kNestedWithoutNetwork) : kNestedWithNetwork;
  }
  return profile.network_denied ? std::span<const sock_filter>(kWithoutNetwork) : kWithNetwork;
}

}  // namespace leash::platform
