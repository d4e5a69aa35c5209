#include "base/arrived_connection.h"

#include <charconv>

#include "fmt/format.h"

namespace leash::base {

std::string TextOf(const Program& program) { return fmt::format("{} {}", program.pid, program.executable); }

Program ProgramFrom(std::string_view text) {
  Program program;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, program.pid);
  if (error != std::errc() || at == end || *at != ' ') return {};
  program.executable.assign(at + 1, end);
  return program;
}

}  // namespace leash::base
