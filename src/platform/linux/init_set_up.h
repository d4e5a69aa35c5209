// From a bare process in new namespaces to the init process of a finished sandbox.
#pragma once

#include "platform/linux/init_egress.h"
#include "platform/linux/init_wire.h"

namespace leash::platform::init {

struct SetUpResult {
  wire::SetUpStage stage = wire::SetUpStage::kNone;  // where it failed
  long error = 0;                                    // a negative errno
  std::uint32_t step = 0;                            // of the mounts
  int ruleset = -1;
  EgressResult egress;  // with an egress order
};

// The namespaces that a process can enter by itself. The first call, before anything is asked: it takes as long as all
// the rest, and leash plans meanwhile.
long EnterNamespaces();

// `arena` holds the order's strings.
SetUpResult SetUp(const wire::SetUpOrder& order, const char* arena);

}  // namespace leash::platform::init
