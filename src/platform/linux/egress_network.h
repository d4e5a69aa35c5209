// The network of a sandbox, as what its init process is to tell the kernel. With a network policy every address is a
// local one, and every connection goes to the egress proxy's listener. There is no way from it to the host's network:
// nothing but loopback is in it.
#pragma once

#include <cstdint>
#include <vector>

#include "platform/linux/init_wire.h"
#include "platform/linux/netlink_message.h"

namespace leash::platform {

// Messages for one netlink socket, and the stage that has failed when one of them is refused.
struct NetlinkExchange {
  int protocol;  // NETLINK_*
  wire::SetUpStage stage;
  NetlinkMessages messages;
};

// What is listened on when the kernel cannot redirect: of what programs use without asking a proxy, the ports that they
// cannot bind themselves, and git's. Others, 8080 or 5432, are as often a server's inside.
inline constexpr std::uint16_t kSparePorts[] = {22, 53, 80, 443, 9418};

// In the order in which they are to be sent. Without `ipv6` nothing of that family is set up: for machines that have
// none (HasIpv6).
std::vector<NetlinkExchange> EgressNetwork(bool ipv6);

// Loopback alone: for a sandbox without a network policy whose servers are published. No address leads out of it.
std::vector<NetlinkExchange> LoopbackNetwork(bool ipv6);

// Whether this process can make sockets of that family: if it cannot, its sandboxes cannot either.
bool HasIpv6();

}  // namespace leash::platform
