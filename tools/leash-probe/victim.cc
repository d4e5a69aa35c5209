// DIRECTORY: a process of the same user with everything that a sandboxed program might be after: a secret
// in memory, open files, sockets, shared memory, queues, a key. It notes every touch.
//
// Prints one line of "name=value" facts and then one line of counters for each line that it reads. Ends with stdin.
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <map>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "program.h"

namespace {

alignas(4096) char g_secret[4096] = "secret!";

struct Listener {
  std::string name;
  int fd;
  bool datagrams;  // else connections
};

std::vector<Listener> g_listeners;
std::map<std::string, int> g_counts;

void Listen(const std::string& name, int fd, bool datagrams) {
  fcntl(fd, F_SETFL, O_NONBLOCK);
  g_listeners.push_back({name, fd, datagrams});
  g_counts[name] = 0;
}

void ListenUnix(const std::string& name, const std::string& address, int type) {
  sockaddr_un at = {};
  at.sun_family = AF_UNIX;
  memcpy(at.sun_path, address.data(), std::min(address.size(), sizeof at.sun_path));
  const bool abstract = address[0] == '\0';
  const socklen_t length =
      abstract ? static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address.size()) : sizeof at;
  const int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
  if (bind(fd, reinterpret_cast<sockaddr*>(&at), length) == -1) perror(("leash-victim: bind " + name).c_str());
  if (type == SOCK_STREAM) listen(fd, 16);
  Listen(name, fd, type == SOCK_DGRAM);
}

// Gives the port; with `port` 0 the kernel picks one. -1: this machine has no such address.
int ListenInet(const std::string& name, const char* host, int port, int type) {
  sockaddr_storage at = {};
  auto* v4 = reinterpret_cast<sockaddr_in*>(&at);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&at);
  socklen_t length = sizeof *v4;
  if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(static_cast<in_port_t>(port));
  } else {
    inet_pton(AF_INET6, host, &v6->sin6_addr);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(static_cast<in_port_t>(port));
    length = sizeof *v6;
  }
  const int fd = socket(at.ss_family, type | SOCK_CLOEXEC, 0);
  if (bind(fd, reinterpret_cast<sockaddr*>(&at), length) == -1) return -1;
  if (type == SOCK_STREAM) listen(fd, 16);
  getsockname(fd, reinterpret_cast<sockaddr*>(&at), &length);
  Listen(name, fd, type == SOCK_DGRAM);
  return ntohs(v4->sin_port);  // at the same place in both structures
}

// Who may set a key's permissions is who finds it in his session keyring, which may be another user's here.
int MakeKey() {
  syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr);
  syscall(SYS_keyctl, KEYCTL_LINK, KEY_SPEC_USER_KEYRING, KEY_SPEC_SESSION_KEYRING);
  const long id = syscall(SYS_add_key, "user", "leash-victim", "secret!", 7, KEY_SPEC_USER_KEYRING);
  if (id != -1) syscall(SYS_keyctl, KEYCTL_SETPERM, id, 0x3f3f0000);
  return static_cast<int>(id);
}

struct Objects {
  int base = 0;  // of the System V keys
  int shm = -1, msg = -1, sem = -1;
  void* shm_memory = nullptr;
  std::string posix_name;
  void* posix_memory = nullptr;
  mqd_t queue = -1;
  int key = -1;
};

Objects g_objects;

// Ends the program when something that all tests rely on cannot be made.
int Made(const char* what, int result) {
  if (result != -1) return result;
  perror((std::string("leash-victim: ") + what).c_str());
  std::exit(1);
}

