// connect(2) and accept(2) on behalf of a program: they never wait, whatever the mode of the socket, which the program
// shares and may be clever with.
#pragma once

#include <sys/socket.h>

#include "base/unique_fd.h"
#include "platform/linux/supervisor_notification.h"

namespace leash::platform {

// TCP_LISTEN and so on (netinet/tcp.h); TCP_CLOSE for what is no TCP socket, too.
int TcpStateOf(int socket);

bool IsBlocking(int socket);

// Connects a TCP socket to a listener on loopback. A negative errno, as connect(2) has them; besides -EAGAIN: the
// listener's queue is full, to be tried again. With 0 and -EINPROGRESS the handshake is over.
Answer ConnectOverLoopback(int socket, const sockaddr_storage& listener);

// `accepted` is close-on-exec, and blocks. -EAGAIN: nobody has connected.
Answer AcceptNow(int listener, base::UniqueFd& accepted);

}  // namespace leash::platform
