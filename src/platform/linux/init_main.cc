// The init process of a sandbox: pid 1 of its process-id namespace. It makes the sandbox, starts commands in it, tells
// how they ended, and reaps what nobody else does. When it ends, the kernel ends everything in the namespace; and it
// ends when leash does, or closes the socket.
//
// A static program without libc, some tens of kilobytes, that leash carries in itself and runs from memory: a sandbox
// costs the same from a host of any size, and waiting in one costs next to nothing.
#include <asm/ioctls.h>
#include <asm/termios.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>

#include "platform/linux/child_steps.h"
#include "platform/linux/init_message.h"
#include "platform/linux/init_set_up.h"
#include "platform/linux/init_wire.h"
#include "platform/linux/launch_child.h"
#include "platform/linux/raw_syscall.h"

// What the compiler itself calls.
extern "C" {
void* memset(void* to, int value, std::size_t size) {
  auto* bytes = static_cast<volatile char*>(to);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(value);
  return to;
}
void* memcpy(void* __restrict to, const void* __restrict from, std::size_t size) {
  auto* target = static_cast<volatile char*>(to);
  const auto* source = static_cast<const char*>(from);
  for (std::size_t i = 0; i < size; ++i) target[i] = source[i];
  return to;
}
}

namespace leash::platform::init {
namespace {

using wire::Answer;
using wire::AnswerKind;
using wire::Request;
using wire::RequestKind;

[[noreturn]] void End() {
  while (true) Sys(SYS_exit_group, 0);
}

// A command that was started and has not ended. A slot is free when its pid is 0.
struct Running {
  long pid;
  int answers;
  std::uint64_t command;
  bool leads_group;
};
constexpr int kMostRunning = 4096;
Running running[kMostRunning];
int running_end = 0;  // no slot at or above it is taken

Running* FreeSlot() {
  for (int i = 0; i < running_end; ++i) {
    if (running[i].pid == 0) return &running[i];
  }
  return running_end < kMostRunning ? &running[running_end++] : nullptr;
}

// The stack of a child until it executes its program. One is enough: this process waits until then.
alignas(64) char child_stack[32 * 1024];

// clone(2) with CLONE_VM, which returns twice on two stacks and so cannot be a mere function call.
long CloneOnStack(unsigned long flags, void* stack, int* pidfd, int (*function)(void*), void* argument) {
#if defined(__x86_64__)
  long result;
  auto* top = static_cast<void**>(stack);
  *--top = argument;
  *--top = reinterpret_cast<void*>(function);
  register long r10 asm("r10") = 0;
  register long r8 asm("r8") = 0;
  asm volatile(
      "syscall\n\t"
      "test %%rax, %%rax\n\t"
      "jnz 1f\n\t"
      "xor %%ebp, %%ebp\n\t"
      "pop %%rax\n\t"
      "pop %%rdi\n\t"
      "call *%%rax\n\t"
      "ud2\n"
      "1:"
      : "=a"(result)
      : "a"(SYS_clone), "D"(flags), "S"(top), "d"(pidfd), "r"(r10), "r"(r8)
      : "rcx", "r11", "memory");
  return result;
#elif defined(__aarch64__)
  register long x8 asm("x8") = SYS_clone;
  register long x0 asm("x0") = static_cast<long>(flags);
  register long x1 asm("x1") = reinterpret_cast<long>(stack);
  register long x2 asm("x2") = reinterpret_cast<long>(pidfd);
  register long x3 asm("x3") = 0;
  register long x4 asm("x4") = 0;
  register long x9 asm("x9") = reinterpret_cast<long>(function);
  register long x10 asm("x10") = reinterpret_cast<long>(argument);
  asm volatile(
      "svc #0\n\t"
      "cbnz x0, 1f\n\t"
      "mov x29, xzr\n\t"
      "mov x0, x10\n\t"
      "blr x9\n\t"
      "brk #1\n"
      "1:"
      : "+r"(x0)
      : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x9), "r"(x10)
      : "x30", "memory", "cc");
  return x0;
#endif
}

class Init {
 public:
  [[noreturn]] void Run() {
    Sys(SYS_prctl, PR_SET_NAME, "leash-init", 0, 0, 0);
    const long umask = Sys(SYS_umask, 0);  // the modes of what is set up are meant
    PrepareSignals();
    const long entered = EnterNamespaces();
    Message message;
    if (!Receive(wire::kControl, message) || message.request.kind != RequestKind::kSetUp || message.fd_count < 1) End();
    const Arena arena(message.fds[0], message.request.arena_size);  // its filter is used to the end
    Sys(SYS_close, message.fds[0]);
    KeepDescriptors(message, arena);
    SetUpSandbox(entered, arena);
    Sys(SYS_umask, umask);
    pollfd entries[3] = {{wire::kControl, POLLIN, 0}, {wire::kHost, POLLIN, 0}, {signals_, POLLIN, 0}};
    while (true) {
      const long ready = Sys(SYS_ppoll, &entries[0], 3, 0, 0, 8);
      if (ready < 0 && ready != -EINTR) End();
      if (entries[1].revents != 0) End();
      if (entries[2].revents != 0) Reap();
      if (entries[0].revents != 0) Serve();
    }
  }

