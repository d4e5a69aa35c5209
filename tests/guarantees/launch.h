// Starts programs as the tests need them: as a given user, with a given environment, terminal and descriptors.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace leash::guarantees {

// Whose rights a program runs with. kOrdinary is uid 65534 when the tests run as root, else the user who runs them.
enum class Who { kRoot, kOrdinary };

const char* WhoName(Who who);
uid_t UidOf(Who who);
gid_t GidOf(Who who);
// Why programs cannot be run as `who`; empty if they can.
std::string WhyNot(Who who);

struct Start {
  std::vector<std::string> argv;  // argv[0] is a path
  Who who = Who::kOrdinary;
  std::string directory = "/";
  std::vector<std::string> environment;               // "NAME=value"
  std::vector<std::pair<int, int>> descriptors = {};  // {number here, number there}; there they survive execve(2)
  pid_t group = 0;                                    // the process group to join; 0: one of its own
  bool terminal = false;                              // a session of its own on a new terminal, which is stdin too
  std::chrono::milliseconds deadline = std::chrono::seconds(30);
  std::vector<int> namespaces = {};  // descriptors of those to join, in this order
};

struct Result {
  int code = -1;  // as shells print it: 128 + n for signal n; -1 when the deadline passed
  std::string output;
  std::string errors;
  std::string terminal;  // what the terminal showed

  std::string Describe() const;
};

// Runs to the end. A program that outlives its deadline is killed with its process group.
Result RunProgram(const Start& start);

// A program that is left running. The destructor closes its stdin, gives it a moment to end, and kills its process
// group.
class Background {
 public:
  explicit Background(const Start& start);
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;
  ~Background();

  pid_t pid() const { return pid_; }
  int input() const { return input_; }    // its stdin
  int output() const { return output_; }  // its stdout
  Result Wait(std::chrono::milliseconds deadline);

 private:
  pid_t pid_ = -1;
  int input_ = -1;
  int output_ = -1;
  int errors_ = -1;
  bool waited_ = false;
};

// One line from a descriptor without its end; empty at the end of the stream or after the deadline.
std::string ReadLine(int fd, std::chrono::milliseconds deadline = std::chrono::seconds(20));

// Runs `act` in a child process with the rights of `who` and gives its result (0 to 255). What it prints to stderr
// shows in the test's output.
template <typename F>
int RunAs(Who who, F act, const std::vector<int>& namespaces = {});

// Drops to `who` for good: supplementary groups, group and user. False, with errno, if that failed.
bool BecomeUser(Who who);

// Internal to RunAs: fork(2), and wait for the code.
pid_t ForkAs(Who who, const std::vector<int>& namespaces = {});
int WaitFor(pid_t child);
[[noreturn]] void ExitChild(int code);

template <typename F>
int RunAs(Who who, F act, const std::vector<int>& namespaces) {
  const pid_t child = ForkAs(who, namespaces);
  if (child == 0) ExitChild(act());
  return WaitFor(child);
}

}  // namespace leash::guarantees
