// Internet sockets and every other family of sockets.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_alg.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "probe.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif
#ifndef SOL_DCCP
#define SOL_DCCP 269
#endif

struct address {
  struct sockaddr_storage storage;
  socklen_t length;
  int family;
};

static struct address address_of(const char* host, const char* port) {
  struct address out;
  memset(&out, 0, sizeof out);
  struct sockaddr_in* v4 = (struct sockaddr_in*)&out.storage;
  struct sockaddr_in6* v6 = (struct sockaddr_in6*)&out.storage;
  in_port_t number_of_port = htons((uint16_t)number(port));
  if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
    out.family = v4->sin_family = AF_INET;
    v4->sin_port = number_of_port;
    out.length = sizeof *v4;
  } else if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
    out.family = v6->sin6_family = AF_INET6;
    v6->sin6_port = number_of_port;
    out.length = sizeof *v6;
  } else {
    printf("cannot: not an address: %s\n", host);
    exit(CANNOT);
  }
  return out;
}

static int inet_socket(int family, int type, int protocol) {
  struct timeval second = {2, 0};
  int fd = socket(family, type | SOCK_CLOEXEC, protocol);
  if (fd != -1) setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof second);
  return fd;
}

static int connect_stream(char** argv, int protocol) {
  struct address to = address_of(argv[0], argv[1]);
  int fd = inet_socket(to.family, SOCK_STREAM, protocol);
  if (fd == -1) return refused("socket");
  if (connect(fd, (struct sockaddr*)&to.storage, to.length) == -1) return refused("connect");
  // It may be closed at the other end by now; that it opened is what counts.
  if (write(fd, "probe", 5) == -1) printf("write: %s\n", strerror(errno));
  return REACHED;
}

static int tcp_connect(char** argv) { return connect_stream(argv, 0); }
static int tcp_connect_named(char** argv) { return connect_stream(argv, IPPROTO_TCP); }
static int mptcp_connect(char** argv) { return connect_stream(argv, IPPROTO_MPTCP); }

static int fast_open_sendto(char** argv) {
  struct address to = address_of(argv[0], argv[1]);
  int fd = inet_socket(to.family, SOCK_STREAM, 0);
  if (fd == -1) return refused("socket");
  return verdict(sendto(fd, "probe", 5, MSG_FASTOPEN, (struct sockaddr*)&to.storage, to.length), "sendto");
}

static struct msghdr message_to(struct address* to, struct iovec* data) {
  *data = (struct iovec){"probe", 5};
  return (struct msghdr){.msg_name = &to->storage, .msg_namelen = to->length, .msg_iov = data, .msg_iovlen = 1};
}

static int fast_open_sendmsg(char** argv) {
  struct iovec data;
  struct address to = address_of(argv[0], argv[1]);
  struct msghdr message = message_to(&to, &data);
  int fd = inet_socket(to.family, SOCK_STREAM, 0);
  if (fd == -1) return refused("socket");
  return verdict(sendmsg(fd, &message, MSG_FASTOPEN), "sendmsg");
}

static int fast_open_sendmmsg(char** argv) {
  struct iovec data;
  struct address to = address_of(argv[0], argv[1]);
  struct mmsghdr message = {.msg_hdr = message_to(&to, &data)};
  int fd = inet_socket(to.family, SOCK_STREAM, 0);
  if (fd == -1) return refused("socket");
  return verdict(sendmmsg(fd, &message, 1, MSG_FASTOPEN), "sendmmsg");
}

static int fast_open_connect(char** argv) {
  int on = 1;
  struct address to = address_of(argv[0], argv[1]);
  int fd = inet_socket(to.family, SOCK_STREAM, 0);
  if (fd == -1) return refused("socket");
  if (setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof on) == -1) return refused("TCP_FASTOPEN_CONNECT");
  if (connect(fd, (struct sockaddr*)&to.storage, to.length) == -1) return refused("connect");
  return verdict(write(fd, "probe", 5), "write");
}

static int answered(int fd) {
  char reply[512];
  return verdict(recv(fd, reply, sizeof reply, 0), "no answer");
}

static int udp_sendto(char** argv) {
  struct address to = address_of(argv[0], argv[1]);
  int fd = inet_socket(to.family, SOCK_DGRAM, 0);
  if (fd == -1) return refused("socket");
  if (sendto(fd, "probe", 5, 0, (struct sockaddr*)&to.storage, to.length) == -1) return refused("sendto");
  return answered(fd);
}

static int udp_sendmsg(char** argv) {
  struct iovec data;
  struct address to = address_of(argv[0], argv[1]);
  struct msghdr message = message_to(&to, &data);
  int fd = inet_socket(to.family, SOCK_DGRAM, 0);
  if (fd == -1) return refused("socket");
  if (sendmsg(fd, &message, 0) == -1) return refused("sendmsg");
  return answered(fd);
}

