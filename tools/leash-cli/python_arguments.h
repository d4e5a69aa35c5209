// The interpreter's own command line, as far as leash has to read it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace leash::cli {

// Which of Python's arguments is the script. nullopt: there is none (-c, -m, "-", or nothing but options).
std::optional<std::size_t> ScriptAmong(const std::vector<std::string>& words);

}  // namespace leash::cli
