// What the supervisor lets be done, decided from the plan and from facts that it has taken: pure.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "core/plan.h"

namespace leash::platform {

// A file that is held by a descriptor.
struct FileFacts {
  // As /proc/self/fd names it: where the kernel found it, or with " (deleted)" behind; "pipe:[1]" and the like.
  std::string path;
  mode_t mode = 0;
  bool linked = true;  // has a name in some directory
};

// Change its mode, owner or times: the right to write, and neither guarded nor a device. What no path leads to (a pipe,
// an unlinked file) is the program's own.
bool MayChange(const core::Plan& plan, const FileFacts& file);

// Be told of what happens to it (inotify(7)): the right to read. A directory tells of the names in it, also of those
// that are closed by a rule of their own.
bool MayWatch(const core::Plan& plan, const FileFacts& file);

// Make a unix socket of that path: the right to write, and not guarded.
bool MayMakeSocket(const core::Plan& plan, std::string_view path);

// Whose unix socket connect(2) leads to.
struct Peer {
  std::string path;  // canonical
  bool own = false;  // a program of the same sandbox listens there
};

// A server of the same sandbox; one in its scratch directory; one whose own path a grant names for writing. A grant on
// a directory leads to no server in it.
bool MayConnect(const core::Plan& plan, const Peer& peer);

}  // namespace leash::platform
