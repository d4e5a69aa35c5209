// What the harnesses share. Each defines LLVMFuzzerTestOneInput, which libFuzzer or driver.cc calls with bytes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace leash::fuzz {

// In every build type, unlike assert.
inline void Check(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

// The input without its first byte, which chooses what a harness does with the rest.
struct Input {
  std::uint8_t choice = 0;
  std::string_view bytes;

  Input(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return;
    choice = data[0];
    bytes = {reinterpret_cast<const char*>(data) + 1, size - 1};
  }
  bool Chooses(int bit) const { return (choice >> bit & 1) != 0; }
};

// Sizes to split an input by, mostly small. The same for the same seed.
class Sizes {
 public:
  explicit Sizes(std::uint64_t seed) : state_(seed + 1) {}

  std::size_t Next() {
    state_ = state_ * 6364136223846793005U + 1442695040888963407U;
    const auto bits = static_cast<std::size_t>(state_ >> 33);
    return bits % 8 == 0 ? 1 + bits / 8 % 200 : 1 + bits / 8 % 4;
  }

 private:
  std::uint64_t state_;
};

// All at once.
struct Whole {
  std::size_t Next() const { return static_cast<std::size_t>(-1) / 2; }
};

}  // namespace leash::fuzz
