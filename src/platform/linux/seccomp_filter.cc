#include "platform/linux/seccomp_filter.h"

namespace leash::platform {
namespace {

// kWithoutNetwork and kWithNetwork, each also as kSupervised... and kNested...
#include "seccomp_programs.inc"

}  // namespace

std::span<const sock_filter> SeccompFilter(const SyscallProfile& profile) {
  const auto by_network = [&](std::span<const sock_filter> denied, std::span<const sock_filter> allowed) {
    return profile.network_denied ? denied : allowed;
  };
  if (profile.supervised) return by_network(kSupervisedWithoutNetwork, kSupervisedWithNetwork);
  if (profile.nested_allowed) return by_network(kNestedWithoutNetwork, kNestedWithNetwork);
  return by_network(kWithoutNetwork, kWithNetwork);
}

}  // namespace leash::platform
