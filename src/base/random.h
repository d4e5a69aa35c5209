// Randomness from the kernel.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace leash::base {

// Errors: kIo when the system gives no random bytes.
absl::StatusOr<std::uint64_t> RandomU64();
// 128 bits as 32 lower-case hexadecimal digits.
absl::StatusOr<std::string> RandomName();

}  // namespace leash::base
