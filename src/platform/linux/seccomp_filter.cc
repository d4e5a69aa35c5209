#include "platform/linux/seccomp_filter.h"

namespace leash::platform {
namespace {

// kWithoutNetwork and kWithNetwork, each also as kSupervised...
#include "seccomp_programs.inc"

}  // namespace

std::span<const sock_filter> SeccompFilter(const SyscallProfile& profile) {
  if (profile.supervised && profile.network_denied) return kSupervisedWithoutNetwork;
  if (profile.supervised) return kSupervisedWithNetwork;
  if (profile.network_denied) return kWithoutNetwork;
  return kWithNetwork;
}

}  // namespace leash::platform
