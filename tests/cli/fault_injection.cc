#include "fault_injection.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <initializer_list>
#include <map>
#include <utility>

#include "base/unique_fd.h"

namespace leash::testing {
namespace {

using Clock = std::chrono::steady_clock;
using base::UniqueFd;

constexpr auto kPatience = std::chrono::seconds(30);

// What the new process leaves for the test: the number of its listener, once there is one.
struct Shared {
  std::atomic<int> listener = -1;
};

long InstallFilter(std::vector<sock_filter>& filter, unsigned flags) {
  const sock_fprog program = {static_cast<unsigned short>(filter.size()), filter.data()};
  // Root needs it not, and then leash has to set it itself.
  if (::geteuid() != 0) ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

std::vector<sock_filter> LoadNumber() { return {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))}; }

// Tells the listener of every call but some.
std::vector<sock_filter> NotifyFilter() {
  std::vector<sock_filter> filter = LoadNumber();
  for (const int number : NeverFailing()) {
    filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(number), 0, 1));
    filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  }
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF));
  return filter;
}

// Tells the listener of the calls of one number, which is much faster, and those that mark the beginning.
std::vector<sock_filter> NotifyFilter(int number) {
  std::vector<sock_filter> filter = LoadNumber();
  filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(number), 2, 0));
  filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 1, 0));
  filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_execve, 0, 1));
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF));
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  return filter;
}

std::vector<sock_filter> RefuseFilter(int number, int error) {
  std::vector<sock_filter> filter = LoadNumber();
  filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(number), 0, 1));
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(error)));
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  return filter;
}

std::string NameOf(pid_t thread) {
  std::ifstream file("/proc/" + std::to_string(thread) + "/comm");
  std::string name;
  std::getline(file, name);
  return name;
}

// Children of this process, and of the dead below it.
std::vector<pid_t> Children() {
  std::ifstream file("/proc/self/task/" + std::to_string(::gettid()) + "/children");
  std::vector<pid_t> children;
  for (pid_t pid; file >> pid;) children.push_back(pid);
  return children;
}

// leash between a test and the kernel.
class Supervised {
 public:
  Supervised(const std::string& binary, Start start, std::vector<sock_filter> filter, bool listen) {
    std::array<int, 2> out = {};
    std::array<int, 2> err = {};
    if (::pipe2(out.data(), O_CLOEXEC) != 0 || ::pipe2(err.data(), O_CLOEXEC) != 0) ADD_FAILURE() << "no pipes";
    void* memory = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) ADD_FAILURE() << "no shared memory";
    auto* shared = new (memory) Shared;
    start.last = [&, shared] {
      const long listener = InstallFilter(filter, listen ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0);
      if (listener < 0) ::_exit(98);
      shared->listener = static_cast<int>(listener);
    };
    const UniqueFd in(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    leash_ = ::fork();
    if (leash_ == 0) ExecLeash(binary, start, {in.get(), out[1], err[1]});
    ::close(out[1]);
    ::close(err[1]);
    out_.reset(out[0]);
    err_.reset(err[0]);
    pidfd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, leash_, 0)));
    if (listen) TakeListener(*shared);
    ::munmap(memory, sizeof(Shared));
  }

  // Serves until nothing is left that could ask.
  FaultyRun Run(const std::string& command_name, const SystemCall& at, int error) {
    command_name_ = command_name;
    at_ = at;
    error_ = error;
    auto deadline = Clock::now() + kPatience;
    bool told = false;
    while (leash_ > 0 || out_ || err_ || listener_ || !Children().empty()) {
      if (Clock::now() >= deadline) {
        run_.ended = run_.ended && leash_ <= 0;
        run_.left_process = run_.left_process || leash_ <= 0;
        KillAll();
        break;
      }
      WaitAndServe();
      Reap();
      if (leash_ <= 0 && !std::exchange(told, true)) deadline = Clock::now() + std::chrono::seconds(10);
    }
    return std::move(run_);
  }

 private:
  void TakeListener(const Shared& shared) {
    while (shared.listener < 0) {
      if (::waitpid(leash_, nullptr, WNOHANG) != 0) {
        ADD_FAILURE() << "no filter can be installed";
        leash_ = -1;
        return;
      }
      ::usleep(20);
    }
    listener_.reset(static_cast<int>(::syscall(SYS_pidfd_getfd, pidfd_.get(), shared.listener.load(), 0)));
    EXPECT_TRUE(listener_) << "cannot take the listener";
  }

  void WaitAndServe() {
    std::array<pollfd, 4> entries = {{{listener_.get(), POLLIN, 0},
                                      {out_.get(), POLLIN, 0},
                                      {err_.get(), POLLIN, 0},
                                      {leash_ > 0 ? pidfd_.get() : -1, POLLIN, 0}}};
    if (::poll(entries.data(), entries.size(), leash_ > 0 ? 50 : 1) <= 0) return;
    if ((entries[0].revents & POLLIN) != 0) {
      Serve();
    } else if (entries[0].revents != 0) {
      listener_.reset();  // nobody is left under the filter
    }
    if (entries[1].revents != 0) ReadFrom(out_, run_.result.out);
    if (entries[2].revents != 0) ReadFrom(err_, run_.result.err);
  }

  static void ReadFrom(UniqueFd& fd, std::string& text) {
    std::array<char, 4096> buffer;
    const ssize_t count = ::read(fd.get(), buffer.data(), buffer.size());
    if (count <= 0) return fd.reset();
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }

  void Reap() {
    int status = 0;
    for (pid_t pid; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
      if (pid != leash_) continue;  // an orphan
      leash_ = -1;
      run_.result.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
  }

  void Serve() {
    seccomp_notif ask = {};
    seccomp_notif_resp answer = {};
    if (::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_RECV, &ask) != 0) return;  // it was killed while it asked
    answer.id = ask.id;
    answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    if (Counts(ask) && IsTheOne(ask)) {
      answer.flags = 0;
      answer.error = -error_;
    }
    (void)::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_SEND, &answer);
  }

  // Not what comes before leash, and not what the command does.
  bool Counts(const seccomp_notif& ask) {
    if (!begun_) {
      begun_ = true;  // by its own execution
      return false;
    }
    return NameOf(static_cast<pid_t>(ask.pid)) != command_name_;
  }

  bool IsTheOne(const seccomp_notif& ask) {
    auto& threads = threads_[ask.data.nr];
    const auto [thread, fresh] = threads.try_emplace(static_cast<pid_t>(ask.pid), std::pair(threads.size(), 0));
    const SystemCall call = {static_cast<int>(thread->second.first), thread->second.second++, ask.data.nr};
    run_.calls.push_back(call);
    if (call.number != at_.number || call.thread != at_.thread || call.index != at_.index) return false;
    run_.failed = true;
    return true;
  }

  // By numbers that cannot have passed to others: those of children that were not reaped.
  void KillAll() {
    for (auto children = Children(); !children.empty(); children = Children()) {
      listener_.reset();  // whoever waits for an answer gets one
      for (const pid_t child : children) ::kill(child, SIGKILL);
      Reap();
      ::usleep(1000);
    }
  }

  std::string command_name_;
  SystemCall at_;
  int error_ = 0;
  FaultyRun run_;
  pid_t leash_ = -1;
  bool begun_ = false;
  // Of each call: which threads make it, with their numbers and how often each has made it.
  std::map<int, std::map<pid_t, std::pair<std::size_t, int>>> threads_;
  UniqueFd out_;
  UniqueFd err_;
  UniqueFd pidfd_;
  UniqueFd listener_;
};

}  // namespace

