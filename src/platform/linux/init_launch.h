// What the future init process does between clone(2), in its new user and process-id namespaces, and execve(2).
#pragma once

#include <cstdint>
#include <string_view>

namespace leash::platform {

enum class InitStage : int { kNone, kIdMaps, kDescriptors, kCapabilities, kExec };

// As with LaunchOrder, everything is computed before the process exists.
struct InitOrder {
  int control = -1;
  int host = -1;
  int image = -1;
  // Empty when there is no user namespace.
  std::string_view uid_map;
  std::string_view gid_map;

  InitStage failed_stage = InitStage::kNone;
  int failed_errno = 0;
};

// For clone(2); `order` is an InitOrder. Does not return.
int RunInitChild(void* order);

}  // namespace leash::platform
