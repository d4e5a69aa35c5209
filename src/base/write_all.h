// write(2) to the last byte.
#pragma once

#include <string_view>

namespace leash::base {

// False with errno set when a byte could not be written; what came before it has been. Interruptions are resumed.
bool WriteAll(int fd, std::string_view bytes);

}  // namespace leash::base
