// No network, by any door: the promise of a sandbox that denies it, in every tier.
#include "guarantees.h"

namespace leash::guarantees {
namespace {

class Network : public Guarantees {};
class OtherFamilies : public Guarantees {};

const std::vector<Row> kNetwork = {
    {.promise = "no TCP connection to this machine",
     .probe = "tcp-connect",
     .args = {"127.0.0.1", "{port}"},
     .effect = Effect::kVictim},
    {.promise = "nor with the protocol named",
     .probe = "tcp-connect-named",
     .args = {"127.0.0.1", "{port}"},
     .effect = Effect::kVictim},
    {.promise = "nor to another of its addresses",
     .probe = "tcp-connect",
     .args = {"127.0.0.2", "{port}"},
     .effect = Effect::kVictim},
    {.promise = "nor by IPv6", .probe = "tcp-connect", .args = {"::1", "{port}"}, .effect = Effect::kVictim},
    {.promise = "nor by an IPv4 address written as IPv6",
     .probe = "tcp-connect",
     .args = {"::ffff:127.0.0.1", "{port}"},
     .effect = Effect::kVictim},
    {.promise = "nor by MPTCP", .probe = "mptcp-connect", .args = {"127.0.0.1", "{port}"}, .effect = Effect::kVictim},
    {.promise = "nor by MPTCP and IPv6",
     .probe = "mptcp-connect",
     .args = {"::1", "{port}"},
     .effect = Effect::kVictim},
    {.promise = "nor by TCP Fast Open and sendto",
     .probe = "tfo-sendto",
     .args = {"127.0.0.1", "{port}"},
     .effect = Effect::kVictim},
    {.promise = "nor by sendmsg", .probe = "tfo-sendmsg", .args = {"127.0.0.1", "{port}"}, .effect = Effect::kVictim},
    {.promise = "nor by sendmmsg", .probe = "tfo-sendmmsg", .args = {"127.0.0.1", "{port}"}, .effect = Effect::kVictim},
    {.promise = "nor by the socket option",
     .probe = "tfo-connect",
     .args = {"127.0.0.1", "{port}"},
     .effect = Effect::kVictim},
    {.promise = "nor by io_uring",
     .probe = "io-uring-connect",
     .args = {"127.0.0.1", "{port}"},
     .effect = Effect::kVictim},
    {.promise = "no datagram by sendto",
     .probe = "udp-sendto",
     .args = {"127.0.0.1", "{udp}"},
     .effect = Effect::kVictim},
    {.promise = "nor by IPv6", .probe = "udp-sendto", .args = {"::1", "{udp}"}, .effect = Effect::kVictim},
    {.promise = "nor by sendmsg", .probe = "udp-sendmsg", .args = {"127.0.0.1", "{udp}"}, .effect = Effect::kVictim},
    {.promise = "nor by sendmmsg", .probe = "udp-sendmmsg", .args = {"127.0.0.1", "{udp}"}, .effect = Effect::kVictim},
    {.promise = "no question about a name",
     .probe = "dns-query",
     .args = {"127.0.0.1", "{udp}"},
     .effect = Effect::kVictim},
    {.promise = "no server on a chosen address", .probe = "bind-listen", .args = {"0.0.0.0"}},
    {.promise = "nor on this machine's own", .probe = "bind-listen", .args = {"127.0.0.1"}},
    {.promise = "nor by IPv6", .probe = "bind-listen", .args = {"::"}},
    {.promise = "nor on a port that the kernel picks", .probe = "listen-unbound"},
    {.promise = "nor by UDP", .probe = "udp-bind", .args = {"0.0.0.0"}},
    {.promise = "no connection is taken from an inherited server", .probe = "fd-accept", .args = {"9"}},
};

const std::vector<Row> kOtherFamilies = {
    {.promise = "no family of sockets opens", .probe = "families", .mechanisms = kWithNamespaces},
    {.promise = "no family but AF_UNIX opens", .probe = "families", .args = {"1"}, .mechanisms = kWithoutNamespaces},
    {.promise = "no raw socket", .probe = "raw-socket"},
    {.promise = "nor by IPv6", .probe = "raw6-socket"},
    {.promise = "no echo socket", .probe = "ping-socket"},
    {.promise = "no packet socket", .probe = "packet-socket"},
    {.promise = "no socket to the hypervisor", .probe = "vsock-socket"},
    {.promise = "no socket to the kernel's cryptography", .probe = "alg-socket"},
    {.promise = "no SCTP", .probe = "sctp-socket"},
    {.promise = "nor as a stream", .probe = "sctp-stream"},
    {.promise = "no DCCP", .probe = "dccp-socket"},
    {.promise = "no UDP-Lite", .probe = "udplite-socket"},
    {.promise = "no netlink for routes", .probe = "netlink-socket", .args = {"0"}},
    {.promise = "nor for socket diagnosis", .probe = "netlink-socket", .args = {"4"}},
    {.promise = "nor for device events", .probe = "netlink-socket", .args = {"15"}},
    {.promise = "nor generic", .probe = "netlink-socket", .args = {"16"}},
    {.promise = "no pair of internet sockets", .probe = "inet-pair"},
    {.promise = "no socket by io_uring", .probe = "io-uring-socket"},
};

TEST_P(Network, IsClosed) { CheckRows(kNetwork); }
TEST_P(OtherFamilies, AreClosed) { CheckRows(kOtherFamilies); }

LEASH_EVERY_SETTING(Network);
LEASH_EVERY_SETTING(OtherFamilies);

}  // namespace
}  // namespace leash::guarantees
