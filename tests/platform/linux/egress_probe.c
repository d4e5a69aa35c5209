// What the tests of the egress path run inside a sandbox: one act of the network, and in one line what came of it.
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

static int Say(const char* what) { return printf("%s\n", what) < 0; }
static int Failed(void) { return Say(strerrorname_np(errno)); }

struct Address {
  struct sockaddr_storage storage;
  socklen_t size;
};

static struct Address Parse(const char* text, const char* port) {
  struct Address result;
  memset(&result, 0, sizeof(result));
  const uint16_t number = htons((uint16_t)atoi(port));
  struct sockaddr_in* four = (struct sockaddr_in*)&result.storage;
  struct sockaddr_in6* six = (struct sockaddr_in6*)&result.storage;
  if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
    four->sin_family = AF_INET;
    four->sin_port = number;
    result.size = sizeof(*four);
  } else if (inet_pton(AF_INET6, text, &six->sin6_addr) == 1) {
    six->sin6_family = AF_INET6;
    six->sin6_port = number;
    result.size = sizeof(*six);
  }
  return result;
}

// So that no act waits for ever.
static int SocketOf(int family, int type) {
  const int fd = socket(family, type, 0);
  const struct timeval patience = {20, 0};
  if (fd >= 0) setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  return fd;
}

// What the other side says.
static int Hear(int fd) {
  char line[256];
  const ssize_t size = recv(fd, line, sizeof(line) - 1, 0);
  if (size < 0) return Failed();
  line[size] = 0;
  return Say(size == 0 ? "end" : line);
}

static int Connect(struct Address address) {
  const int fd = SocketOf(address.storage.ss_family, SOCK_STREAM);
  if (fd < 0 || connect(fd, (struct sockaddr*)&address.storage, address.size) != 0) return Failed();
  return Hear(fd);
}

static int Datagram(struct Address address) {
  const int fd = SocketOf(address.storage.ss_family, SOCK_DGRAM);
  if (fd < 0 || connect(fd, (struct sockaddr*)&address.storage, address.size) != 0) return Failed();
  if (send(fd, "question", 8, 0) != 8) return Failed();
  return Hear(fd);
}

// A connection made by the message that it carries, by each call that can.
static int FastOpen(const char* how, struct Address address) {
  const int fd = SocketOf(address.storage.ss_family, SOCK_STREAM);
  struct iovec body = {"x", 1};
  struct mmsghdr message;
  memset(&message, 0, sizeof(message));
  message.msg_hdr.msg_name = &address.storage;
  message.msg_hdr.msg_namelen = address.size;
  message.msg_hdr.msg_iov = &body;
  message.msg_hdr.msg_iovlen = 1;
  long sent = -1;
  if (strcmp(how, "sendto") == 0) {
    sent = sendto(fd, "x", 1, MSG_FASTOPEN, (struct sockaddr*)&address.storage, address.size);
  } else if (strcmp(how, "sendmsg") == 0) {
    sent = sendmsg(fd, &message.msg_hdr, MSG_FASTOPEN);
  } else if (strcmp(how, "sendmmsg") == 0) {
    sent = sendmmsg(fd, &message, 1, MSG_FASTOPEN);
  } else {  // by connect(2) after all
    const int one = 1;
    if (setsockopt(fd, IPPROTO_TCP, 30 /* TCP_FASTOPEN_CONNECT */, &one, sizeof(one)) != 0) return Failed();
    if (connect(fd, (struct sockaddr*)&address.storage, address.size) != 0) return Failed();
    sent = send(fd, "x", 1, 0);
  }
  return sent < 0 ? Failed() : Hear(fd);
}

// Two programs of one sandbox, as it were.
static int Talk(struct Address address) {
  const int server = SocketOf(address.storage.ss_family, SOCK_STREAM);
  const int client = SocketOf(address.storage.ss_family, SOCK_STREAM);
  if (server < 0 || bind(server, (struct sockaddr*)&address.storage, address.size) != 0) return Failed();
  if (listen(server, 1) != 0) return Failed();
  if (getsockname(server, (struct sockaddr*)&address.storage, &address.size) != 0) return Failed();
  if (connect(client, (struct sockaddr*)&address.storage, address.size) != 0) return Failed();
  const int accepted = accept(server, NULL, NULL);
  if (accepted < 0 || send(accepted, "between us", 10, 0) != 10) return Failed();
  return Hear(client);
}

