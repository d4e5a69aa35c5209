#include "leash_process.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <ostream>

namespace leash::testing {
namespace {

constexpr uid_t kOrdinaryUid = 65534;

using Clock = std::chrono::steady_clock;

// In the child: whatever fails here ends it with a code that no test expects.
[[noreturn]] void ExitChild() { ::_exit(99); }

void BecomeUser(uid_t user) {
  if (user == ::geteuid()) return;
  if (::setgroups(0, nullptr) != 0 || ::setgid(user) != 0 || ::setuid(user) != 0) ExitChild();
}

void SetSignals(const std::vector<int>& ignored) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH, SIGPIPE}) {
    const bool ignore = std::find(ignored.begin(), ignored.end(), signal) != ignored.end();
    ::signal(signal, ignore ? SIG_IGN : SIG_DFL);
  }
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

void ConnectStreams(const Start& start, const std::array<int, 3>& streams) {
  for (int i = 0; i < 3; ++i) {
    if (::dup2(streams[static_cast<std::size_t>(i)], i) < 0) ExitChild();
  }
  ::close_range(3, ~0U, 0);
  for (const int stream : start.closed) ::close(stream);
}

}  // namespace

void ExecLeash(const std::string& binary, const Start& start, const std::array<int, 3>& streams) {
  ConnectStreams(start, streams);
  SetSignals(start.ignored);
  BecomeUser(start.user);
  if (::chdir(start.directory.c_str()) != 0) ExitChild();
  std::vector<std::string> texts = {binary};
  texts.insert(texts.end(), start.arguments.begin(), start.arguments.end());
  std::vector<char*> argv;
  for (std::string& text : texts) argv.push_back(text.data());
  argv.push_back(nullptr);
  std::vector<std::string> entries;
  for (const auto& [name, value] : start.environment) {
    entries.push_back(name);
    entries.back().append("=").append(value);
  }
  std::vector<char*> environment;
  for (std::string& entry : entries) environment.push_back(entry.data());
  environment.push_back(nullptr);
  if (start.last) start.last();
  ::execve(binary.c_str(), argv.data(), environment.data());
  ExitChild();
}

namespace {

// stdin is a file: leash may leave it unread without anybody waiting.
int InputFile(const std::string& text) {
  std::string name = "/tmp/test-of-leash-XXXXXX";
  const int fd = ::mkostemp(name.data(), O_CLOEXEC);
  ::unlink(name.c_str());
  if (fd < 0 || ::write(fd, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    ADD_FAILURE() << "cannot write an input file: " << std::strerror(errno);
  }
  ::lseek(fd, 0, SEEK_SET);
  return fd;
}

// True when everybody may enter each directory above the file.
bool ReachableByAll(const std::filesystem::path& file) {
  for (std::filesystem::path path = file.parent_path();; path = path.parent_path()) {
    struct stat status = {};
    if (::stat(path.c_str(), &status) != 0 || (status.st_mode & S_IXOTH) == 0) return false;
    if (path == "/") return true;
  }
}

}  // namespace

void PrintTo(const RunResult& result, std::ostream* stream) {
  *stream << "exit status " << result.code << "\n--- stdout\n" << result.out << "\n--- stderr\n" << result.err;
}

LeashProcess::LeashProcess(const std::string& binary, const Start& start) {
  std::array<int, 2> out = {-1, -1};
  std::array<int, 2> err = {-1, -1};
  if (::pipe2(out.data(), O_CLOEXEC) != 0 || ::pipe2(err.data(), O_CLOEXEC) != 0) ADD_FAILURE() << "no pipes";
  const int in = InputFile(start.input);
  const int out_file = start.out_path.empty() ? -1 : ::open(start.out_path.c_str(), O_WRONLY | O_CLOEXEC);
  pid_ = ::fork();
  if (pid_ == 0) ExecLeash(binary, start, {in, out_file >= 0 ? out_file : out[1], err[1]});
  for (const int fd : {in, out_file, out[1], err[1]}) {
    if (fd >= 0) ::close(fd);
  }
  out_ = out[0];
  err_ = err[0];
}

LeashProcess::~LeashProcess() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  for (const int fd : {out_, err_}) {
    if (fd >= 0) ::close(fd);
  }
}

