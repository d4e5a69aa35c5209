// Reading the values that flags and configuration files share. Errors give the reason alone; callers put the flag's
// name, or the file and line, in front.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "leash/config.h"

namespace leash::cli {

// Bytes: digits, then nothing or one of K, M, G, T (powers of 1024; either case).
absl::StatusOr<std::uint64_t> ParseSize(std::string_view text);

// "64 MiB", "1000 bytes": in the largest unit that holds it in whole numbers.
std::string FormatSize(std::uint64_t bytes);

// Digits only.
absl::StatusOr<std::uint64_t> ParseCount(std::string_view text);

// A number of seconds ("90", "0.5"), or numbers with units ("1m30s", "250ms"). More than zero.
absl::StatusOr<absl::Duration> ParseTime(std::string_view text);

// "true" or "false".
absl::StatusOr<bool> ParseBool(std::string_view text);

// "MODE:PATH", MODE as ParseAccess reads it. The path may contain ':'.
absl::StatusOr<Grant> ParseGrant(std::string_view text);

// "KEY=VALUE". The value may be empty and may contain '='.
absl::StatusOr<std::pair<std::string, std::string>> ParseAssignment(std::string_view text);

}  // namespace leash::cli