// Two datagrams with one call.
static int udp_sendmmsg(char** argv) {
  struct iovec data;
  struct address to = address_of(argv[0], argv[1]);
  struct mmsghdr messages[2] = {{.msg_hdr = message_to(&to, &data)}, {.msg_hdr = message_to(&to, &data)}};
  int fd = inet_socket(to.family, SOCK_DGRAM, 0);
  if (fd == -1) return refused("socket");
  if (sendmmsg(fd, messages, 2, 0) == -1) return refused("sendmmsg");
  return answered(fd);
}

// A DNS question for "a.test", type A: the usual way out when nothing else is open.
static int dns_query(char** argv) {
  static const char query[] =
      "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01"
      "a\x04"
      "test\x00\x00\x01\x00\x01";
  struct address to = address_of(argv[0], argv[1]);
  int fd = inet_socket(to.family, SOCK_DGRAM, IPPROTO_UDP);
  if (fd == -1) return refused("socket");
  if (connect(fd, (struct sockaddr*)&to.storage, to.length) == -1) return refused("connect");
  if (send(fd, query, sizeof query - 1, 0) == -1) return refused("send");
  return answered(fd);
}

static int listen_unbound(char** argv) {
  (void)argv;
  int fd = inet_socket(AF_INET, SOCK_STREAM, 0);
  if (fd == -1) return refused("socket");
  return verdict(listen(fd, 1), "listen");
}

static int bind_listen(char** argv) {
  struct address at = address_of(argv[0], "0");
  int fd = inet_socket(at.family, SOCK_STREAM, 0);
  if (fd == -1) return refused("socket");
  if (bind(fd, (struct sockaddr*)&at.storage, at.length) == -1) return refused("bind");
  return verdict(listen(fd, 1), "listen");
}

// Half a second for somebody to call. Whether anybody could is for the caller to tell: a network of its own has servers
// that nobody reaches.
static int serve(char** argv) {
  const int on = 1;
  struct address at = address_of(argv[0], argv[1]);
  int fd = inet_socket(at.family, SOCK_STREAM, 0);
  if (fd == -1) return refused("socket");
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, (struct sockaddr*)&at.storage, at.length) == -1) return refused("bind");
  if (listen(fd, 1) == -1) return refused("listen");
  struct pollfd call = {fd, POLLIN, 0};
  poll(&call, 1, 500);
  return REACHED;
}

static int udp_bind(char** argv) {
  struct address at = address_of(argv[0], "0");
  int fd = inet_socket(at.family, SOCK_DGRAM, 0);
  if (fd == -1) return refused("socket");
  return verdict(bind(fd, (struct sockaddr*)&at.storage, at.length), "bind");
}

static int just_socket(int family, int type, int protocol) {
  return verdict(socket(family, type | SOCK_CLOEXEC, protocol), "socket");
}

static int raw_socket(char** argv) { return (void)argv, just_socket(AF_INET, SOCK_RAW, IPPROTO_ICMP); }
static int raw6_socket(char** argv) { return (void)argv, just_socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6); }
static int ping_socket(char** argv) { return (void)argv, just_socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP); }
static int packet_socket(char** argv) { return (void)argv, just_socket(AF_PACKET, SOCK_DGRAM, 0); }
static int vsock_socket(char** argv) { return (void)argv, just_socket(AF_VSOCK, SOCK_STREAM, 0); }
static int alg_socket(char** argv) { return (void)argv, just_socket(AF_ALG, SOCK_SEQPACKET, 0); }
static int sctp_socket(char** argv) { return (void)argv, just_socket(AF_INET, SOCK_SEQPACKET, IPPROTO_SCTP); }
static int sctp_stream(char** argv) { return (void)argv, just_socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP); }
static int dccp_socket(char** argv) { return (void)argv, just_socket(AF_INET, 6, 33); }  // 6: SOCK_DCCP
static int udplite_socket(char** argv) { return (void)argv, just_socket(AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE); }

static int netlink_socket(char** argv) { return just_socket(AF_NETLINK, SOCK_RAW, (int)number(argv[0])); }

// A family has many types; one that opens is enough.
static bool family_opens(int family) {
  const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET, SOCK_RDM};
  for (size_t t = 0; t < sizeof types / sizeof types[0]; ++t) {
    int fd = socket(family, types[t] | SOCK_CLOEXEC, 0);
    if (fd == -1) continue;
    close(fd);
    return true;
  }
  return false;
}

static int families(char** argv) {
  int opened = 0;
  const long except = argv[0] != NULL ? number(argv[0]) : -1;
  for (int family = 0; family < 50; ++family) {
    if (family == except || !family_opens(family)) continue;
    printf("family %d opens\n", family);
    ++opened;
  }
  if (opened > 0) return REACHED;
  errno = EPERM;
  return refused("every family from 0 to 49");
}

