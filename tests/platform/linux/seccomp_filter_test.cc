#include "platform/linux/seccomp_filter.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <cerrno>
#include <random>

#include "gtest/gtest.h"
#include "platform/linux/bpf_interpreter.h"
#include "platform/linux/seccomp_table.h"

namespace leash::platform {
namespace {

class SeccompFilterTest : public ::testing::Test {
 protected:
  void SetUp() override { Use({.network_denied = true}); }

  void Use(const SyscallProfile& profile) {
    const auto program = SeccompFilter(profile);
    ASSERT_FALSE(program.empty());
    program_.assign(program.begin(), program.end());
  }

  static int Number(const char* name) { return seccomp_syscall_resolve_name(name); }

  std::uint32_t Action(int number, std::initializer_list<std::uint64_t> args = {},
                       std::uint32_t arch = seccomp_arch_native()) {
    seccomp_data data = {};
    data.nr = number;
    data.arch = arch;
    std::copy(args.begin(), args.end(), data.args);
    return RunFilter(program_, data);
  }
  bool Allowed(const char* name, std::initializer_list<std::uint64_t> args = {}) {
    return Action(Number(name), args) == SECCOMP_RET_ALLOW;
  }
  bool Refused(const char* name, std::initializer_list<std::uint64_t> args = {}, int error = EPERM) {
    return Action(Number(name), args) == (SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error));
  }

