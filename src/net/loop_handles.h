// The loop's handles under the names that this part knows them by.
#pragma once

#include "base/loop_handles.h"

namespace leash::net {

using base::LoopNow;
using base::SocketWatch;
using base::Timer;

}  // namespace leash::net
