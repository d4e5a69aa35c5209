#include "python_arguments.h"

#include <string_view>

namespace leash::cli {

std::optional<std::size_t> ScriptAmong(const std::vector<std::string>& words) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (word == "-") return std::nullopt;
    if (word == "--") return i + 1 < words.size() ? std::optional(i + 1) : std::nullopt;
    if (!word.starts_with('-')) return i;
    if (word == "--check-hash-based-pycs") ++i;
    if (word.starts_with("--")) continue;
    for (std::size_t letter = 1; letter < word.size(); ++letter) {
      if (word[letter] == 'c' || word[letter] == 'm') return std::nullopt;
      if (word[letter] != 'W' && word[letter] != 'X') continue;
      // What follows is its value, in this word or the next.
      if (letter + 1 == word.size()) ++i;
      break;
    }
  }
  return std::nullopt;
}

}  // namespace leash::cli
