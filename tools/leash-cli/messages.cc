#include "messages.h"

#include <unistd.h>

#include <string>

#include "base/status.h"
#include "base/text.h"
#include "base/write_all.h"
#include "leash/error.h"

namespace leash::cli {

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
  [[maybe_unused]] const bool written = base::WriteAll(STDERR_FILENO, "leash: " + base::Printable(message) + "\n");
}

int Fail(const absl::Status& error) {
  const auto message = error.message();
  PrintMessage(std::string_view(message.data(), message.size()));
  return ExitCodeOf(error);
}

int WriteStdout(std::string_view text) {
  if (base::WriteAll(STDOUT_FILENO, text)) return 0;
  return Fail(base::ErrnoError(ErrorCode::kIo, errno, "cannot write to standard output"));
}

}  // namespace leash::cli
