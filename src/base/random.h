// Randomness from the kernel.
#pragma once

#include <cstdint>
#include <string>

namespace leash::base {

std::uint64_t RandomU64();
// 128 bits as 32 lower-case hexadecimal digits.
std::string RandomName();

}  // namespace leash::base