  std::vector<sock_filter> program_;
};

constexpr std::uint64_t kHigh = 0xdeadbeef00000000ULL;  // what a clever program puts above an int

TEST_F(SeccompFilterTest, OrdinaryCallsPass) {
  for (const char* name : {"read",      "write",        "openat",     "close",        "mmap",
                           "mprotect",  "execve",       "exit_group", "futex",        "clock_gettime",
                           "getrandom", "wait4",        "pipe2",      "dup3",         "fcntl",
                           "setsid",    "setpgid",      "kill",       "rt_sigaction", "landlock_restrict_self",
                           "seccomp",   "inotify_init1"}) {
    EXPECT_TRUE(Allowed(name)) << name;
  }
}

TEST_F(SeccompFilterTest, EveryRowOfTheTableIsHonoured) {
  for (const SyscallProfile& profile :
       {SyscallProfile{true, false}, SyscallProfile{false, false}, SyscallProfile{true, true},
        SyscallProfile{false, true}, SyscallProfile{.network_denied = true, .host_calls = true},
        SyscallProfile{.network_denied = false, .host_calls = true}}) {
    Use(profile);
    for (const SyscallGroup& group : SyscallTable()) {
      if (!AppliesTo(group.scope, profile)) continue;
      for (const SyscallRule& rule : group.rules) {
        const int number = Number(std::string(rule.name).c_str());
        if (number < 0) continue;  // this architecture has no such call, or it is among the raw rules below
        seccomp_data data = {};
        data.nr = number;
        data.arch = seccomp_arch_native();
        for (const ArgCondition& condition : {rule.first, rule.second}) {
          switch (condition.test) {
            case ArgTest::kNone:
              break;
            case ArgTest::kAtLeast:
            case ArgTest::kEqual:
              data.args[condition.index] = condition.value;
              break;
            case ArgTest::kNotEqual:
              data.args[condition.index] = condition.value + 1;
              break;
            case ArgTest::kMaskedEqual:
              data.args[condition.index] = condition.value | (~condition.mask & kHigh);
              break;
          }
        }
        const std::uint32_t action = rule.errno_value == kAskSupervisor
                                         ? SECCOMP_RET_USER_NOTIF
                                         : SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(rule.errno_value);
        EXPECT_EQ(RunFilter(program_, data), action) << rule.name;
      }
    }
  }
}

// A report tells of more calls and lets no more through: what the plain program refuses is refused or asked about, and
// what it allows goes on, perhaps after a look.
TEST_F(SeccompFilterTest, AReportAllowsNoMore) {
  std::mt19937_64 random(7);
  for (unsigned index = 0; index < 16; ++index) {
    SyscallProfile profile = {(index & 1) != 0, (index & 2) != 0, (index & 4) != 0, false, (index & 8) != 0};
    const auto plain = SeccompFilter(profile);
    profile.reported = true;
    const auto reported = SeccompFilter(profile);
    ASSERT_EQ(plain.empty(), reported.empty());
    if (plain.empty()) continue;
    int told = 0;
    for (int number = 0; number < 480; ++number) {
      for (int round = 0; round < 40; ++round) {
        seccomp_data data = {};
        data.nr = number;
        data.arch = seccomp_arch_native();
        for (auto& argument : data.args) argument = random() >> (random() % 64);
        const std::uint32_t before = RunFilter(plain, data);
        const std::uint32_t after = RunFilter(reported, data);
        told += after == SECCOMP_RET_USER_NOTIF && before != after ? 1 : 0;
        if (after == SECCOMP_RET_USER_NOTIF) continue;
        EXPECT_EQ(before, after) << number;
      }
    }
    EXPECT_GT(told, 1000);
  }
}

// Calls of the host allow no more than what the supervisor is asked about, and that is one kind of socket.
TEST_F(SeccompFilterTest, CallsOfTheHostAddOneKindOfSocket) {
  std::mt19937_64 random(11);
  for (const bool denied : {false, true}) {
    for (const bool reported : {false, true}) {
      const auto without = SeccompFilter({.network_denied = denied, .reported = reported});
      Use({.network_denied = denied, .reported = reported, .host_calls = true});
      const std::uint32_t refused = reported ? SECCOMP_RET_USER_NOTIF : SECCOMP_RET_ERRNO | EPERM;
      for (std::uint64_t family = 0; family < 70; ++family) {
        for (std::uint64_t type = 0; type < 16; ++type) {
          for (const int flags : {0, static_cast<int>(SOCK_CLOEXEC), static_cast<int>(SOCK_NONBLOCK)}) {
            for (const std::uint64_t high : {std::uint64_t{0}, kHigh}) {
              const seccomp_data data = {Number("socket"),
                                         seccomp_arch_native(),
                                         0,
                                         {family | high, type | static_cast<std::uint64_t>(flags), 0}};
              const bool calls = family == AF_UNIX && type == SOCK_STREAM && high == 0;
              EXPECT_EQ(RunFilter(program_, data), calls ? SECCOMP_RET_USER_NOTIF : RunFilter(without, data))
                  << family << ' ' << type << ' ' << high;
              EXPECT_TRUE(family != AF_UNIX || calls || RunFilter(program_, data) == refused) << type;
            }
          }
        }
      }
      for (int number = 0; number < 480; ++number) {
        if (number == Number("socket") || number == Number("connect")) continue;
        if (number == Number("getsockopt") || number == Number("setsockopt")) continue;
        for (int round = 0; round < 20; ++round) {
          seccomp_data data = {number, seccomp_arch_native(), 0, {}};
          for (auto& argument : data.args) argument = random() >> (random() % 64);
          EXPECT_EQ(RunFilter(program_, data), RunFilter(without, data)) << number;
        }
      }
      const auto connect = [&](std::uint64_t size) { return Action(Number("connect"), {3, 4096, size}); };
      EXPECT_EQ(connect(sizeof(sockaddr_in6)), denied ? SECCOMP_RET_USER_NOTIF : SECCOMP_RET_ALLOW);
      EXPECT_EQ(connect(sizeof(sockaddr_in6) + 1), SECCOMP_RET_USER_NOTIF);
      EXPECT_TRUE(Refused("getsockopt", {3, SOL_SOCKET, 77}, ENOPROTOOPT)) << "SO_PEERPIDFD";
      EXPECT_TRUE(Refused("setsockopt", {3, SOL_SOCKET, 76}, ENOPROTOOPT)) << "SO_PASSPIDFD";
      EXPECT_TRUE(Allowed("getsockopt", {3, SOL_SOCKET, SO_PEERCRED}));
    }
  }
}

// All that there is, and what future kernels may add: families, types and protocols, some with an odd upper half.
TEST_F(SeccompFilterTest, ANetworkIsTcpAndUdpAlone) {
  for (const bool nested : {false, true}) {
    for (const bool reported : {false, true}) {
      Use({.network_denied = false, .nested_allowed = nested, .reported = reported});
      const std::uint32_t refused = reported ? SECCOMP_RET_USER_NOTIF : SECCOMP_RET_ERRNO | EPERM;
      for (std::uint64_t family = 0; family < 70; ++family) {
        for (std::uint64_t type = 0; type < 16; ++type) {
          for (std::uint64_t protocol = 0; protocol < 300; ++protocol) {
            const bool internet = family == AF_INET || family == AF_INET6;
            const bool stream = type == SOCK_STREAM && (protocol == 0 || protocol == IPPROTO_TCP);
            const bool datagram = type == SOCK_DGRAM && (protocol == 0 || protocol == IPPROTO_UDP);
            const bool netlink = family == AF_NETLINK && protocol == 0;
            const bool allowed = (internet && (stream || datagram)) || netlink;
            ASSERT_EQ(Action(Number("socket"), {family, type | SOCK_CLOEXEC, protocol}),
                      allowed ? SECCOMP_RET_ALLOW : refused)
                << family << ' ' << type << ' ' << protocol;
          }
        }
      }
      // Of a type, the kernel takes the lower half: it is the same one.
      EXPECT_EQ(Action(Number("socket"), {AF_INET, kHigh | SOCK_STREAM, 0}), SECCOMP_RET_ALLOW);
      EXPECT_EQ(Action(Number("socket"), {AF_INET, kHigh | SOCK_RAW, 0}), refused);
      EXPECT_EQ(Action(Number("socket"), {kHigh | AF_UNIX, SOCK_STREAM, 0}), refused);
      EXPECT_EQ(Action(Number("socket"), {kHigh | AF_PACKET, SOCK_RAW, 0}), refused);
      EXPECT_EQ(Action(Number("socket"), {AF_INET, SOCK_STREAM, kHigh | 262}), refused);
    }
  }
}

TEST_F(SeccompFilterTest, ANetworkIsConnectedToByConnectAlone) {
  Use({.network_denied = false});
  for (const char* name : {"connect", "bind", "listen", "accept", "accept4", "getsockname", "shutdown"}) {
    EXPECT_TRUE(Allowed(name, {3, 0x1000, 16})) << name;
  }
  EXPECT_TRUE(Allowed("sendto", {3, 0x1000, 1, MSG_NOSIGNAL, 0x2000, 16})) << "a datagram";
  EXPECT_TRUE(Refused("sendto", {3, 0x1000, 1, MSG_FASTOPEN | MSG_NOSIGNAL, 0x2000, 16}));
  EXPECT_TRUE(Allowed("sendmsg", {3, 0x1000, MSG_NOSIGNAL}));
  EXPECT_TRUE(Refused("sendmsg", {3, 0x1000, MSG_FASTOPEN}));
  EXPECT_TRUE(Refused("sendmmsg", {3, 0x1000, 1, MSG_FASTOPEN}));
  EXPECT_TRUE(Refused("socketpair", {AF_UNIX, SOCK_DGRAM, 0}));
  EXPECT_TRUE(Allowed("socketpair", {AF_UNIX, SOCK_STREAM, 0}));
  EXPECT_TRUE(Refused("setsockopt", {3, IPPROTO_TCP, kHigh | 31}));  // TCP_ULP
  EXPECT_TRUE(Allowed("setsockopt", {3, IPPROTO_TCP, 1}));           // TCP_NODELAY
}

// In the host's network: what has no row of its own above is refused, and nothing is let through that is a datagram's.
TEST_F(SeccompFilterTest, WithoutANetworkOfItsOwnDatagramsAreAskedAbout) {
  for (const bool reported : {false, true}) {
    Use({.network_denied = false, .supervised = true, .reported = reported});
    const std::uint32_t refused = reported ? SECCOMP_RET_USER_NOTIF : SECCOMP_RET_ERRNO | EPERM;
    for (std::uint64_t family = 0; family < 70; ++family) {
      for (std::uint64_t type = 0; type < 16; ++type) {
        for (std::uint64_t protocol = 0; protocol < 300; ++protocol) {
          const bool internet = family == AF_INET || family == AF_INET6;
          const bool connected = family == AF_UNIX && (type == SOCK_STREAM || type == SOCK_SEQPACKET);
          const bool stream = internet && type == SOCK_STREAM && (protocol == 0 || protocol == IPPROTO_TCP);
          const std::uint32_t action = Action(Number("socket"), {family, type | SOCK_CLOEXEC, protocol});
          if (internet && type == SOCK_DGRAM) {
            ASSERT_EQ(action, SECCOMP_RET_USER_NOTIF) << protocol << ": the supervisor reads the protocol";
          } else if (stream || (connected && protocol == 0)) {
            ASSERT_EQ(action, SECCOMP_RET_ALLOW) << family << ' ' << type << ' ' << protocol;
          } else if (!connected) {
            ASSERT_EQ(action, refused) << family << ' ' << type << ' ' << protocol;
          }
        }
      }
    }
    EXPECT_EQ(Action(Number("socket"), {kHigh | AF_INET, SOCK_STREAM, 0}), refused);
    EXPECT_EQ(Action(Number("socket"), {AF_INET, SOCK_STREAM, kHigh | 262}), refused);
    EXPECT_EQ(Action(Number("socket"), {AF_INET, kHigh | SOCK_DGRAM, 0}), SECCOMP_RET_USER_NOTIF);
    for (const char* name : {"connect", "bind", "listen", "accept", "accept4", "getsockname"}) {
      EXPECT_EQ(Action(Number(name)), SECCOMP_RET_USER_NOTIF) << name;
    }
    EXPECT_EQ(Action(Number("sendto"), {3, 0x1000, 1, MSG_NOSIGNAL, 0x2000, 16}), SECCOMP_RET_USER_NOTIF);
    EXPECT_EQ(Action(Number("sendto"), {3, 0x1000, 1, MSG_FASTOPEN, 0x2000, 16}), refused);
    EXPECT_EQ(Action(Number("sendto"), {3, 0x1000, 1, MSG_FASTOPEN, 0, 0}), refused);
    EXPECT_EQ(Action(Number("sendmsg"), {3, 0x1000, MSG_FASTOPEN}), refused);
    EXPECT_EQ(Action(Number("recvfrom"), {3, 0x1000, 1, 0, 0x2000, 0x3000}), SECCOMP_RET_USER_NOTIF);
    EXPECT_EQ(Action(Number("setsockopt"), {3, kHigh | IPPROTO_IP, 4}), SECCOMP_RET_USER_NOTIF);
    EXPECT_EQ(Action(Number("setsockopt"), {3, SOL_SOCKET, SO_BINDTODEVICE}), refused);
    EXPECT_EQ(Action(Number("setsockopt"), {3, IPPROTO_TCP, kHigh | 30}), refused);  // TCP_FASTOPEN_CONNECT
    // What is done most often is not asked about.
    EXPECT_TRUE(Allowed("sendto", {3, 0x1000, 1, MSG_NOSIGNAL, 0, 0}));
    EXPECT_TRUE(Allowed("recvfrom", {3, 0x1000, 1, 0, 0, 0}));
    EXPECT_TRUE(Allowed("sendmsg", {3, 0x1000, MSG_NOSIGNAL}));
    EXPECT_TRUE(Allowed("recvmsg", {3, 0x1000, 0}));
    EXPECT_TRUE(Allowed("setsockopt", {3, IPPROTO_TCP, 1}));
    EXPECT_TRUE(Allowed("getpeername", {3}));
  }
}

TEST_F(SeccompFilterTest, KnowsTheNamesOfItsCalls) {
  EXPECT_EQ(SystemCallName(Number("unshare")), "unshare");
  EXPECT_EQ(SystemCallName(Number("getpid")), "") << "of which no row speaks";
}

TEST_F(SeccompFilterTest, WithASupervisorOnlyConnectedUnixSockets) {
  Use({.network_denied = true, .supervised = true});
  for (std::uint64_t family = 0; family < 64; ++family) {
    for (std::uint64_t type = 0; type < 16; ++type) {
      const bool connected = family == AF_UNIX && (type == SOCK_STREAM || type == SOCK_SEQPACKET);
      EXPECT_EQ(Allowed("socket", {family, type, 0}), connected) << family << " " << type;
      EXPECT_EQ(Allowed("socket", {family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0}), connected)
          << family << " " << type;
      EXPECT_TRUE(Refused("socket", {family | kHigh, type, 0}));
    }
  }
  for (const char* name : {"connect", "bind", "listen"})
    EXPECT_EQ(Action(Number(name)), SECCOMP_RET_USER_NOTIF) << name;
  EXPECT_TRUE(Allowed("accept4"));
  EXPECT_TRUE(Refused("sendto", {3, 0, 0, 0, 0x7fff0000, 16}));
}

TEST_F(SeccompFilterTest, WithASupervisorSetIdBitsAreStillRefusedHere) {
  Use({.network_denied = true, .supervised = true});
  for (const std::uint64_t mode : {0644ULL, 01777ULL, 0644ULL | kHigh}) {
    EXPECT_EQ(Action(Number("fchmodat"), {3, 0x1000, mode}), SECCOMP_RET_USER_NOTIF);
    EXPECT_EQ(Action(452, {3, 0x1000, mode, 0}), SECCOMP_RET_USER_NOTIF);
  }
  for (const std::uint64_t mode : {04644ULL, 02755ULL, 06777ULL, 04644ULL | kHigh}) {
    EXPECT_TRUE(Refused("fchmodat", {3, 0x1000, mode}));
    EXPECT_EQ(Action(452, {3, 0x1000, mode, 0}), SECCOMP_RET_ERRNO | EPERM);
  }
  EXPECT_TRUE(Refused("prctl", {4, 0}));
  EXPECT_TRUE(Allowed("prctl", {4, 1}));
}

TEST_F(SeccompFilterTest, NoSocketOfAnyFamily) {
  for (std::uint64_t family = 0; family < 64; ++family) {
    EXPECT_TRUE(Refused("socket", {family, SOCK_STREAM, 0})) << family;
    EXPECT_TRUE(Refused("socket", {family | kHigh, SOCK_DGRAM, 0})) << family;
  }
}

TEST_F(SeccompFilterTest, OnlyConnectedPairsOfUnixSockets) {
  for (std::uint64_t type = 0; type < 16; ++type) {
    const bool connected = type == SOCK_STREAM || type == SOCK_SEQPACKET;
    for (const std::uint64_t flags :
         {std::uint64_t{0}, std::uint64_t{SOCK_CLOEXEC}, std::uint64_t{SOCK_NONBLOCK}, kHigh}) {
      EXPECT_EQ(Allowed("socketpair", {AF_UNIX, type | flags, 0}), connected) << type;
    }
    EXPECT_TRUE(Refused("socketpair", {AF_INET, type, 0}));
  }
}

TEST_F(SeccompFilterTest, NoAddressOnAnInheritedSocket) {
  EXPECT_TRUE(Allowed("sendto", {3, 0, 0, 0, 0, 0}));
  EXPECT_TRUE(Refused("sendto", {3, 0, 0, 0, 0x7fff0000, 16}));
  EXPECT_TRUE(Refused("sendto", {3, 0, 0, MSG_FASTOPEN | kHigh, 0, 0}));
  EXPECT_TRUE(Allowed("sendmsg", {3, 0x1000, MSG_NOSIGNAL}));
  EXPECT_TRUE(Refused("sendmsg", {3, 0x1000, MSG_FASTOPEN | MSG_NOSIGNAL}));
  EXPECT_TRUE(Refused("sendmmsg", {3, 0x1000, 1, MSG_FASTOPEN}));
}

TEST_F(SeccompFilterTest, NoNewNamespace) {
  for (const std::uint64_t flag :
       {CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWUTS, CLONE_NEWCGROUP}) {
    EXPECT_TRUE(Refused("clone", {flag | SIGCHLD, 0}));
    EXPECT_TRUE(Refused("unshare", {flag | kHigh}));
    EXPECT_TRUE(Refused("unshare", {flag | CLONE_FS}));
  }
  EXPECT_TRUE(Allowed("clone", {CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SETTLS}));
  EXPECT_TRUE(Allowed("unshare", {CLONE_FILES}));
  EXPECT_TRUE(Refused("clone3", {0x1000, 88}, ENOSYS));
}

TEST_F(SeccompFilterTest, NoTypingIntoTerminals) {
  for (const std::uint64_t request : {TIOCSTI, TIOCLINUX}) {
    EXPECT_TRUE(Refused("ioctl", {0, request, 0}));
    EXPECT_TRUE(Refused("ioctl", {0, request | kHigh, 0}));
  }
  EXPECT_TRUE(Allowed("ioctl", {0, TCGETS, 0}));
  EXPECT_TRUE(Allowed("ioctl", {0, TIOCGWINSZ, 0}));
}

TEST_F(SeccompFilterTest, LimitsOfOneselfButNotTheMark) {
  EXPECT_TRUE(Allowed("prlimit64", {0, RLIMIT_NOFILE, 0x1000, 0}));
  EXPECT_TRUE(Allowed("prlimit64", {0, RLIMIT_RTTIME, 0, 0x1000})) << "reading it is harmless";
  EXPECT_TRUE(Refused("prlimit64", {0, RLIMIT_RTTIME, 0x1000, 0}));
  EXPECT_TRUE(Refused("prlimit64", {0, RLIMIT_RTTIME | kHigh, 0x1000, 0}));
  EXPECT_TRUE(Refused("prlimit64", {1, RLIMIT_NOFILE, 0, 0}));
  EXPECT_TRUE(Refused("setrlimit", {RLIMIT_RTTIME, 0x1000}));
}

TEST_F(SeccompFilterTest, ModesWithoutSetIdBits) {
  EXPECT_TRUE(Allowed("chmod", {0x1000, 0755}));
  EXPECT_TRUE(Refused("chmod", {0x1000, 04755}));
  EXPECT_TRUE(Refused("fchmodat", {3, 0x1000, 02755}));
  EXPECT_TRUE(Allowed("openat", {3, 0x1000, O_CREAT | O_WRONLY, 0644}));
  EXPECT_TRUE(Allowed("openat", {3, 0x1000, O_RDONLY, 06000})) << "the mode counts only when creating";
  EXPECT_TRUE(Refused("openat", {3, 0x1000, O_CREAT | O_WRONLY, 04755}));
  EXPECT_TRUE(Refused("openat", {3, 0x1000, O_TMPFILE | O_WRONLY, 04755}));
  EXPECT_TRUE(Allowed("openat", {3, 0x1000, O_TMPFILE | O_WRONLY, 0600}));
  EXPECT_TRUE(Refused("openat2", {3, 0x1000, 0x2000, 24}, ENOSYS));
  EXPECT_EQ(Action(452, {3, 0x1000, 0644, 0}), SECCOMP_RET_ALLOW);  // fchmodat2
  EXPECT_EQ(Action(452, {3, 0x1000, 04644, 0}), SECCOMP_RET_ERRNO | EPERM);
}

TEST_F(SeccompFilterTest, OnlyHarmlessPersonalities) {
  for (const std::uint64_t value : {0xffffffffULL, 0x0ULL, 0x8ULL}) EXPECT_TRUE(Allowed("personality", {value}));
  for (const std::uint64_t value : {0x0040000ULL, 0x80040000ULL, 0x0400000ULL, 0x1ULL}) {
    EXPECT_TRUE(Refused("personality", {value})) << value;
  }
}

TEST_F(SeccompFilterTest, OtherCallingConventionsDie) {
  EXPECT_EQ(Action(0, {}, AUDIT_ARCH_I386), SECCOMP_RET_KILL_PROCESS);
  EXPECT_EQ(Action(0, {}, AUDIT_ARCH_S390X), SECCOMP_RET_KILL_PROCESS);
  EXPECT_EQ(Action(0x40000000), SECCOMP_RET_KILL_PROCESS);
  EXPECT_EQ(Action(0x40000000 | Number("socket")), SECCOMP_RET_KILL_PROCESS);
  EXPECT_EQ(Action(-1), SECCOMP_RET_KILL_PROCESS);
}

TEST_F(SeccompFilterTest, CallsNewerThanTheTableDoNotExist) {
  EXPECT_EQ(Action(static_cast<int>(kNewestSystemCall) + 1), SECCOMP_RET_ERRNO | ENOSYS);
  EXPECT_EQ(Action(600), SECCOMP_RET_ERRNO | ENOSYS);
  EXPECT_EQ(Action(457), SECCOMP_RET_ERRNO | EPERM) << "statmount";
  EXPECT_EQ(Action(463), SECCOMP_RET_ERRNO | EOPNOTSUPP) << "setxattrat";
  EXPECT_EQ(Action(467), SECCOMP_RET_ERRNO | EPERM) << "open_tree_attr";
}

TEST_F(SeccompFilterTest, EveryPathEnds) {
  std::mt19937_64 random(1);  // NOLINT: the same calls in every run
  for (int i = 0; i < 200000; ++i) {
    seccomp_data data = {};
    data.nr = static_cast<int>(random() % 480);
    data.arch = seccomp_arch_native();
    for (auto& arg : data.args) arg = random() % 3 == 0 ? random() : random() % 64;
    const std::uint32_t action = RunFilter(program_, data) & SECCOMP_RET_ACTION_FULL;
    ASSERT_TRUE(action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_ERRNO);
  }
}

}  // namespace
}  // namespace leash::platform
