// Starts programs as the self-test needs them, and ends them whatever comes.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace leash::selftest {

// SIGINT, SIGTERM and SIGHUP end the self-test in good order: while this object lives they are blocked, and every wait
// watches for them. Those that were ignored stay so.
class Interruption {
 public:
  Interruption();
  ~Interruption();
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;

  int fd() const { return fd_.get(); }
  // The signal that came, looked for without waiting; 0: none.
  int Signal();

 private:
  sigset_t before_ = {};
  base::UniqueFd fd_;
  int signal_ = 0;
};

struct Launch {
  // argv[0] is a path. "{launcher}" in a word becomes the number of the process that is started.
  std::vector<std::string> argv;
  std::string directory;
  std::vector<std::string> environment;               // "NAME=value"
  std::vector<std::pair<int, int>> descriptors = {};  // {number here, number there}
  bool terminal = false;  // a session of its own on a new terminal, which is stdin too; else stdin is /dev/null
  int call_port = 0;      // of 127.0.0.1, called again and again while the program runs; 0: none
  std::chrono::milliseconds deadline = std::chrono::seconds(30);
};

struct Ended {
  int code = -1;  // as shells print it; -1: the deadline passed
  std::string output;
  std::string errors;
  std::string terminal;   // what came up on the terminal
  bool answered = false;  // a call to call_port was taken
};

// Runs a program to its end and then kills what it left: every child of this process that is not in `kept`. Needs this
// process to be a subreaper, see BecomeReaper. Errors: kCancelled when interrupted; the program has been ended.
absl::StatusOr<Ended> Run(const Launch& launch, const std::vector<pid_t>& kept, Interruption& interruption);

// Orphans among the descendants become children of this process from here on, and writing to a program that is gone is
// an error.
void BecomeReaper();
void KillChildrenBut(const std::vector<pid_t>& kept);

// A program that is spoken to line by line, in a process group of its own so that a terminal's Ctrl-C misses it.
class Companion {
 public:
  static absl::StatusOr<Companion> Start(const Launch& launch);
  Companion(Companion&& other) noexcept;
  Companion& operator=(Companion&&) = delete;
  // Closes its stdin, gives it time to end by itself, and kills it.
  ~Companion();

  pid_t pid() const { return pid_; }
  absl::Status Say(const std::string& line);
  // One line without its end. Errors: kCancelled, and kUnavailable when none comes.
  absl::StatusOr<std::string> Hear(Interruption& interruption);

 private:
  Companion() = default;

  pid_t pid_ = -1;
  base::UniqueFd input_;
  base::UniqueFd output_;
};

}  // namespace leash::selftest
