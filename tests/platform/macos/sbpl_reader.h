// The outer form of a sandbox profile (SBPL, the language of sandbox-exec(1)): lists, symbols, strings and numbers,
// each with its place in the text. Knows nothing of rules. SBPL is Scheme; of that, only what profiles of ours need is
// read, and the rest is an error rather than a guess.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace leash::testing::sbpl {

struct Position {
  int line = 0;    // from 1
  int column = 0;  // from 1, in bytes

  friend bool operator==(const Position&, const Position&) = default;
};

struct Node {
  enum class Kind { kList, kSymbol, kString, kRegex, kNumber };

  Kind kind = Kind::kList;
  std::string text;  // a symbol's name, the value of a string, or a list's own text on one line
  std::uint64_t number = 0;
  std::vector<Node> children;
  Position at;

  bool IsList() const { return kind == Kind::kList; }
  bool IsSymbol() const { return kind == Kind::kSymbol; }
  // A list that starts with this symbol.
  bool IsForm(std::string_view name) const {
    return IsList() && !children.empty() && children[0].IsSymbol() && children[0].text == name;
  }
};

// "3:14: why". Its code is kInvalidArgument.
absl::Status ErrorAt(Position at, std::string_view why);

// All forms of `text`, in order. Strings know \\ \" \n \r \t and \xHH; #"..." keeps its backslashes.
absl::StatusOr<std::vector<Node>> Read(std::string_view text);

}  // namespace leash::testing::sbpl
