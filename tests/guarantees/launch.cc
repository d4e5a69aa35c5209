#include "launch.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace leash::guarantees {
namespace {

using Clock = std::chrono::steady_clock;

constexpr uid_t kNobody = 65534;
constexpr int kCannotStart = 199;

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (const std::string& s : strings) pointers.push_back(const_cast<char*>(s.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

struct Streams {
  int in = -1;
  int out = -1;
  int err = -1;
};

// Moves descriptors to their numbers by way of high ones, so that none is overwritten before it was moved.
void PlaceDescriptors(const std::vector<std::pair<int, int>>& moves) {
  std::vector<std::pair<int, int>> high;
  for (const auto& [from, to] : moves) high.emplace_back(fcntl(from, F_DUPFD, 200), to);
  for (const auto& [from, to] : high) {
    dup2(from, to);
    close(from);
  }
}

// A number below 1 must never come near kill(2), where it means many processes.
pid_t ForkOrEnd() {
  const pid_t pid = fork();
  if (pid != -1) return pid;
  perror("guarantees: fork");
  std::exit(1);
}

bool Join(const std::vector<int>& namespaces) {
  return std::all_of(namespaces.begin(), namespaces.end(), [](int fd) { return setns(fd, 0) == 0; });
}

[[noreturn]] void ExecChild(const Start& start, const Streams& streams, const std::vector<char*>& argv,
                            const std::vector<char*>& environment) {
  if (start.terminal) {
    setsid();
    ioctl(streams.in, TIOCSCTTY, 0);
  } else {
    setpgid(0, start.group);
  }
  std::vector<std::pair<int, int>> moves = {{streams.in, 0}, {streams.out, 1}, {streams.err, 2}};
  moves.insert(moves.end(), start.descriptors.begin(), start.descriptors.end());
  PlaceDescriptors(moves);
  signal(SIGPIPE, SIG_DFL);
  if (!Join(start.namespaces) || !BecomeUser(start.who) || chdir(start.directory.c_str()) == -1) {
    perror("guarantees: start");
    _exit(kCannotStart);
  }
  execve(argv[0], argv.data(), environment.data());
  perror(argv[0]);
  _exit(kCannotStart);
}

pid_t Fork(const Start& start, const Streams& streams) {
  const std::vector<char*> argv = Pointers(start.argv);
  const std::vector<char*> environment = Pointers(start.environment);
  fflush(nullptr);
  const pid_t pid = ForkOrEnd();
  if (pid == 0) ExecChild(start, streams, argv, environment);
  if (!start.terminal) setpgid(pid, start.group != 0 ? start.group : pid);
  return pid;
}

struct Pipe {
  Pipe() { valid = pipe2(ends.data(), O_CLOEXEC) == 0; }
  std::array<int, 2> ends = {-1, -1};
  bool valid = false;
};

// Reads what is there. False at the end of the stream.
bool Drain(int fd, std::string& into) {
  std::array<char, 4096> buffer;
  const ssize_t n = read(fd, buffer.data(), buffer.size());
  if (n <= 0) return false;
  into.append(buffer.data(), static_cast<std::size_t>(n));
  return true;
}

int MillisecondsUntil(Clock::time_point end) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
  return static_cast<int>(std::max<long long>(left, 0));
}

// Collects until the process has ended and both streams too, or nothing came for a moment: a survivor that holds a pipe
// open must not hold up the test that is about it. False when the deadline passed.
bool Collect(pid_t pid, int out, int err, Clock::time_point end, Result& result) {
  const int process = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  std::array<pollfd, 3> fds = {pollfd{out, POLLIN, 0}, pollfd{err, POLLIN, 0}, pollfd{process, POLLIN, 0}};
  bool in_time = true;
  while (fds[0].fd != -1 || fds[1].fd != -1 || fds[2].fd != -1) {
    const bool ended = fds[2].fd == -1;
    const int ready = poll(fds.data(), fds.size(), ended ? 50 : MillisecondsUntil(end));
    if (ready == 0) {
      in_time = ended;
      break;
    }
    if (fds[0].revents != 0 && !Drain(out, result.output)) fds[0].fd = -1;
    if (fds[1].revents != 0 && !Drain(err, result.errors)) fds[1].fd = -1;
    if (fds[2].revents != 0) fds[2].fd = -1;
  }
  close(process);
  return in_time;
}

int ShellCode(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

Result Finish(pid_t pid, int out, int err, std::chrono::milliseconds deadline) {
  Result result;
  int status = 0;
  const bool in_time = Collect(pid, out, err, Clock::now() + deadline, result);
  if (!in_time) {
    kill(-pid, SIGKILL);
    kill(pid, SIGKILL);
  }
  waitpid(pid, &status, 0);
  if (in_time) result.code = ShellCode(status);
  close(out);
  close(err);
  return result;
}

// A terminal that echoes; in it, injected input shows on the master's side.
void MakeTerminal(int& master, int& slave, Who who) {
  if (openpty(&master, &slave, nullptr, nullptr, nullptr) == -1) return;
  fcntl(master, F_SETFD, FD_CLOEXEC);
  fcntl(slave, F_SETFD, FD_CLOEXEC);
  if (geteuid() == 0 && fchown(slave, UidOf(who), GidOf(who)) == -1) perror("guarantees: chown of a terminal");
}

std::string ReadTerminal(int master) {
  std::string shown;
  pollfd fd = {master, POLLIN, 0};
  while (poll(&fd, 1, 0) == 1 && (fd.revents & POLLIN) != 0 && Drain(master, shown)) {
  }
  return shown;
}

}  // namespace

const char* WhoName(Who who) { return who == Who::kRoot ? "root" : "ordinary"; }

uid_t UidOf(Who who) {
  if (who == Who::kRoot) return 0;
  return geteuid() == 0 ? kNobody : geteuid();
}

gid_t GidOf(Who who) {
  if (who == Who::kRoot) return 0;
  return geteuid() == 0 ? kNobody : getegid();
}

std::string WhyNot(Who who) {
  if (who == Who::kRoot && geteuid() != 0) return "ordinary_user_tests: the root half needs the tests to run as root";
  return "";
}

bool BecomeUser(Who who) {
  if (geteuid() != 0 || who == Who::kRoot) return true;
  return setgroups(0, nullptr) == 0 && setresgid(kNobody, kNobody, kNobody) == 0 &&
         setresuid(kNobody, kNobody, kNobody) == 0 && prctl(PR_SET_DUMPABLE, 1) == 0;
}

std::string Result::Describe() const {
  std::string text = "exit " + std::to_string(code) + "\nstdout: " + output + "\nstderr: " + errors;
  return terminal.empty() ? text : text + "\nterminal: " + terminal;
}

Result RunProgram(const Start& start) {
  Pipe out, err;
  int master = -1, in = -1;
  if (start.terminal) {
    MakeTerminal(master, in, start.who);
  } else {
    in = open("/dev/null", O_RDONLY | O_CLOEXEC);
  }
  if (!out.valid || !err.valid || in == -1) return {};
  const pid_t pid = Fork(start, {in, out.ends[1], err.ends[1]});
  close(out.ends[1]);
  close(err.ends[1]);
  Result result = Finish(pid, out.ends[0], err.ends[0], start.deadline);
  if (start.terminal) result.terminal = ReadTerminal(master);
  close(in);
  if (master != -1) close(master);
  return result;
}

Background::Background(const Start& start) {
  Pipe in, out, err;
  if (!in.valid || !out.valid || !err.valid) {
    perror("guarantees: pipe");
    std::exit(1);
  }
  pid_ = Fork(start, {in.ends[0], out.ends[1], err.ends[1]});
  close(in.ends[0]);
  close(out.ends[1]);
  close(err.ends[1]);
  input_ = in.ends[1];
  output_ = out.ends[0];
  errors_ = err.ends[0];
}

Result Background::Wait(std::chrono::milliseconds deadline) {
  waited_ = true;
  if (input_ != -1) close(input_);
  input_ = -1;
  Result result = Finish(pid_, output_, errors_, deadline);
  output_ = errors_ = -1;
  return result;
}

Background::~Background() {
  if (input_ != -1) close(input_);
  if (waited_) return;
  // Looked at but not reaped: until waitpid() the number is nobody else's.
  siginfo_t info = {};
  for (int i = 0; i < 200 && info.si_pid == 0; ++i) {
    if (waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == -1) break;
    if (info.si_pid == 0) usleep(i < 40 ? 250 : 10000);
  }
  kill(-pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  close(output_);
  close(errors_);
}

std::string ReadLine(int fd, std::chrono::milliseconds deadline) {
  std::string line;
  const auto end = Clock::now() + deadline;
  pollfd ready = {fd, POLLIN, 0};
  char byte = 0;
  while (poll(&ready, 1, MillisecondsUntil(end)) == 1 && read(fd, &byte, 1) == 1 && byte != '\n') line += byte;
  return line;
}

pid_t ForkAs(Who who, const std::vector<int>& namespaces) {
  fflush(nullptr);
  const pid_t child = ForkOrEnd();
  if (child == 0 && (!Join(namespaces) || !BecomeUser(who))) {
    perror("guarantees: change of namespaces or user");
    _exit(kCannotStart);
  }
  return child;
}

int WaitFor(pid_t child) {
  int status = 0;
  if (waitpid(child, &status, 0) != child) return -1;
  return ShellCode(status);
}

void ExitChild(int code) {
  fflush(nullptr);
  _exit(code);
}

}  // namespace leash::guarantees