namespace {

// Those of the names that this processor's system calls have.
std::vector<int> Numbers(std::initializer_list<const char*> names) {
  std::vector<int> numbers;
  for (const char* name : names) {
    const int number = ::seccomp_syscall_resolve_name(name);
    if (number >= 0) numbers.push_back(number);
  }
  return numbers;
}

}  // namespace

const std::vector<int>& NeverFailing() {
  static const std::vector<int> numbers = Numbers({
      "mmap",
      "munmap",
      "mprotect",
      "mremap",
      "madvise",
      "brk",  // memory, which libc asks for
      "futex",
      "wait4",
      "waitid",
      "restart_syscall",
      "clock_nanosleep",
      "nanosleep",  // waiting
      "exit",
      "exit_group",
      "sched_yield",  //
      "rt_sigprocmask",
      "rt_sigaction",
      "rt_sigreturn",
      "sigaltstack",  // one's own signals
      "getpid",
      "gettid",
      "getppid",
      "getpgrp",
      "getuid",
      "geteuid",
      "getgid",
      "getegid",  // facts
      "umask",
      "clock_gettime",
      "gettimeofday",
      "time",  //
      "arch_prctl",
      "set_tid_address",
      "set_robust_list",
      "rseq",  // how a thread begins
      "write",
      "writev",  // what is said
      "close",
      "unlink",
      "unlinkat",
      "rmdir",  // what is given back
  });
  return numbers;
}

bool MakesDescriptor(int number) {
  constexpr int kLandlockCreateRuleset = 444;  // which Debian's libseccomp knows, but others do not
  static const std::vector<int> numbers =
      Numbers({"open",      "openat", "openat2",       "socket",   "socketpair", "pidfd_open", "dup",   "dup2",
               "dup3",      "fcntl",  "epoll_create1", "eventfd2", "signalfd4",  "pipe",       "pipe2", "memfd_create",
               "open_tree", "fsopen", "fsmount",       "clone",    "clone3",     "recvmsg"});
  return number == kLandlockCreateRuleset || std::find(numbers.begin(), numbers.end(), number) != numbers.end();
}

std::string NameOfCall(int number) {
  char* name = ::seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);
  std::string text = name == nullptr ? "call " + std::to_string(number) : name;
  std::free(name);
  return text;
}

std::string Describe(const SystemCall& call) {
  return NameOfCall(call.number) + ", number " + std::to_string(call.index) + " of thread " +
         std::to_string(call.thread);
}

bool CanInjectFaults() {
  std::array<std::uint16_t, 3> sizes = {};
  return ::syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, sizes.data()) == 0;
}

FaultyRun RunWithFault(const std::string& binary, Start start, const std::string& command_name, const SystemCall& at,
                       int error) {
  auto filter = at.number < 0 ? NotifyFilter() : NotifyFilter(at.number);
  return Supervised(binary, std::move(start), std::move(filter), true).Run(command_name, at, error);
}

FaultyRun RunWithout(const std::string& binary, Start start, int number, int error) {
  return Supervised(binary, std::move(start), RefuseFilter(number, error), false).Run("", {}, error);
}

}  // namespace leash::testing
