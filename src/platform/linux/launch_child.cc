// Compiled without sanitizers and without stack protection (src/CMakeLists.txt): this code runs in a process that
// borrows the memory and the thread of its parent.
#include "platform/linux/launch_child.h"

#include <asm/ioctls.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <cerrno>

#include "platform/linux/child_steps.h"
#include "platform/linux/landlock_uapi.h"
#include "platform/linux/raw_syscall.h"

namespace leash::platform {
namespace {

// Handlers are the parent's code and ignored signals its habit: a program starts with neither.
void ResetSignals() {
  for (int signal = 1; signal < 65; ++signal) {
    if (signal != SIGKILL && signal != SIGSTOP) SetDefaultAction(signal);
  }
  SetSignalMask(0);
}

template <typename Chosen>
void SetLimits(LaunchOrder* order, const Chosen& chosen) {
  for (std::size_t i = 0; i < order->limit_count; ++i) {
    const LimitValue& limit = order->limits[i];
    if (!chosen(limit.resource)) continue;
    Must(order, LaunchStage::kLimits, Sys(SYS_prlimit64, 0, limit.resource, &limit.value, 0));
  }
}

// The terminal's own end, opened through its master: there is no name to race for, and none need be visible.
void TakeTerminal(LaunchOrder* order) {
  const long slave =
      Must(order, LaunchStage::kTerminal, Sys(SYS_ioctl, order->terminal, TIOCGPTPEER, O_RDWR | O_NOCTTY));
  Must(order, LaunchStage::kTerminal, Sys(SYS_ioctl, slave, TIOCSCTTY, 0));
  for (int& stream : order->stdio) {
    if (stream < 0) stream = static_cast<int>(slave);
  }
}

// One descriptor over a socket (unix(7), SCM_RIGHTS).
long SendDescriptor(int socket, int descriptor) {
  char byte = 0;
  iovec body = {&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  for (char& each : control) each = 0;
  msghdr header = {};
  header.msg_iov = &body;
  header.msg_iovlen = 1;
  header.msg_control = &control[0];
  header.msg_controllen = sizeof(control);
  auto* rights = reinterpret_cast<cmsghdr*>(&control[0]);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof(int));
  *reinterpret_cast<int*>(CMSG_DATA(rights)) = descriptor;
  return Sys(SYS_sendmsg, socket, &header, MSG_NOSIGNAL);
}

// The listener of a supervised filter goes to the supervisor, and is closed here with all other descriptors: a command
// that held it could answer its own calls. Not interruptible but by SIGKILL once the supervisor has read it: a call
// would else be made twice.
void InstallFilter(LaunchOrder* order) {
  const auto install = [&](unsigned flags) {
    return Must(order, LaunchStage::kSeccomp, Sys(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &order->filter));
  };
  if (order->supervisor < 0) {
    install(0);
    return;
  }
  const long listener = install(SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
  Must(order, LaunchStage::kSupervisor, SendDescriptor(order->supervisor, static_cast<int>(listener)));
}

// Connects a datagram socket, which sends nothing, and gives the address that it is given as its own: to a local
// address the kernel gives that address itself. A negative errno on failure.
long OwnAddressTo(long fd, std::uint32_t to, std::uint32_t& own) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = 0x0900;  // 9, discard: any would do
  address.sin_addr.s_addr = to;
  long result = Sys(SYS_connect, fd, &address, sizeof(address));
  std::uint32_t size = sizeof(address);
  if (result >= 0) result = Sys(SYS_getsockname, fd, &address, &size);
  own = address.sin_addr.s_addr;
  return result;
}

// Whether the network is the sandbox's own. With a network policy every address in it is local: this one too, which is
// reserved (RFC 1112, class E) and no host's; those of documentation are in use on some. Without one it leads nowhere,
// and loopback has the address that egress_network.cc gives it.
void TestNetwork(LaunchOrder* order) {
  const auto must = [&](long answer) { return Must(order, LaunchStage::kSelfTest, answer); };
  constexpr std::uint32_t kNobodys = 0x01ffffff;  // 255.255.255.1, as it stands in memory
  constexpr std::uint32_t kDummy = 0x080000c0;    // 192.0.0.8
  const long fd = must(Sys(SYS_socket, AF_INET, SOCK_DGRAM, 0));
  const std::uint32_t local = order->network_local ? kNobodys : kDummy;
  std::uint32_t own = 0;
  must(OwnAddressTo(fd, local, own));
  if (own != local) Fail(order, LaunchStage::kSelfTest, 0);
  if (order->network_loopback) {
    const long reached = OwnAddressTo(fd, kNobodys, own);
    if (reached != -ENETUNREACH) Fail(order, LaunchStage::kSelfTest, reached < 0 ? reached : 0);
  }
  Sys(SYS_close, fd);
}

// Whether datagram sockets are the supervisor's, and connect(2) is asked of it. On the pair of unix sockets that it
// hands out the kernel itself would refuse this address for its family, and on a real one let it.
void TestSupervisedNetwork(LaunchOrder* order) {
  const long fd = Must(order, LaunchStage::kSelfTest, Sys(SYS_socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = 0x0900;             // 9, discard
  address.sin_addr.s_addr = 0x0100007f;  // 127.0.0.1, as it stands in memory
  const long answer = Sys(SYS_connect, fd, &address, sizeof(address));
  if (answer != -ECONNREFUSED) Fail(order, LaunchStage::kSelfTest, answer < 0 ? answer : 0);
  Sys(SYS_close, fd);
}

// The confinement proves itself: each of these must be refused, with the reason that our rules give.
void SelfTest(LaunchOrder* order) {
  const auto must_fail = [&](long answer, int expected) {
    if (answer >= 0) Fail(order, LaunchStage::kSelfTest, 0);
    if (answer != -expected) Fail(order, LaunchStage::kSelfTest, answer);
  };
  must_fail(Sys(SYS_ptrace, 0, 0, 0, 0), EPERM);
  if (order->sockets_refused) must_fail(Sys(SYS_socket, AF_INET6, SOCK_STREAM, 0), EPERM);
  if (order->network_local || order->network_loopback) {
    must_fail(Sys(SYS_socket, AF_UNIX, SOCK_DGRAM, 0), EPERM);
    TestNetwork(order);
  }
  if (order->network_supervised) {
    must_fail(Sys(SYS_socket, AF_NETLINK, SOCK_RAW, 0), EPERM);
    TestSupervisedNetwork(order);
  }
  if (order->canary != nullptr) must_fail(Sys(SYS_openat, AT_FDCWD, order->canary, O_RDONLY | O_CLOEXEC), EACCES);
  // The mode that it has: should this be let through, nothing is changed.
  if (order->supervisor >= 0 && order->canary != nullptr) {
    must_fail(Sys(SYS_fchmodat, AT_FDCWD, order->canary, 0700), EPERM);
  }
  if (order->signals_scoped) must_fail(Sys(SYS_kill, order->parent, 0), EPERM);
}

}  // namespace

int RunLaunchChild(void* argument) {
  auto* order = static_cast<LaunchOrder*>(argument);
  ResetSignals();

  if (order->die_with_parent) {
    Must(order, LaunchStage::kDeathSignal, Sys(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0));
  }
  // The parent may have died before that took effect.
  if (Sys(SYS_getppid) != order->parent) Fail(order, LaunchStage::kParentDied, 0);

  // First, so that whatever comes of this process is counted.
  for (const int entry : order->control_groups) {
    if (entry >= 0) Must(order, LaunchStage::kControlGroup, Sys(SYS_write, entry, "0", 1));
  }
  if (order->new_session) Must(order, LaunchStage::kSession, Sys(SYS_setsid));
  if (order->terminal >= 0) TakeTerminal(order);
  for (int i = 0; i < 3; ++i) {
    Must(order, LaunchStage::kStdio, Sys(SYS_dup3, order->stdio[static_cast<std::size_t>(i)], i, 0));
  }
  Must(order, LaunchStage::kCurrentDir,
       order->current_dir_path != nullptr ? Sys(SYS_chdir, order->current_dir_path)
                                          : Sys(SYS_fchdir, order->current_dir));
  // The mark is a limit too, and the filter lets nobody set that one.
  SetLimits(order, [](int resource) { return resource != RLIMIT_NOFILE; });

  Must(order, LaunchStage::kCapabilities, DropAllCapabilities());
  Must(order, LaunchStage::kNoNewPrivs, Sys(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  Must(order, LaunchStage::kLandlock, Sys(landlock::kSysRestrictSelf, order->ruleset, order->restrict_flags));
  InstallFilter(order);
  Must(order, LaunchStage::kCloseDescriptors, Sys(SYS_close_range, 3U, ~0U, 0U));
  // Only now: the filter's listener needed a number, when leash's own descriptors were open.
  SetLimits(order, [](int resource) { return resource == RLIMIT_NOFILE; });
  SelfTest(order);

  Fail(order, LaunchStage::kExec, Sys(SYS_execve, order->program, order->argv, order->environment));
}

}  // namespace leash::platform
