// What the tests of the egress path run inside a sandbox: one act of the network, and in one line what came of it.
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
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

static int Listen(void) { return listen(SocketOf(AF_INET, SOCK_STREAM), 1) != 0 ? Failed() : Say("listens"); }

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

// Unconnected: the address stands in the message. What comes back, and from where.
static int Message(const char* how, struct Address address) {
  const int fd = SocketOf(address.storage.ss_family, SOCK_DGRAM);
  struct iovec body = {"question", 8};
  struct mmsghdr message;
  memset(&message, 0, sizeof(message));
  message.msg_hdr.msg_name = &address.storage;
  message.msg_hdr.msg_namelen = address.size;
  message.msg_hdr.msg_iov = &body;
  message.msg_hdr.msg_iovlen = 1;
  long sent = -1;
  if (strcmp(how, "sendto") == 0) {
    sent = sendto(fd, "question", 8, 0, (struct sockaddr*)&address.storage, address.size);
  } else if (strcmp(how, "sendmsg") == 0) {
    sent = sendmsg(fd, &message.msg_hdr, 0);
  } else {
    sent = sendmmsg(fd, &message, 1, 0);
  }
  if (sent < 0) return Failed();
  if (strcmp(how, "sendto") != 0) return Say("sent");
  char line[64] = "";
  struct Address from;
  from.size = sizeof(from.storage);
  if (recvfrom(fd, line, sizeof(line) - 1, 0, (struct sockaddr*)&from.storage, &from.size) < 0) return Failed();
  const int same = from.size == address.size && memcmp(&from.storage, &address.storage, from.size) == 0;
  return printf("%s %s\n", line, same ? "from whom was asked" : "from elsewhere") < 0;
}

// One socket, two connections.
static int Again(struct Address first, struct Address second) {
  const int fd = SocketOf(first.storage.ss_family, SOCK_STREAM);
  struct sockaddr none = {AF_UNSPEC, ""};
  if (connect(fd, (struct sockaddr*)&first.storage, first.size) != 0 || Hear(fd) != 0) return Failed();
  if (connect(fd, &none, sizeof(none)) != 0) return Failed();
  return connect(fd, (struct sockaddr*)&second.storage, second.size) != 0 ? Failed() : Hear(fd);
}

static int ConnectOn(int fd, struct Address address) {
  return connect(fd, (struct sockaddr*)&address.storage, address.size) != 0 ? Failed() : Hear(fd);
}

// Connected by another program, which was handed the socket.
static int Handed(const char* self, const char* address, const char* port) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  char number[16];
  snprintf(number, sizeof(number), "%d", dup(fd));
  if (fork() == 0) {
    execl(self, self, "connect-on", number, address, port, (char*)NULL);
    _exit(1);
  }
  int status = 0;
  return wait(&status) < 0 || status != 0;
}

// The address changes while the kernel, or whoever acts for it, reads it: one address, the other, or a bit of both.
// Whether anybody was heard who begins with what is expected, and anybody else.
static volatile int racing = 1;
static struct Address raced[3];
static void* Swap(void* unused) {
  while (racing) {
    memcpy(&raced[2], &raced[0], sizeof(raced[0]));
    __asm__ volatile("" ::: "memory");  // both are written, though nobody here reads them
    memcpy(&raced[2], &raced[1], sizeof(raced[1]));
    __asm__ volatile("" ::: "memory");
  }
  return unused;
}
static int Race(struct Address first, struct Address second, const char* expected) {
  raced[0] = raced[2] = first;
  raced[1] = second;
  pthread_t thread;
  if (pthread_create(&thread, NULL, &Swap, NULL) != 0) return 1;
  int heard = 0;
  int other = 0;
  // Longer where the other thread, on a busy machine, has not yet run beside this one.
  for (int i = 0; i < 2000 || (heard == 0 && i < 200000); ++i) {
    char line[256] = "";
    const int fd = SocketOf(AF_INET, SOCK_STREAM);
    if (fd >= 0 && connect(fd, (struct sockaddr*)&raced[2].storage, first.size) == 0 &&
        recv(fd, line, sizeof(line) - 1, 0) > 0) {
      ++*(strncmp(line, expected, strlen(expected)) == 0 ? &heard : &other);
    }
    close(fd);
  }
  racing = 0;
  pthread_join(thread, NULL);
  return printf("%s, %s\n", heard > 0 ? "some" : "none", other > 0 ? "and others" : "no other") < 0;
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
  if (strcmp(act, "message") == 0 && argc == 5) return Message(argv[2], Parse(argv[3], argv[4]));
  if (strcmp(act, "again") == 0 && argc == 6) return Again(Parse(argv[2], argv[3]), Parse(argv[4], argv[5]));
  if (strcmp(act, "connect-on") == 0 && argc == 5) return ConnectOn(atoi(argv[2]), Parse(argv[3], argv[4]));
  if (strcmp(act, "handed") == 0 && argc == 4) return Handed(argv[0], argv[2], argv[3]);
  if (strcmp(act, "race") == 0 && argc == 7) {
    return Race(Parse(argv[2], argv[3]), Parse(argv[4], argv[5]), argv[6]);
  }
  if (strcmp(act, "resolve") == 0 && argc == 4) return Resolve(argv[2], argv[3]);
  if (strcmp(act, "listen") == 0) return Listen();
  if (strcmp(act, "interfaces") == 0) return Interfaces();
  if (strcmp(act, "remove-route") == 0) return RemoveRoute();
  return 2;
}
