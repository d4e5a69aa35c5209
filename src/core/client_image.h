// leash-ipc (tools/leash-ipc), the client that sandboxes are given, as the library carries it in itself: so it is found
// wherever the library is, and is the one that was built with it.
#pragma once

#include <string_view>

namespace leash::core {

std::string_view ClientImage();

}  // namespace leash::core
