// leash doctor: what this machine can enforce.
#include "leash/doctor.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/status.h"
#include "commands.h"
#include "fmt/format.h"
#include "messages.h"
#include "nlohmann/json.hpp"

namespace leash::cli {
namespace {

bool UseColour() {
  const char* no_colour = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  const bool refused = no_colour != nullptr && *no_colour != '\0';
  const bool dumb = terminal == nullptr || *terminal == '\0' || std::string_view(terminal) == "dumb";
  return !refused && !dumb && ::isatty(STDOUT_FILENO) == 1;
}

bool Enforceable(const std::vector<Mechanism>& mechanisms) {
  return std::all_of(mechanisms.begin(), mechanisms.end(),
                     [](const Mechanism& mechanism) { return mechanism.available || !mechanism.required; });
}

std::string StateOf(const Mechanism& mechanism, bool colour) {
  const std::string_view word = mechanism.available ? "ok" : (mechanism.required ? "MISSING" : "missing");
  const std::string padded = fmt::format("{:7}", word);
  if (!colour) return padded;
  return fmt::format("\x1b[{}m{}\x1b[0m", mechanism.available ? 32 : 31, padded);
}

std::string Table(const std::vector<Mechanism>& mechanisms, bool colour) {
  std::size_t name_width = 0;
  for (const Mechanism& mechanism : mechanisms) name_width = std::max(name_width, mechanism.name.size());
  std::string text;
  for (const Mechanism& mechanism : mechanisms) {
    text += fmt::format("{} {:8} {:{}}  {}\n", StateOf(mechanism, colour), mechanism.required ? "required" : "optional",
                        mechanism.name, name_width, mechanism.detail);
    if (!mechanism.available) text += fmt::format("{:{}}without it: {}\n", "", name_width + 19, mechanism.purpose);
  }
  text += Enforceable(mechanisms) ? "\nThis machine can enforce what leash promises.\n"
                                  : "\nThis machine lacks what leash needs: nothing will be run.\n";
  return text;
}

std::string Json(const std::vector<Mechanism>& mechanisms) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Mechanism& mechanism : mechanisms) {
    list.push_back({{"name", mechanism.name},
                    {"available", mechanism.available},
                    {"required", mechanism.required},
                    {"detail", mechanism.detail},
                    {"purpose", mechanism.purpose}});
  }
  const nlohmann::ordered_json document = {{"mechanisms", list}, {"enforceable", Enforceable(mechanisms)}};
  return document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace

int Doctor(const CommandLine& line) {
  if (!line.words.empty()) return Fail(base::Error(ErrorCode::kInvalidArgument, "doctor: takes no arguments"));
  const std::vector<Mechanism> mechanisms = ProbeMechanisms();
  const int written = WriteStdout(line.Has(OptionId::kJson) ? Json(mechanisms) : Table(mechanisms, UseColour()));
  if (written != 0) return written;
  return Enforceable(mechanisms) ? 0 : 1;
}

}  // namespace leash::cli
