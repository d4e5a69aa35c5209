#include "path_expansion.h"

#include <optional>

#include "base/path.h"
#include "base/status.h"
#include "base/text.h"
#include "fmt/format.h"

namespace leash::cli {
namespace {

absl::Status Wrong(std::string_view message) { return base::Error(ErrorCode::kConfigFile, message); }

bool IsNameStart(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool IsNameChar(char c) { return IsNameStart(c) || (c >= '0' && c <= '9'); }

absl::StatusOr<std::string> ValueOf(std::string_view name, const base::Environment& environment) {
  std::optional<std::string> value = environment.Get(name);
  if (!value.has_value()) return Wrong(fmt::format("the variable {} is not set", base::Printable(name)));
  return *std::move(value);
}

// The name after a '$' at the start of `text`, and how much of `text` it takes up.
struct Reference {
  std::string_view name;
  std::size_t length;
};

std::optional<Reference> ReadReference(std::string_view text) {
  const bool braced = text.starts_with('{');
  const std::string_view rest = text.substr(braced ? 1 : 0);
  if (rest.empty() || !IsNameStart(rest.front())) return std::nullopt;
  std::size_t end = 1;
  while (end < rest.size() && IsNameChar(rest[end])) ++end;
  if (!braced) return Reference{rest.substr(0, end), end};
  if (end == rest.size() || rest[end] != '}') return std::nullopt;
  return Reference{rest.substr(0, end), end + 2};
}

absl::StatusOr<std::string> ExpandVariables(std::string_view text, const base::Environment& environment) {
  std::string result;
  while (!text.empty()) {
    const std::size_t dollar = text.find('$');
    result += text.substr(0, dollar);
    if (dollar == std::string_view::npos) break;
    text.remove_prefix(dollar + 1);
    if (text.starts_with('$')) {
      result += '$';
      text.remove_prefix(1);
      continue;
    }
    const std::optional<Reference> reference = ReadReference(text);
    if (!reference.has_value()) return Wrong("'$' begins no variable ($NAME or ${NAME}); write $$ for a dollar sign");
    LEASH_ASSIGN_OR_RETURN(const std::string value, ValueOf(reference->name, environment));
    result += value;
    text.remove_prefix(reference->length);
  }
  return result;
}

}  // namespace

absl::StatusOr<std::string> ExpandPath(std::string_view text, const std::string& directory,
                                       const base::Environment& environment) {
  if (text.empty()) return Wrong("a path is empty");
  if (text.find('\0') != std::string_view::npos) return Wrong("a path has a NUL byte in it");
  std::string path;
  if (text.starts_with('~')) {
    text.remove_prefix(1);
    if (!text.empty() && text.front() != '/') {
      return Wrong(fmt::format("'~{}' is not expanded: write the directory out, or './~{}' for a file of that name",
                               base::Printable(text), base::Printable(text)));
    }
    LEASH_ASSIGN_OR_RETURN(path, ValueOf("HOME", environment));
    if (!path.starts_with('/')) return Wrong("'~' cannot be expanded: HOME is not an absolute path");
  }
  LEASH_ASSIGN_OR_RETURN(const std::string rest, ExpandVariables(text, environment));
  path += rest;
  if (path.empty()) return Wrong("a path is empty after its variables were expanded");
  return path.front() == '/' ? path : base::JoinPath(directory, path);
}

}  // namespace leash::cli