static int Bind(struct Address address) {
  const int fd = SocketOf(address.storage.ss_family, SOCK_STREAM);
  if (fd < 0 || bind(fd, (struct sockaddr*)&address.storage, address.size) != 0) return Failed();
  return listen(fd, 1) != 0 ? Failed() : Say("bound");
}

static int Socket(const char* family, const char* type, const char* protocol) {
  return socket(atoi(family), atoi(type), atoi(protocol)) < 0 ? Failed() : Say("made");
}

static int Option(const char* level, const char* name) {
  const int fd = SocketOf(AF_INET, SOCK_STREAM);
  const int value = 7;
  return setsockopt(fd, atoi(level), atoi(name), &value, sizeof(value)) != 0 ? Failed() : Say("set");
}

static int Interfaces(void) {
  struct ifaddrs* all = NULL;
  if (getifaddrs(&all) != 0) return Failed();
  for (const struct ifaddrs* one = all; one != NULL; one = one->ifa_next) {
    if (strcmp(one->ifa_name, "lo") != 0 || (one->ifa_flags & IFF_UP) == 0) return Say(one->ifa_name);
  }
  return Say("lo alone");
}

// Takes the route away that makes addresses local; and, to show that the message is right, tells when there is none.
static int RemoveRoute(void) {
  struct {
    struct nlmsghdr head;
    struct rtmsg route;
  } message;
  memset(&message, 0, sizeof(message));
  message.head.nlmsg_len = sizeof(message);
  message.head.nlmsg_type = RTM_DELROUTE;
  message.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  message.route.rtm_family = AF_INET;
  message.route.rtm_table = RT_TABLE_LOCAL;
  message.route.rtm_scope = RT_SCOPE_HOST;
  message.route.rtm_type = RTN_LOCAL;
  const int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  char answer[1024];
  if (fd < 0 || send(fd, &message, sizeof(message), 0) < 0) return Failed();
  if (recv(fd, answer, sizeof(answer), 0) < (ssize_t)sizeof(struct nlmsghdr)) return Failed();
  errno = -((struct nlmsgerr*)NLMSG_DATA((struct nlmsghdr*)answer))->error;
  return errno == 0 ? Say("removed") : Failed();
}

static int Resolve(const char* name, const char* family) {
  struct addrinfo hints;
  struct addrinfo* found = NULL;
  memset(&hints, 0, sizeof(hints));
  hints.ai_family = atoi(family);
  hints.ai_socktype = SOCK_STREAM;
  const int error = getaddrinfo(name, NULL, &hints, &found);
  if (error != 0) return Say(gai_strerror(error));
  char text[INET6_ADDRSTRLEN];
  return getnameinfo(found->ai_addr, found->ai_addrlen, text, sizeof(text), NULL, 0, NI_NUMERICHOST) == 0 ? Say(text)
                                                                                                          : 1;
}

int main(int argc, char** argv) {
  const char* act = argc > 1 ? argv[1] : "";
  if (strcmp(act, "connect") == 0 && argc == 4) return Connect(Parse(argv[2], argv[3]));
  if (strcmp(act, "datagram") == 0 && argc == 4) return Datagram(Parse(argv[2], argv[3]));
  if (strcmp(act, "fastopen") == 0 && argc == 5) return FastOpen(argv[2], Parse(argv[3], argv[4]));
  if (strcmp(act, "talk") == 0 && argc == 3) return Talk(Parse(argv[2], "0"));
  if (strcmp(act, "bind") == 0 && argc == 4) return Bind(Parse(argv[2], argv[3]));
  if (strcmp(act, "socket") == 0 && argc == 5) return Socket(argv[2], argv[3], argv[4]);
  if (strcmp(act, "option") == 0 && argc == 4) return Option(argv[2], argv[3]);
  if (strcmp(act, "resolve") == 0 && argc == 4) return Resolve(argv[2], argv[3]);
  if (strcmp(act, "interfaces") == 0) return Interfaces();
  if (strcmp(act, "remove-route") == 0) return RemoveRoute();
  return 2;
}