 private:
  // All are blocked, and the one that matters is read. A pid 1 is sent only what it handles, but for SIGKILL and
  // SIGSTOP from outside.
  void PrepareSignals() {
    SetDefaultAction(SIGCHLD);  // leash's host may ignore it, and that is inherited
    SetSignalMask(~std::uint64_t{0});
    const std::uint64_t ended = std::uint64_t{1} << (SIGCHLD - 1);
    signals_ = static_cast<int>(Sys(SYS_signalfd4, -1, &ended, 8, O_CLOEXEC | O_NONBLOCK));
  }

  // Commands enter control groups by themselves. This process stays outside: it is not to be killed for what they take.
  void KeepDescriptors(const Message& message, const Arena& arena) {
    int end = message.fd_count;
    if (arena.ok() && end > 1 && reinterpret_cast<const wire::SetUpOrder*>(arena.base())->supervised) {
      supervisor_ = message.fds[--end];
    }
    for (int i = 1; i < end && i <= kMostControlGroups; ++i) control_groups_[i - 1] = message.fds[i];
  }

  void SetUpSandbox(long entered, const Arena& arena) {
    Answer answer = {};
    answer.kind = AnswerKind::kReady;
    SetUpResult result;
    if (entered < 0 || signals_ < 0 || !arena.ok()) {
      answer.kind = AnswerKind::kRefused;
      answer.stage = static_cast<int>(entered < 0    ? wire::SetUpStage::kUnshare
                                      : signals_ < 0 ? wire::SetUpStage::kSignals
                                                     : wire::SetUpStage::kRequest);
      answer.error = entered < 0 ? static_cast<int>(-entered) : signals_ < 0 ? -signals_ : ENOMEM;
    } else {
      order_ = reinterpret_cast<const wire::SetUpOrder*>(arena.base());
      arena_ = arena.base();
      result = SetUp(*order_, arena_);
      ruleset_ = result.ruleset;
      if (result.stage != wire::SetUpStage::kNone) {
        answer.kind = AnswerKind::kRefused;
        answer.stage = static_cast<int>(result.stage);
        answer.error = static_cast<int>(-result.error);
        answer.step = result.step;
      } else {
        answer.error = static_cast<int>(-result.egress.redirection_error);
        answer.listeners = static_cast<std::uint32_t>(result.egress.listeners);
      }
    }
    const EgressResult& egress = result.egress;
    const int count = answer.kind == AnswerKind::kReady ? egress.count : 0;
    if (!Send(wire::kControl, answer, egress.fds, count) || answer.kind == AnswerKind::kRefused) End();
    for (int i = 0; i < count; ++i) Sys(SYS_close, egress.fds[i]);
  }

  void Serve() {
    Message message;
    if (!Receive(wire::kControl, message)) End();
    switch (message.request.kind) {
      case RequestKind::kSpawn:
        Spawn(message);
        break;
      case RequestKind::kSignal:
        Signal(message.request);
        break;
      case RequestKind::kSockets:
        if (message.fd_count != 1) End();
        SendSockets(message.fds[0], message.request.family);
        break;
      case RequestKind::kSetUp:
        End();
    }
    for (int i = 0; i < message.fd_count; ++i) {
      if (message.fds[i] >= 0) Sys(SYS_close, message.fds[i]);
    }
  }

