// What the readers of binary protocols share: numbers in network order, vectors behind their length, names.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/strings/ascii.h"

namespace leash::net {

// Reads from the front. What is too short reads as a failure, then and ever after, with zeros and empty pieces, so that
// one look at ok() is enough for several fields.
class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  bool empty() const { return bytes_.empty(); }
  bool done() const { return ok_ && empty(); }  // nothing is left over
  std::size_t left() const { return bytes_.size(); }
  void Fail() {
    ok_ = false;
    bytes_ = {};
  }

  std::string_view Take(std::size_t count) {
    if (count > bytes_.size()) Fail();
    if (!ok_) return {};
    const std::string_view taken = bytes_.substr(0, count);
    bytes_.remove_prefix(count);
    return taken;
  }
  // A number of that many bytes, at most four.
  std::uint32_t Number(std::size_t bytes) {
    std::uint32_t value = 0;
    for (const char c : Take(bytes)) value = value << 8 | static_cast<std::uint8_t>(c);
    return value;
  }
  // A vector in the language of RFC 8446, 3.4: its length in that many bytes, and `least` or more of them.
  std::string_view Vector(std::size_t length_bytes, std::size_t least) {
    const std::size_t length = Number(length_bytes);
    if (length < least) Fail();
    return Take(length);
  }

 private:
  std::string_view bytes_;
  bool ok_ = true;
};

inline std::uint8_t ByteAt(std::string_view bytes, std::size_t at) { return static_cast<std::uint8_t>(bytes[at]); }

// What labels of host names are made of (RFC 952, 1123), and the '_' of names that are in use nonetheless.
inline bool IsLabelCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_';
}

// Labels and dots, in any order. Whether it is a name of the DNS is not asked here.
inline bool IsPlainHost(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return IsLabelCharacter(c) || c == '.'; });
}

}  // namespace leash::net
