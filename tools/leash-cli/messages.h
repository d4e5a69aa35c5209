// What leash says for itself: on stderr one line at a time, on stdout what a command was asked to print.
#pragma once

#include <string_view>

#include "absl/status/status.h"

namespace leash::cli {

// Exit statuses of leash's own making.
inline constexpr int kExitTimeout = 124;
inline constexpr int kExitFailure = 125;
inline constexpr int kExitNotExecutable = 126;
inline constexpr int kExitNotFound = 127;

int ExitCodeOf(const absl::Status& error);

// "leash: MESSAGE\n" on stderr, in one write. Control characters are escaped: names in a message may be hostile.
void PrintMessage(std::string_view message);

// Prints the error and gives the exit status that stands for it.
int Fail(const absl::Status& error);

// Writes all of `text` to stdout; the exit status is 0, or kExitFailure after a message when it cannot.
int WriteStdout(std::string_view text);

}  // namespace leash::cli
