#include "launch.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>

#include "base/status.h"
#include "base/write_all.h"
#include "fmt/format.h"

namespace leash::selftest {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr int kCannotStart = 199;
constexpr std::array kEnding = {SIGINT, SIGTERM, SIGHUP};
constexpr milliseconds kGrace = std::chrono::seconds(3);

absl::Status Failed(const char* what) { return base::ErrnoError(ErrorCode::kIo, errno, what); }

int MillisecondsUntil(Clock::time_point end) {
  const auto left = std::chrono::duration_cast<milliseconds>(end - Clock::now()).count();
  return static_cast<int>(std::clamp<long long>(left, 0, 60'000));
}

base::UniqueFd PidFdOf(pid_t pid) { return base::UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))); }

struct Pipe {
  base::UniqueFd read;
  base::UniqueFd write;
};

absl::StatusOr<Pipe> MakePipe() {
  std::array<int, 2> ends = {-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return Failed("cannot make a pipe");
  return Pipe{base::UniqueFd(ends[0]), base::UniqueFd(ends[1])};
}

struct Terminal {
  base::UniqueFd master;
  base::UniqueFd slave;
};

absl::StatusOr<Terminal> MakeTerminal() {
  Terminal terminal;
  terminal.master.reset(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!terminal.master) return Failed("cannot make a terminal");
  std::array<char, 64> name = {};
  if (::grantpt(terminal.master.get()) != 0 || ::unlockpt(terminal.master.get()) != 0 ||
      ::ptsname_r(terminal.master.get(), name.data(), name.size()) != 0) {
    return Failed("cannot make a terminal");
  }
  terminal.slave.reset(::open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!terminal.slave) return Failed("cannot open a terminal");
  return terminal;
}

// ---- in the child ----

// By way of high numbers, so that none is overwritten before it was moved.
void PlaceDescriptors(const std::vector<std::pair<int, int>>& moves) {
  std::vector<std::pair<int, int>> high;
  for (const auto& [from, to] : moves) high.emplace_back(::fcntl(from, F_DUPFD, 200), to);
  for (const auto& [from, to] : high) {
    ::dup2(from, to);
    ::close(from);
  }
}

void Replace(std::string& text, std::string_view mark, std::string_view value) {
  for (std::size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at + value.size())) {
    text.replace(at, mark.size(), value);
  }
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (std::string& text : strings) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

// This process has one thread: what is allocated after fork(2) is allocated.
[[noreturn]] void Become(Launch launch, std::array<int, 3> streams) {
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  if (launch.terminal) {
    ::setsid();
    ::ioctl(streams[0], TIOCSCTTY, 0);
  } else {
    ::setpgid(0, 0);
  }
  std::vector<std::pair<int, int>> moves = {{streams[0], 0}, {streams[1], 1}, {streams[2], 2}};
  moves.insert(moves.end(), launch.descriptors.begin(), launch.descriptors.end());
  PlaceDescriptors(moves);
  for (std::string& word : launch.argv) Replace(word, "{launcher}", std::to_string(::getpid()));
  if (::chdir(launch.directory.c_str()) == 0) {
    ::execve(launch.argv[0].c_str(), Pointers(launch.argv).data(), Pointers(launch.environment).data());
  }
  ::_exit(kCannotStart);
}

// ---- in the parent ----

absl::StatusOr<pid_t> Fork(const Launch& launch, std::array<int, 3> streams) {
  const pid_t pid = ::fork();
  if (pid == 0) Become(launch, streams);
  if (pid < 0) return Failed("cannot start a process");
  if (!launch.terminal) ::setpgid(pid, pid);
  return pid;
}

int ShellCode(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

bool EndsWithin(int pidfd, milliseconds time) {
  pollfd entry = {pidfd, POLLIN, 0};
  return ::poll(&entry, 1, static_cast<int>(time.count())) == 1;
}

// A launcher that is another user's, as a set-user-ID one is, may not be killable: nothing here waits for ever.
void End(pid_t pid, int pidfd) {
  ::kill(-pid, SIGTERM);
  if (EndsWithin(pidfd, kGrace)) return;
  ::kill(-pid, SIGKILL);
  EndsWithin(pidfd, kGrace);
}

// False at the end of the stream.
bool Drain(int fd, std::string& into) {
  std::array<char, 4096> buffer;
  const ssize_t count = ::read(fd, buffer.data(), buffer.size());
  if (count <= 0) return false;
  into.append(buffer.data(), static_cast<std::size_t>(count));
  return true;
}

// To the end of the stream, or until nothing has come for a moment: a survivor may hold it open.
void DrainRest(int fd, std::string& into) {
  pollfd entry = {fd, POLLIN, 0};
  while (::poll(&entry, 1, 50) == 1 && Drain(fd, into)) {
  }
}

bool IsAnswered(int port) {
  const base::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in to = {};
  to.sin_family = AF_INET;
  to.sin_port = ::htons(static_cast<in_port_t>(port));
  to.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
  return fd && ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof(to)) == 0;
}

struct Watch {
  int out;
  int err;
  int process;
};

// Until the process has ended. Errors: kCancelled, kDeadlineExceeded.
absl::Status Follow(const Launch& launch, const Watch& watch, Interruption& interruption, Ended& ended) {
  const Clock::time_point end = Clock::now() + launch.deadline;
  std::array<pollfd, 4> entries = {
      {{watch.out, POLLIN, 0}, {watch.err, POLLIN, 0}, {watch.process, POLLIN, 0}, {interruption.fd(), POLLIN, 0}}};
  while (true) {
    const bool calls = launch.call_port != 0 && !ended.answered;
    const int ready = ::poll(entries.data(), entries.size(), calls ? 10 : MillisecondsUntil(end));
    if (interruption.Signal() != 0) return absl::CancelledError();
    if (Clock::now() >= end) return absl::DeadlineExceededError("");
    if (calls) ended.answered = IsAnswered(launch.call_port);
    if (ready <= 0) continue;
    if (entries[0].revents != 0 && !Drain(watch.out, ended.output)) entries[0].fd = -1;
    if (entries[1].revents != 0 && !Drain(watch.err, ended.errors)) entries[1].fd = -1;
    if (entries[2].revents != 0) return absl::OkStatus();
  }
}

std::vector<pid_t> Children() {
  std::ifstream list(fmt::format("/proc/self/task/{}/children", ::getpid()));
  std::vector<pid_t> children;
  for (pid_t pid = 0; list >> pid;) children.push_back(pid);
  return children;
}

}  // namespace

