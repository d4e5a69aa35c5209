// What a program prints of an answer.
#pragma once

#include <string>

#include "leash-ipc/client.h"

namespace leash_ipc {

// Text as it is, with a newline at its end; nothing for nil; binary as it is; everything else as JSON.
std::string ShowResponse(const Json& response);
// The same, but JSON on one line: there may be many.
std::string ShowItem(const Json& item);

// 0 to 127, as docs/ipc.md says.
int ExitCodeOf(const Failure& failure);

}  // namespace leash_ipc
