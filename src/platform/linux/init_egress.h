// The network of a sandbox, as its init process makes it. Freestanding: system calls only.
#pragma once

#include "platform/linux/init_wire.h"

namespace leash::platform::init {

struct EgressResult {
  wire::SetUpStage stage = wire::SetUpStage::kNone;  // where it failed
  long error = 0;                                    // a negative errno
  long redirection_error = 0;                        // the same, when there are listeners on the spare ports instead
  int fds[wire::kMostAnswerDescriptors] = {};        // the listeners, the resolvers, the diagnostics
  int count = 0;
  int listeners = 0;
};

// Carries out the order and opens what leash is to have. Without the redirection a sandbox has less of a network, and
// no other one: what is not listened for is refused, since every address is local. Needs CAP_NET_ADMIN and
// CAP_NET_BIND_SERVICE. What was opened before a failure stays open.
EgressResult SetUpEgress(const wire::EgressOrder& order, const char* arena);

}  // namespace leash::platform::init
