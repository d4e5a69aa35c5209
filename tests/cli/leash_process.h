// The built leash binary, run from outside: as the user who runs the tests and, when that is root, as an ordinary one.
#pragma once

#include <sys/types.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "temporary_directory.h"

namespace leash::testing {

struct RunResult {
  int code = -1;  // as shells print it; -1 when leash did not end in time
  std::string out;
  std::string err;
};
void PrintTo(const RunResult& result, std::ostream* stream);

// How leash is started. The environment holds these variables and nothing else.
struct Start {
  std::vector<std::string> arguments;
  std::string directory;
  std::vector<std::pair<std::string, std::string>> environment;
  std::string input = "";
  std::vector<int> closed = {};   // standard streams that leash does not get
  std::vector<int> ignored = {};  // signals that are ignored when leash starts
  std::string out_path = "";      // stdout goes to this file instead
  uid_t user = 0;
  std::function<void()> last = {};  // in the new process, right before it becomes leash
};

// In a new process: becomes leash, with these streams and no other descriptor.
[[noreturn]] void ExecLeash(const std::string& binary, const Start& start, const std::array<int, 3>& streams);

// A running leash. Killed with this object if it has not ended.
class LeashProcess {
 public:
  LeashProcess(const std::string& binary, const Start& start);
  ~LeashProcess();
  LeashProcess(const LeashProcess&) = delete;
  LeashProcess& operator=(const LeashProcess&) = delete;

  pid_t pid() const { return pid_; }
  // Reads stdout until `text` has come, for 20 s at most.
  bool WaitForOutput(std::string_view text);
  void Signal(int signal) const;
  // Reads to the end of both streams and waits, for that long at most.
  RunResult Finish(std::chrono::seconds longest = std::chrono::seconds(60));

 private:
  bool ReadOnce(int timeout_ms);

  pid_t pid_ = -1;
  int out_ = -1;
  int err_ = -1;
  RunResult result_;
};

enum class User { kSelf, kOrdinary };
std::vector<User> Users();
std::string UserName(const ::testing::TestParamInfo<User>& info);

// A test with a directory tree of its own: home/, and project/ as the current directory.
class LeashTest : public ::testing::TestWithParam<User> {
 protected:
  void SetUp() override;

  uid_t uid() const;
  Start StartOf(std::vector<std::string> arguments) const;
  RunResult Run(const Start& start) const;
  // Runs leash with these arguments in project/.
  RunResult Leash(std::vector<std::string> arguments) const { return Run(StartOf(std::move(arguments))); }
  // Some tests are run a second time with this variable set: see CMakeLists.txt.
  static bool WithoutNamespaces() { return std::getenv("LEASH_TEST_WITHOUT_NAMESPACES") != nullptr; }
  // Whoever leash runs as owns the tree from here on.
  void HandOver() const;
  const std::string& binary() const { return binary_; }
  const TemporaryDirectory& root() const { return root_; }
  std::string Project(std::string_view relative) const { return root_.Path("project/" + std::string(relative)); }

 private:
  TemporaryDirectory root_;
  std::string binary_;
};

// One line on stderr that begins "leash: " and holds `text`; nothing on stdout.
::testing::AssertionResult FailsWith(const RunResult& result, int code, std::string_view text);

}  // namespace leash::testing
