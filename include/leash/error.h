// The stable error codes of leash. Every absl::Status that leash returns carries one as a payload, so that a caller
// can branch on what went wrong without reading the message, and the message stays free to tell the whole story.
#pragma once

#include <string_view>

#include "absl/status/status.h"

namespace leash {

// Numbers are part of the API: they are never reused and never renumbered.
enum class ErrorCode : int {
  kUnknown = 0,               // a status that leash did not make
  kInvalidArgument = 1,       // a value that no machine could accept: bad access string, NUL byte in a path
  kPathNotFound = 2,          // a configured path does not exist; the message names it
  kNotEnforced = 3,           // this machine lacks a mechanism that the configuration needs; nothing was started
  kUnsupported = 4,           // asked for something this build or platform does not do
  kProgramNotFound = 5,       // no such program (shell convention: exit 127)
  kProgramNotExecutable = 6,  // found, but it may not or cannot be executed (exit 126)
  kSpawnFailed = 7,           // the program could not be started for another reason
  kTimeout = 8,               // a deadline passed (exit 124)
  kWorkingDirectory = 9,      // the working directory could not be made, opened or removed
  kConfigFile = 10,           // a configuration file is unreadable or wrong; the message says where
  kClosed = 11,               // the sandbox or child was used after it had ended
  kIo = 12,                   // any other failed system call
  kDenied = 13,               // a rule about the network refuses it; the message says which
};

// The code carried by `status`; kUnknown when it carries none (or is ok).
ErrorCode GetErrorCode(const absl::Status& status);

// "path_not_found" and the like: the name used in JSON output.
std::string_view ErrorCodeName(ErrorCode code);

}  // namespace leash
