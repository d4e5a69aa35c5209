// bind(2) for a unix socket, in a process of its own that Landlock lets make sockets only where the plan does.
//
// The kernel keeps the address as it is written, and programs ask for it back (getsockname(2)), so it must be bound as
// it was given, by a path that a program can lead elsewhere at any moment. Landlock judges where it led.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

namespace leash::platform {

struct BindOrder {
  int socket = -1;
  int directory = -1;  // where a relative address starts; -1: it is absolute
  int umask = 0;
  int ruleset = -1;  // see MakeSocketRuleset
  sockaddr_un address = {};
  socklen_t size = 0;

  long answer = 0;  // 0 or a negative errno
};

// For CloneBorrowed; `order` is a BindOrder. Inherits that the thread has no capability.
int RunBindChild(void* order);

}  // namespace leash::platform