  // To its process group if it leads one, which a command in a session of its own does. Never after its end: until it
  // is reaped here, its number is nobody else's.
  void Signal(const Request& request) {
    for (int i = 0; i < running_end; ++i) {
      const Running& one = running[i];
      if (one.pid == 0 || one.command != request.command) continue;
      Sys(SYS_kill, one.leads_group ? -one.pid : one.pid, request.signal);
    }
  }

  static void SendSockets(int answers, int family) {
    Answer answer = {};
    answer.kind = AnswerKind::kSockets;
    answer.family = family;
    int fds[wire::kMostAnswerDescriptors] = {};
    int count = 0;
    while (count < wire::kMostAnswerDescriptors) {
      const long fd = Sys(SYS_socket, family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
      if (fd < 0) {
        answer.error = static_cast<int>(-fd);
        break;
      }
      fds[count++] = static_cast<int>(fd);
    }
    // An answer must come: the user may have as many descriptors under way as the kernel lets be (ETOOMANYREFS).
    if (!Send(answers, answer, fds, count) && count > 0) {
      answer.error = EMFILE;
      Send(answers, answer);
    }
    for (int i = 0; i < count; ++i) Sys(SYS_close, fds[i]);
  }

  void Spawn(Message& message) {
    if (message.fd_count < 2) End();
    const int answers = message.fds[1];
    Answer answer = {};
    answer.kind = AnswerKind::kFailed;
    answer.error = EAGAIN;
    Running* slot = FreeSlot();
    const Arena arena(message.fds[0], message.request.arena_size);
    if (slot == nullptr || !arena.ok()) return Refuse(answers, answer);

    LaunchOrder order;
    int terminal = -1;
    if (!Prepare(message, arena, order, terminal, answer)) return Refuse(answers, answer);
    int pidfd = -1;
    const long pid = CloneOnStack(CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, child_stack + sizeof(child_stack),
                                  &pidfd, &RunLaunchChild, &order);
    if (pid < 0 || order.failed_stage != LaunchStage::kNone) {
      answer.stage = static_cast<int>(order.failed_stage);
      answer.error = pid < 0 ? static_cast<int>(-pid) : order.failed_errno;
      if (pid > 0) Sys(SYS_wait4, pid, 0, __WALL, 0);
      Send(answers, answer);
    } else {
      answer.kind = AnswerKind::kStarted;
      const int fds[] = {pidfd, terminal};
      if (Send(answers, answer, fds, terminal >= 0 ? 2 : 1)) {
        *slot = {pid, answers, message.request.command, order.new_session};
        message.fds[1] = -1;  // stays open until the end is told
      } else {
        Sys(SYS_kill, pid, SIGKILL);  // nobody knows of it; leash sees the socket close
      }
    }
    if (pidfd >= 0) Sys(SYS_close, pidfd);
    if (terminal >= 0) Sys(SYS_close, terminal);
  }

  // Who does not listen any more is not told.
  static void Refuse(int answers, const Answer& answer) { Send(answers, answer); }

  bool Prepare(Message& message, const Arena& arena, LaunchOrder& order, int& terminal, Answer& answer) const {
    const auto* spawn = reinterpret_cast<const wire::SpawnOrder*>(arena.base());
    int next = 2;
    for (int i = 0; i < 3; ++i) {
      const bool own = (message.request.streams & (1U << i)) != 0;
      if (own && next >= message.fd_count) return false;
      order.stdio[static_cast<std::size_t>(i)] = own ? message.fds[next++] : -1;
    }
    if (spawn->terminal.wanted) {
      terminal = OpenTerminal(spawn->terminal, answer);
      if (terminal < 0) return false;
    }
    order.terminal = terminal;
    order.program = arena.at(spawn->program);
    order.argv = Table(arena, spawn->argv);
    order.environment = Table(arena, spawn->environment);
    order.current_dir_path = arena.at(spawn->current_dir);
    for (std::size_t i = 0; i < order.control_groups.size(); ++i) order.control_groups[i] = control_groups_[i];
    order.ruleset = ruleset_;
    order.supervisor = supervisor_;
    order.restrict_flags = order_->restrict_flags;
    order.filter.len = static_cast<unsigned short>(order_->filter_length);
    order.filter.filter = reinterpret_cast<sock_filter*>(const_cast<char*>(arena_ + order_->filter));
    for (std::uint32_t i = 0; i < spawn->limit_count; ++i) order.limits[i] = spawn->limits[i];
    order.limit_count = spawn->limit_count;
    order.new_session = !order_->keep_session || spawn->terminal.wanted;
    order.die_with_parent = false;
    order.parent = static_cast<pid_t>(Sys(SYS_getpid));
    order.signals_scoped = order_->landlock_scoped != 0;
    order.sockets_refused = order_->sockets_refused;
    order.network_local = order_->egress.wanted && order_->egress.intake;
    order.network_loopback = order_->egress.wanted && !order_->egress.intake;
    return true;
  }

  // Offsets become pointers, in place.
  static char* const* Table(const Arena& arena, wire::Offset offset) {
    auto* entries = reinterpret_cast<std::uint64_t*>(arena.at(offset));
    for (auto* entry = entries; *entry != 0; ++entry) *entry += reinterpret_cast<std::uint64_t>(arena.base());
    return reinterpret_cast<char* const*>(entries);
  }

  static int OpenTerminal(const wire::Terminal& wanted, Answer& answer) {
    answer.stage = static_cast<int>(LaunchStage::kTerminal);
    const long master = Sys(SYS_openat, AT_FDCWD, "/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
    answer.error = static_cast<int>(-master);
    if (master < 0) return -1;
    const int unlocked = 0;
    const winsize size = {wanted.rows, wanted.columns, 0, 0};
    long result = Sys(SYS_ioctl, master, TIOCSPTLCK, &unlocked);
    if (result >= 0) result = Sys(SYS_ioctl, master, TIOCSWINSZ, &size);
    if (result >= 0) result = Sys(SYS_ioctl, master, TCSETS, &wanted.modes);
    answer.error = static_cast<int>(-result);
    if (result >= 0) return static_cast<int>(master);
    Sys(SYS_close, master);
    return -1;
  }

  void Reap() {
    char ignored[128 * 4];
    while (Sys(SYS_read, signals_, &ignored[0], sizeof(ignored)) > 0) {
    }
    while (true) {
      int status = 0;
      rusage usage = {};
      const long pid = Sys(SYS_wait4, -1, &status, WNOHANG | __WALL, &usage);
      if (pid <= 0) return;
      for (int i = 0; i < running_end; ++i) {
        if (running[i].pid == pid) Tell(running[i], status, usage);
      }
    }
  }

  static void Tell(Running& one, int status, const rusage& usage) {
    Answer answer = {};
    answer.kind = AnswerKind::kEnded;
    answer.wait_status = status;
    answer.user_microseconds = Microseconds(usage.ru_utime);
    answer.system_microseconds = Microseconds(usage.ru_stime);
    answer.peak_memory_kib = static_cast<std::uint64_t>(usage.ru_maxrss);
    Send(one.answers, answer);
    Sys(SYS_close, one.answers);
    one.pid = 0;
  }

  static std::uint64_t Microseconds(const timeval& time) {
    return static_cast<std::uint64_t>(time.tv_sec) * 1000000 + static_cast<std::uint64_t>(time.tv_usec);
  }

  static constexpr int kMostControlGroups = 2;
  int control_groups_[kMostControlGroups] = {-1, -1};
  int supervisor_ = -1;
  int signals_ = -1;
  int ruleset_ = -1;
  const wire::SetUpOrder* order_ = nullptr;
  const char* arena_ = nullptr;
};

}  // namespace
}  // namespace leash::platform::init

extern "C" [[noreturn, gnu::used]] void leash_init_main() {
  leash::platform::init::Init init;
  init.Run();
}

#if defined(__x86_64__)
asm(".globl _start\n_start:\n\txor %ebp, %ebp\n\tand $-16, %rsp\n\tcall leash_init_main\n\tud2\n");
#elif defined(__aarch64__)
asm(".globl _start\n_start:\n\tmov x29, xzr\n\tmov x30, xzr\n\tb leash_init_main\n");
#endif
