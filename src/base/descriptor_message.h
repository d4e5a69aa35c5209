// One descriptor over a local socket (unix(7), SCM_RIGHTS), with a byte that stands for nothing. More than one, and
// what a process without a C library sends, is written where it is needed.
#pragma once

#include "base/unique_fd.h"

namespace leash::base {

// False, with errno, when it was not sent. Never a signal.
bool SendDescriptor(int socket, int descriptor);

// The next message of a socket that keeps messages apart, without waiting. False, with errno, when there is none, or
// the other side has ended (then errno is 0). `descriptor` is close-on-exec, and empty when the message brought none.
bool ReceiveDescriptor(int socket, UniqueFd& descriptor);

}  // namespace leash::base