// False when both streams have ended or nothing came in time.
bool LeashProcess::ReadOnce(int timeout_ms) {
  std::array<pollfd, 2> streams = {{{out_, POLLIN, 0}, {err_, POLLIN, 0}}};
  if (out_ < 0 && err_ < 0) return false;
  if (::poll(streams.data(), streams.size(), timeout_ms) <= 0) return false;
  for (std::size_t i = 0; i < streams.size(); ++i) {
    if (streams[i].revents == 0) continue;
    std::array<char, 65536> buffer;
    int& fd = i == 0 ? out_ : err_;
    const ssize_t count = ::read(fd, buffer.data(), buffer.size());
    if (count > 0) {
      (i == 0 ? result_.out : result_.err).append(buffer.data(), static_cast<std::size_t>(count));
    } else {
      ::close(fd);
      fd = -1;
    }
  }
  return true;
}

bool LeashProcess::WaitForOutput(std::string_view text) {
  const auto deadline = Clock::now() + std::chrono::seconds(20);
  while (result_.out.find(text) == std::string::npos) {
    if (Clock::now() > deadline || (out_ < 0 && err_ < 0)) return false;
    ReadOnce(100);
  }
  return true;
}

void LeashProcess::Signal(int signal) const { ::kill(pid_, signal); }

RunResult LeashProcess::Finish(std::chrono::seconds longest) {
  const auto deadline = Clock::now() + longest;
  while ((out_ >= 0 || err_ >= 0) && Clock::now() < deadline) ReadOnce(100);
  int status = 0;
  while (::waitpid(pid_, &status, WNOHANG) == 0) {
    if (Clock::now() >= deadline) return result_;
    ::usleep(1000);
  }
  pid_ = -1;
  result_.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result_;
}

std::vector<User> Users() {
  if (::geteuid() == 0) return {User::kSelf, User::kOrdinary};
  return {User::kSelf};
}

std::string UserName(const ::testing::TestParamInfo<User>& info) {
  return info.param == User::kSelf ? "Self" : "OrdinaryUser";
}

void LeashTest::SetUp() {
  root_.MakeDirectory("home");
  root_.MakeDirectory("project");
  binary_ = LEASH_BINARY;
  if (uid() != ::geteuid() && !ReachableByAll(binary_)) binary_ = root_.CopyFile(LEASH_BINARY, "bin/leash");
}

uid_t LeashTest::uid() const { return GetParam() == User::kSelf ? ::geteuid() : kOrdinaryUid; }

Start LeashTest::StartOf(std::vector<std::string> arguments) const {
  Start start;
  start.arguments = std::move(arguments);
  start.directory = root_.Path("project");
  start.environment = {{"PATH", "/usr/local/bin:/usr/bin:/bin"}, {"HOME", root_.Path("home")}, {"LANG", "C.UTF-8"}};
  start.user = uid();
  return start;
}

void LeashTest::HandOver() const {
  if (uid() != ::geteuid()) root_.GiveTo(uid());
}

RunResult LeashTest::Run(const Start& start) const {
  HandOver();
  return LeashProcess(binary_, start).Finish();
}

::testing::AssertionResult FailsWith(const RunResult& result, int code, std::string_view text) {
  const auto failure = [&](const char* what) {
    return ::testing::AssertionFailure() << what << ": " << ::testing::PrintToString(result);
  };
  if (result.code != code) return failure("another exit status");
  if (!result.out.empty()) return failure("something on stdout");
  if (result.err.rfind("leash: ", 0) != 0) return failure("no message of leash's own");
  if (std::count(result.err.begin(), result.err.end(), '\n') != 1 || result.err.back() != '\n') {
    return failure("not one line");
  }
  if (result.err.find(text) == std::string::npos) return failure("another message");
  return ::testing::AssertionSuccess();
}

}  // namespace leash::testing