static int inet_pair(char** argv) {
  int ends[2];
  (void)argv;
  const int reached[] = {EOPNOTSUPP, 0};  // the kernel has made both sockets before it says so
  return verdict_reached(socketpair(AF_INET, SOCK_STREAM, 0, ends), "socketpair", reached);
}

static int fd_inet_sendmsg(char** argv) {
  struct iovec data;
  struct address to = address_of(argv[1], argv[2]);
  struct msghdr message = message_to(&to, &data);
  return verdict(sendmsg((int)number(argv[0]), &message, 0), "sendmsg");
}

static int fd_inet_connect(char** argv) {
  int fd = (int)number(argv[0]);
  struct address to = address_of(argv[1], argv[2]);
  if (connect(fd, (struct sockaddr*)&to.storage, to.length) == -1) return refused("connect");
  return verdict(write(fd, "probe", 5), "write");
}

// The socket does not block: when nobody has called, the answer is EAGAIN.
static int fd_accept(char** argv) {
  const int reached[] = {EAGAIN, 0};
  return verdict_reached(accept4((int)number(argv[0]), NULL, NULL, SOCK_CLOEXEC), "accept4", reached);
}

const struct probe network_probes[] = {
    {"tcp-connect", "ADDRESS PORT", "connect by TCP", 2, tcp_connect},
    {"tcp-connect-named", "ADDRESS PORT", "connect by TCP, protocol number given", 2, tcp_connect_named},
    {"mptcp-connect", "ADDRESS PORT", "connect by MPTCP, which falls back to TCP", 2, mptcp_connect},
    {"tfo-sendto", "ADDRESS PORT", "connect by sendto with MSG_FASTOPEN", 2, fast_open_sendto},
    {"tfo-sendmsg", "ADDRESS PORT", "connect by sendmsg with MSG_FASTOPEN", 2, fast_open_sendmsg},
    {"tfo-sendmmsg", "ADDRESS PORT", "connect by sendmmsg with MSG_FASTOPEN", 2, fast_open_sendmmsg},
    {"tfo-connect", "ADDRESS PORT", "connect with TCP_FASTOPEN_CONNECT set", 2, fast_open_connect},
    {"udp-sendto", "ADDRESS PORT", "send a datagram by UDP and read the answer", 2, udp_sendto},
    {"udp-sendmsg", "ADDRESS PORT", "send a datagram by UDP with sendmsg and read the answer", 2, udp_sendmsg},
    {"udp-sendmmsg", "ADDRESS PORT", "send two datagrams by UDP with sendmmsg and read an answer", 2, udp_sendmmsg},
    {"dns-query", "ADDRESS PORT", "ask a DNS question by UDP", 2, dns_query},
    {"listen-unbound", "", "listen on a port that the kernel picks", 0, listen_unbound},
    {"bind-listen", "ADDRESS", "bind and listen by TCP", 1, bind_listen},
    {"serve", "ADDRESS PORT", "listen by TCP for half a second", 2, serve},
    {"udp-bind", "ADDRESS", "bind by UDP", 1, udp_bind},
    {"raw-socket", "", "make a raw IPv4 socket", 0, raw_socket},
    {"raw6-socket", "", "make a raw IPv6 socket", 0, raw6_socket},
    {"ping-socket", "", "make an ICMP echo socket", 0, ping_socket},
    {"packet-socket", "", "make a packet socket", 0, packet_socket},
    {"vsock-socket", "", "make a socket to the hypervisor", 0, vsock_socket},
    {"alg-socket", "", "make a socket to the kernel's cryptography", 0, alg_socket},
    {"sctp-socket", "", "make an SCTP socket", 0, sctp_socket},
    {"sctp-stream", "", "make an SCTP socket of type SOCK_STREAM", 0, sctp_stream},
    {"dccp-socket", "", "make a DCCP socket", 0, dccp_socket},
    {"udplite-socket", "", "make a UDP-Lite socket", 0, udplite_socket},
    {"netlink-socket", "PROTOCOL", "make a netlink socket", 1, netlink_socket},
    {"families", "[BUT]", "make a socket of any family from 0 to 49, or any but one", 0, families},
    {"inet-pair", "", "ask for a pair of internet sockets", 0, inet_pair},
    {"fd-inet-sendmsg", "FD ADDRESS PORT", "send a datagram from an inherited socket", 3, fd_inet_sendmsg},
    {"fd-inet-connect", "FD ADDRESS PORT", "connect an inherited socket", 3, fd_inet_connect},
    {"fd-accept", "FD", "accept from an inherited listening socket", 1, fd_accept},
    {NULL, NULL, NULL, 0, NULL},
};