void MakeObjects() {
  Objects& o = g_objects;
  o.base = 0x6c000000 | static_cast<int>(std::random_device()() & 0xfffffc);
  o.shm = Made("shmget", shmget(o.base, 4096, IPC_CREAT | IPC_EXCL | 0600));
  o.shm_memory = shmat(o.shm, nullptr, 0);
  strcpy(static_cast<char*>(o.shm_memory), "secret!");
  o.msg = Made("msgget", msgget(o.base + 1, IPC_CREAT | IPC_EXCL | 0600));
  struct {
    long type;
    char text[8];
  } message = {1, "secret"};
  for (int i = 0; i < 8; ++i) msgsnd(o.msg, &message, sizeof message.text, IPC_NOWAIT);
  o.sem = Made("semget", semget(o.base + 2, 1, IPC_CREAT | IPC_EXCL | 0600));
  o.posix_name = "/leash-victim-" + std::to_string(o.base);
  const int fd = Made("shm_open", shm_open(o.posix_name.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600));
  Made("ftruncate", ftruncate(fd, 4096));
  o.posix_memory = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  mq_attr attributes = {};
  attributes.mq_maxmsg = 10;
  attributes.mq_msgsize = 16;
  o.queue = mq_open(o.posix_name.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600, &attributes);
  mq_close(mq_open((o.posix_name + "-spare").c_str(), O_RDWR | O_CREAT | O_EXCL, 0600, &attributes));
  o.key = MakeKey();
}

void RemoveObjects() {
  const Objects& o = g_objects;
  shmctl(o.shm, IPC_RMID, nullptr);
  msgctl(o.msg, IPC_RMID, nullptr);
  semctl(o.sem, 0, IPC_RMID);
  shm_unlink(o.posix_name.c_str());
  mq_unlink(o.posix_name.c_str());
  mq_unlink((o.posix_name + "-spare").c_str());
  // Not KEYCTL_INVALIDATE, which never gives back what the link has taken of the user's quota.
  if (o.key != -1) syscall(SYS_keyctl, KEYCTL_UNLINK, o.key, KEY_SPEC_USER_KEYRING);
}

std::string Abstract(const char* kind) { return std::string("\0leash-", 7) + kind + "-" + std::to_string(getpid()); }

void MakeSockets(const std::string& directory, std::ostream& facts) {
  ListenUnix("stream", directory + "/stream", SOCK_STREAM);
  ListenUnix("dgram", directory + "/dgram", SOCK_DGRAM);
  ListenUnix("abstract", Abstract("stream"), SOCK_STREAM);
  ListenUnix("abstract_dgram", Abstract("dgram"), SOCK_DGRAM);
  const int port = ListenInet("tcp4", "127.0.0.1", 0, SOCK_STREAM);
  ListenInet("tcp4_second", "127.0.0.2", port, SOCK_STREAM);
  ListenInet("tcp6", "::1", port, SOCK_STREAM);
  const int udp = ListenInet("udp4", "127.0.0.1", 0, SOCK_DGRAM);
  ListenInet("udp6", "::1", udp, SOCK_DGRAM);
  facts << " stream=" << directory << "/stream dgram=" << directory << "/dgram abstract=@"
        << Abstract("stream").substr(1) << " abstract_dgram=@" << Abstract("dgram").substr(1) << " port=" << port
        << " udp=" << udp;
}

// Every signal but those that would end the tests by accident is counted.
int CatchSignals() {
  sigset_t set;
  sigfillset(&set);
  for (const int kept : {SIGTERM, SIGINT, SIGKILL, SIGSTOP, SIGSEGV, SIGBUS}) sigdelset(&set, kept);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

void TakeConnections(const Listener& listener) {
  for (int fd; (fd = accept4(listener.fd, nullptr, nullptr, SOCK_CLOEXEC)) != -1; close(fd)) ++g_counts[listener.name];
}

// An answer to each, as a server would give.
void TakeDatagrams(const Listener& listener) {
  std::array<char, 512> data;
  sockaddr_storage from = {};
  socklen_t length = sizeof from;
  ssize_t n = 0;
  while ((n = recvfrom(listener.fd, data.data(), data.size(), 0, reinterpret_cast<sockaddr*>(&from), &length)) >= 0) {
    ++g_counts[listener.name];
    if (length > sizeof(sa_family_t)) {
      sendto(listener.fd, data.data(), static_cast<std::size_t>(n), 0, reinterpret_cast<sockaddr*>(&from), length);
    }
    length = sizeof from;
  }
}

void TakeAll(int signals) {
  for (const Listener& listener : g_listeners) listener.datagrams ? TakeDatagrams(listener) : TakeConnections(listener);
  signalfd_siginfo info;
  while (read(signals, &info, sizeof info) == sizeof info) ++g_counts["signal_" + std::to_string(info.ssi_signo)];
}

std::string StatusLine(const std::string& name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind(name + ":", 0) == 0) return line.substr(name.size() + 2);
  }
  return "";
}

