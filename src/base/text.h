// Small text helpers.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace leash::base {

// The candidate that `word` was most likely meant to be, by edit distance; empty when none is near.
std::string_view Nearest(std::string_view word, std::span<const std::string_view> candidates);

// `text` on one line, fit for a message: as \xNN what is no UTF-8, what controls a terminal, and what changes the
// direction of writing.
std::string Printable(std::string_view text);

// `text` without those of `blanks` at both its ends.
std::string_view Trimmed(std::string_view text, std::string_view blanks = " \t\r");

// Takes off `text` what comes before the first of `separators`, which goes with it; without one, all of it.
std::string_view TakePiece(std::string_view& text, std::string_view separators);

// The number, from 1, of the character of UTF-8 that stands at byte `offset`: for "at character 7" in a message.
std::size_t CharacterNumber(std::string_view text, std::size_t offset);

}  // namespace leash::base
