// What a sandboxed program may do with a path: one value that every backend reads alike.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace leash {

// A set of rights on a file, or on a directory and everything below it.
//
// Writing and executing both include reading. What is writable is not executable unless asked for by name
// (kReadWriteExecute): a program that the sandbox wrote does not start from a kReadWrite directory. That promise
// is about execve(2) of the file itself; an interpreter that may read the file can still be told to run it.
enum class Access : std::uint8_t {
  kNone = 0,
  kRead = 1,             // open for reading, list directories
  kReadWrite = 1 | 2,    // also create, write, truncate, rename, remove
  kReadExecute = 1 | 4,  // also execve(2)
  kReadWriteExecute = 7,
};

constexpr Access operator|(Access a, Access b) {
  return static_cast<Access>(static_cast<std::uint8_t>(a) | static_cast<std::uint8_t>(b));
}
constexpr Access operator&(Access a, Access b) {
  return static_cast<Access>(static_cast<std::uint8_t>(a) & static_cast<std::uint8_t>(b));
}
// True when `have` gives every right in `want`.
constexpr bool Includes(Access have, Access want) { return (have & want) == want; }

// Reads "r", "rw", "rx" or "rwx" (letters in any order, each once, `r` never missing).
// Errors: ErrorCode::kInvalidArgument naming the letter at fault.
absl::StatusOr<Access> ParseAccess(std::string_view text);

// The form that ParseAccess reads; "none" for Access::kNone.
std::string FormatAccess(Access access);

}  // namespace leash
