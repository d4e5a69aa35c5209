// Following a path on behalf of a caller, so that what was judged is what is held.
#pragma once

#include <string>

#include "base/unique_fd.h"
#include "platform/linux/supervisor_caller.h"
#include "platform/linux/supervisor_rules.h"

namespace leash::platform {

// The caller's path, from its own directory, as an O_PATH descriptor. 0 or a negative errno, which is the kernel's own
// where it says why a path leads nowhere.
//
// A magic link (proc(5): /proc/PID/fd/1, cwd, exe) would be the supervisor's here: none is followed, but for the
// caller's own descriptors under the names that libc and shells use for them. Nothing in /proc is ever the result.
Answer OpenFor(Caller& caller, int directory, const std::string& path, bool follow, base::UniqueFd& file);

// The directory that a relative path starts at; AT_FDCWD is the current one.
Answer OpenStart(Caller& caller, int directory, base::UniqueFd& start);

// Empty path: the name cannot be learnt.
FileFacts FactsOf(int fd);

// "/proc/self/fd/N": a path of this process that leads to the held file whatever happens to its names.
std::string NameOf(int fd);

}  // namespace leash::platform