Interruption::Interruption() {
  sigset_t ending;
  ::sigemptyset(&ending);
  for (const int signal : kEnding) {
    struct sigaction action = {};
    if (::sigaction(signal, nullptr, &action) == 0 && action.sa_handler != SIG_IGN) ::sigaddset(&ending, signal);
  }
  ::sigprocmask(SIG_BLOCK, &ending, &before_);
  fd_.reset(::signalfd(-1, &ending, SFD_CLOEXEC | SFD_NONBLOCK));
}

Interruption::~Interruption() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }

int Interruption::Signal() {
  signalfd_siginfo info = {};
  if (signal_ == 0 && ::read(fd_.get(), &info, sizeof(info)) == sizeof(info)) {
    signal_ = static_cast<int>(info.ssi_signo);
  }
  return signal_;
}

absl::StatusOr<Ended> Run(const Launch& launch, const std::vector<pid_t>& kept, Interruption& interruption) {
  LEASH_ASSIGN_OR_RETURN(Pipe out, MakePipe());
  LEASH_ASSIGN_OR_RETURN(Pipe err, MakePipe());
  Terminal terminal;
  base::UniqueFd null;
  if (launch.terminal) {
    LEASH_ASSIGN_OR_RETURN(terminal, MakeTerminal());
  } else {
    null.reset(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  }
  const int in = launch.terminal ? terminal.slave.get() : null.get();
  LEASH_ASSIGN_OR_RETURN(const pid_t pid, Fork(launch, {in, out.write.get(), err.write.get()}));
  out.write.reset();
  err.write.reset();
  const base::UniqueFd process = PidFdOf(pid);
  Ended ended;
  const absl::Status followed = Follow(launch, {out.read.get(), err.read.get(), process.get()}, interruption, ended);
  if (!followed.ok()) End(pid, process.get());
  int status = 0;
  if (::waitpid(pid, &status, followed.ok() ? 0 : WNOHANG) == pid && followed.ok()) ended.code = ShellCode(status);
  KillChildrenBut(kept);
  DrainRest(out.read.get(), ended.output);
  DrainRest(err.read.get(), ended.errors);
  if (launch.terminal) {
    terminal.slave.reset();
    DrainRest(terminal.master.get(), ended.terminal);
  }
  if (absl::IsCancelled(followed)) return followed;
  return ended;
}

void BecomeReaper() {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  ::signal(SIGCHLD, SIG_DFL);
  ::signal(SIGPIPE, SIG_IGN);
}

void KillChildrenBut(const std::vector<pid_t>& kept) {
  const Clock::time_point end = Clock::now() + kGrace;
  while (Clock::now() < end) {
    bool found = false;
    for (const pid_t child : Children()) {
      if (std::find(kept.begin(), kept.end(), child) != kept.end()) continue;
      found = true;
      ::kill(child, SIGKILL);
      ::waitpid(child, nullptr, WNOHANG);
    }
    if (!found) return;
    ::usleep(500);
  }
}

absl::StatusOr<Companion> Companion::Start(const Launch& launch) {
  LEASH_ASSIGN_OR_RETURN(Pipe in, MakePipe());
  LEASH_ASSIGN_OR_RETURN(Pipe out, MakePipe());
  Companion companion;
  LEASH_ASSIGN_OR_RETURN(companion.pid_, Fork(launch, {in.read.get(), out.write.get(), STDERR_FILENO}));
  companion.input_ = std::move(in.write);
  companion.output_ = std::move(out.read);
  return companion;
}

Companion::Companion(Companion&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), input_(std::move(other.input_)), output_(std::move(other.output_)) {}

Companion::~Companion() {
  if (pid_ <= 0) return;
  input_.reset();
  ::kill(pid_, SIGCONT);
  const base::UniqueFd process = PidFdOf(pid_);
  if (!EndsWithin(process.get(), kGrace)) ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

absl::Status Companion::Say(const std::string& line) {
  if (base::WriteAll(input_.get(), line + "\n")) return absl::OkStatus();
  return Failed("the victim process is gone");
}

absl::StatusOr<std::string> Companion::Hear(Interruption& interruption) {
  const Clock::time_point end = Clock::now() + std::chrono::seconds(20);
  std::array<pollfd, 2> entries = {{{output_.get(), POLLIN, 0}, {interruption.fd(), POLLIN, 0}}};
  std::string line;
  while (Clock::now() < end) {
    ::poll(entries.data(), entries.size(), MillisecondsUntil(end));
    if (interruption.Signal() != 0) return absl::CancelledError();
    if (entries[0].revents == 0) continue;
    if (!Drain(output_.get(), line)) break;
    if (line.ends_with('\n')) return line.substr(0, line.size() - 1);
  }
  return base::Error(ErrorCode::kIo, "the victim process does not answer");
}

}  // namespace leash::selftest
