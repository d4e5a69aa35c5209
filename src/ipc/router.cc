#include <algorithm>
#include <array>
#include <utility>

#include "base/status.h"
#include "fmt/format.h"
#include "leash/ipc_router.h"

namespace leash {
namespace {

constexpr std::size_t kLongestName = 64;

bool IsLetter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

// A name becomes the name of a file and a word of a command line: nothing in it may mean more than itself there.
bool IsName(std::string_view name) {
  return !name.empty() && name.size() <= kLongestName && IsLetter(name.front()) &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return IsLetter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-'; });
}

absl::Status Invalid(std::string_view message) { return base::Error(ErrorCode::kInvalidArgument, message); }

absl::Status CheckParameters(std::string_view command, const IpcDescription& description) {
  const auto& all = description.parameters;
  for (auto one = all.begin(); one != all.end(); ++one) {
    if (!IsName(one->name)) {
      return Invalid(
          fmt::format("\"{}\" of command \"{}\" is no name for a parameter: letters, digits, - and _, "
                      "beginning with a letter, at most {}",
                      one->name, command, kLongestName));
    }
    if (std::any_of(all.begin(), one, [&](const IpcParameter& other) { return other.name == one->name; })) {
      return Invalid(fmt::format("command \"{}\" has two parameters \"{}\"", command, one->name));
    }
    if (one->positional && one->kind == IpcKind::kBool) {
      return Invalid(
          fmt::format("parameter \"{}\" of command \"{}\" is a flag and cannot be positional", one->name, command));
    }
  }
  if (std::count_if(all.begin(), all.end(), [](const IpcParameter& one) { return one.from_stdin; }) > 1) {
    return Invalid(fmt::format("command \"{}\" has more than one parameter from standard input", command));
  }
  return absl::OkStatus();
}

}  // namespace

std::string_view IpcKindName(IpcKind kind) {
  constexpr std::array<std::string_view, 8> kNames = {"any",    "string", "binary", "integer",
                                                      "number", "bool",   "array",  "map"};
  return kNames.at(static_cast<std::size_t>(kind));
}

absl::Status IpcRouter::RegisterRaw(std::string name, IpcDescription description, IpcRun run, IpcHandler handler) {
  if (!IsName(name)) {
    return Invalid(
        fmt::format("\"{}\" is no name for a command: letters, digits, - and _, beginning with a letter, at "
                    "most {}",
                    name, kLongestName));
  }
  if (name == kIpcClient) return Invalid(fmt::format("\"{}\" is the program that calls commands", name));
  if (!handler) return Invalid(fmt::format("command \"{}\" has no handler", name));
  LEASH_RETURN_IF_ERROR(CheckParameters(name, description));
  const auto [entry, added] = commands_.try_emplace(std::move(name));
  if (!added) return Invalid(fmt::format("command \"{}\" is registered already", entry->first));
  entry->second = {std::move(description), run, std::move(handler)};
  return absl::OkStatus();
}

}  // namespace leash
