// What programs on macOS need of the system beyond files: services by Mach name, drivers by class, settings of the
// kernel by name. Each with its reason; nothing else is reached.
#pragma once

#include <span>
#include <string_view>

namespace leash::platform::macos {

// Why a name is open, which is also when: see SystemServices.
struct NamedReason {
  std::string_view name;
  std::string_view why;
};

struct SystemServices {
  std::span<const NamedReason> mach;           // always
  std::span<const NamedReason> mach_keychain;  // unless the keychain is protected
  std::span<const NamedReason> mach_prompts;   // with consent dialogs
  std::span<const NamedReason> mach_gpu;
  std::span<const NamedReason> mach_npu;
  std::span<const NamedReason> driver_gpu;  // classes of IOKit user clients
  std::span<const NamedReason> driver_npu;
  std::span<const NamedReason> sysctls;          // whole names
  std::span<const NamedReason> sysctl_families;  // beginnings of names
};

const SystemServices& Services();

}  // namespace leash::platform::macos
