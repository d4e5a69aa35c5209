#include "messages.h"

#include <unistd.h>

#include <cerrno>
#include <string>

#include "base/status.h"
#include "base/text.h"
#include "leash/error.h"

namespace leash::cli {
namespace {

bool WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace

int ExitCodeOf(const absl::Status& error) {
  switch (GetErrorCode(error)) {
    case ErrorCode::kProgramNotFound:
      return kExitNotFound;
    case ErrorCode::kProgramNotExecutable:
      return kExitNotExecutable;
    case ErrorCode::kTimeout:
      return kExitTimeout;
    default:
      return kExitFailure;
  }
}

void PrintMessage(std::string_view message) {
  // Nobody is left to tell when stderr itself is gone.
  [[maybe_unused]] const bool written = WriteAll(STDERR_FILENO, "leash: " + base::Printable(message) + "\n");
}

int Fail(const absl::Status& error) {
  const auto message = error.message();
  PrintMessage(std::string_view(message.data(), message.size()));
  return ExitCodeOf(error);
}

int WriteStdout(std::string_view text) {
  if (WriteAll(STDOUT_FILENO, text)) return 0;
  return Fail(base::ErrnoError(ErrorCode::kIo, errno, "cannot write to standard output"));
}

}  // namespace leash::cli
