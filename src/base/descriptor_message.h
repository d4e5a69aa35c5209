// One descriptor over a local socket (unix(7), SCM_RIGHTS), with some text. More than one, and
// what a process without a C library sends, is written where it is needed.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/unique_fd.h"

namespace leash::base {

// At most.
constexpr std::size_t kLongestText = 8192;

// False, with errno, when it was not sent. Never a signal.
bool SendDescriptor(int socket, int descriptor, std::string_view text = "");

// The next message of a socket that keeps messages apart, without waiting. False, with errno, when there is none, or
// the other side has ended (then errno is 0). `descriptor` is close-on-exec, and empty when the message brought none;
// `text`, unless it is null, has what else it brought.
bool ReceiveDescriptor(int socket, UniqueFd& descriptor, std::string* text = nullptr);

}  // namespace leash::base