void ReportState(std::ostream& out) {
  rlimit files = {};
  getrlimit(RLIMIT_NOFILE, &files);
  cpu_set_t processors;
  sched_getaffinity(0, sizeof processors, &processors);
  msqid_ds queue = {};
  msgctl(g_objects.msg, IPC_STAT, &queue);
  mq_attr attributes = {};
  mq_getattr(g_objects.queue, &attributes);
  out << " memory=" << g_secret << " files=" << files.rlim_cur << " nice=" << getpriority(PRIO_PROCESS, 0)
      << " processors=" << CPU_COUNT(&processors) << " policy=" << sched_getscheduler(0)
      << " io=" << syscall(SYS_ioprio_get, 1, 0) << " tracer=" << StatusLine("TracerPid")
      << " shm=" << static_cast<char*>(g_objects.shm_memory) << " msg=" << queue.msg_qnum
      << " sem=" << semctl(g_objects.sem, 0, GETVAL) << " posix=" << static_cast<char*>(g_objects.posix_memory)
      << " mq=" << attributes.mq_curmsgs << " group=" << (getpgrp() == getpid());
}

void Report(int signals) {
  TakeAll(signals);
  std::ostringstream out;
  out << "report";
  for (const auto& [name, count] : g_counts) out << ' ' << name << '=' << count;
  ReportState(out);
  std::cout << out.str() << std::endl;
}

void Serve(int signals) {
  std::vector<pollfd> fds = {{STDIN_FILENO, POLLIN, 0}, {signals, POLLIN, 0}};
  for (const Listener& listener : g_listeners) fds.push_back({listener.fd, POLLIN, 0});
  while (poll(fds.data(), fds.size(), -1) != -1 || errno == EINTR) {
    if (fds[0].revents == 0) {
      TakeAll(signals);
      continue;
    }
    std::array<char, 16> line;
    if (read(STDIN_FILENO, line.data(), line.size()) <= 0) return;
    Report(signals);
  }
}

}  // namespace

extern "C" int leash_victim_main(int argc, char** argv) {
  if (argc < 1 || chdir(argv[0]) == -1) return 2;
  const int signals = CatchSignals();
  const int secret = open("secret", O_RDONLY | O_CLOEXEC);
  std::ostringstream facts;
  facts << "facts pid=" << getpid() << " address=" << reinterpret_cast<std::uintptr_t>(g_secret) << " fd=" << secret;
  MakeSockets(argv[0], facts);
  MakeObjects();
  const Objects& o = g_objects;
  facts << " shm_key=" << o.base << " shm_id=" << o.shm << " msg_key=" << o.base + 1 << " msg_id=" << o.msg
        << " sem_key=" << o.base + 2 << " sem_id=" << o.sem << " posix=" << o.posix_name;
  // What this machine may lack: a fact that is missing makes its rows inapplicable.
  if (o.queue != static_cast<mqd_t>(-1)) facts << " mq=" << o.posix_name;
  if (o.key != -1) facts << " key=" << o.key;
  std::cout << facts.str() << std::endl;
  Serve(signals);
  RemoveObjects();
  return 0;
}
