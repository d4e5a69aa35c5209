#include "platform/linux/seccomp_filter.h"

#include <algorithm>

namespace leash::platform {
namespace {

// kPrograms, by ProgramIndex (empty where a profile does not exist), and kNames.
#include "seccomp_programs.inc"

}  // namespace

std::span<const sock_filter> SeccompFilter(const SyscallProfile& profile) { return kPrograms[ProgramIndex(profile)]; }

std::string_view SystemCallName(int number) {
  const auto* name =
      std::find_if(std::begin(kNames), std::end(kNames), [&](const SyscallName& one) { return one.number == number; });
  return name == std::end(kNames) ? std::string_view() : name->name;
}

}  // namespace leash::platform
