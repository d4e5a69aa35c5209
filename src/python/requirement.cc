#include "python/requirement.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <span>

#include "base/file_system.h"
#include "base/status.h"
#include "base/text.h"
#include "fmt/format.h"

namespace leash::python {
namespace {

bool IsControl(char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f; }

bool IsNameCharacter(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.';
}

// A comment begins the line or follows a blank.
std::string_view WithoutComment(std::string_view line) {
  for (std::size_t at = line.find('#'); at != std::string_view::npos; at = line.find('#', at + 1)) {
    if (at == 0 || line[at - 1] == ' ' || line[at - 1] == '\t') return line.substr(0, at);
  }
  return line;
}

bool IsOneOf(std::string_view line, std::span<const std::string_view> options) {
  const std::string_view name = line.substr(0, line.find_first_of(" \t="));
  return std::find(options.begin(), options.end(), name) != options.end();
}

absl::Status CheckOption(std::string_view line, bool elsewhere) {
  static constexpr std::array<std::string_view, 4> kHarmless = {"--hash", "--require-hashes", "--pre",
                                                                "--prefer-binary"};
  static constexpr std::array<std::string_view, 2> kBuilds = {"--no-binary", "--only-binary"};
  if (IsOneOf(line, kHarmless)) return absl::OkStatus();
  const std::string name = base::Printable(line.substr(0, line.find_first_of(" \t=")));
  if (!IsOneOf(line, kBuilds)) {
    return base::Error(ErrorCode::kInvalidArgument,
                       fmt::format("{} is not taken from a file: other files and indexes are named to leash", name));
  }
  if (elsewhere) return absl::OkStatus();
  return base::Error(ErrorCode::kInvalidArgument, fmt::format("{} builds packages, which was not allowed", name));
}

// Where the first option of a line begins, from `from` on: they may follow a requirement.
std::size_t OptionIn(std::string_view line, std::size_t from) {
  for (std::size_t at = line.find('-', from); at != std::string_view::npos; at = line.find('-', at + 1)) {
    if (at == 0 || line[at - 1] == ' ' || line[at - 1] == '\t') return at;
  }
  return line.size();
}

absl::Status CheckLine(std::string_view line, bool elsewhere) {
  // pip and uv split lines at more characters than this does (str.splitlines), and no requirement needs them.
  if (std::any_of(line.begin(), line.end(), [](char c) { return IsControl(c) || static_cast<signed char>(c) < 0; })) {
    return base::Error(ErrorCode::kInvalidArgument,
                       fmt::format("'{}' has characters that no requirement has", base::Printable(line)));
  }
  std::size_t at = OptionIn(line, 0);
  if (at != 0) LEASH_RETURN_IF_ERROR(CheckRequirement(line.substr(0, at), elsewhere));
  for (; at < line.size(); at = OptionIn(line, at + 1)) {
    LEASH_RETURN_IF_ERROR(CheckOption(line.substr(at), elsewhere));
  }
  return absl::OkStatus();
}

}  // namespace

std::string NormalizedName(std::string_view name) {
  std::string normal;
  for (const char c : name) {
    const bool separator = c == '-' || c == '_' || c == '.';
    if (separator && normal.ends_with('-')) continue;
    normal += separator ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return normal;
}

absl::Status CheckRequirement(std::string_view text, bool elsewhere) {
  const auto refuse = [&](std::string_view why) {
    return base::Error(ErrorCode::kInvalidArgument, fmt::format("package '{}' {}", base::Printable(text), why));
  };
  if (base::Trimmed(text).empty()) return refuse("has no name");
  if (std::any_of(text.begin(), text.end(), IsControl)) return refuse("has a line end or a control character in it");
  if (base::Trimmed(text).starts_with('-')) return refuse("looks like an option");
  const bool url = text.find("://") != std::string_view::npos;
  const bool path = base::Trimmed(text).front() == '.' || (!url && text.find('/') != std::string_view::npos);
  if (path || text.find("file:") != std::string_view::npos) {
    return refuse("is a path, which the sandbox that installs does not see; build a wheel of it");
  }
  if (elsewhere) return absl::OkStatus();
  if (!std::isalnum(static_cast<unsigned char>(base::Trimmed(text).front()))) return refuse("is no name of a package");
  if (!url && text.find('@') == std::string_view::npos) return absl::OkStatus();
  return refuse("comes from elsewhere than an index, and may have to be built, which was not allowed");
}

absl::StatusOr<std::vector<std::string>> RequirementsIn(std::string_view text, std::string_view path, bool elsewhere) {
  std::vector<std::string> found;
  std::string line;
  for (int number = 1; !text.empty(); ++number) {
    line += WithoutComment(base::TakePiece(text, "\n"));
    while (line.ends_with('\r')) line.pop_back();
    if (line.ends_with('\\') && !text.empty()) {
      line.pop_back();
      continue;
    }
    const std::string whole(base::Trimmed(line));
    line.clear();
    if (whole.empty()) continue;
    if (absl::Status status = CheckLine(whole, elsewhere); !status.ok()) {
      return base::Error(GetErrorCode(status),
                         fmt::format("{}:{}: {}", base::Printable(path), number,
                                     std::string_view(status.message().data(), status.message().size())));
    }
    found.push_back(whole);
  }
  return found;
}

bool IsInstalled(std::string_view text, const std::string& site_packages) {
  text = base::Trimmed(text);
  const auto name_end = std::find_if_not(text.begin(), text.end(), IsNameCharacter);
  const std::string name = NormalizedName(text.substr(0, static_cast<std::size_t>(name_end - text.begin())));
  std::string_view version = base::Trimmed(text.substr(static_cast<std::size_t>(name_end - text.begin())));
  if (name.empty()) return false;
  if (!version.empty()) {
    if (!version.starts_with("==")) return false;
    version = base::Trimmed(version.substr(2));
    if (version.empty() || !std::all_of(version.begin(), version.end(), IsNameCharacter)) return false;
  }
  const auto entries = base::HostFileSystem().List(site_packages);
  if (!entries.ok()) return false;
  constexpr std::string_view kSuffix = ".dist-info";
  return std::any_of(entries->begin(), entries->end(), [&](const base::DirectoryEntry& entry) {
    std::string_view what = entry.name;
    if (!what.ends_with(kSuffix)) return false;
    what.remove_suffix(kSuffix.size());
    const std::size_t dash = what.find('-');
    if (dash == std::string_view::npos || NormalizedName(what.substr(0, dash)) != name) return false;
    return version.empty() || what.substr(dash + 1) == version;
  });
}

absl::StatusOr<std::string> HostOfIndex(std::string_view url) {
  const auto refuse = [&] {
    // Without what may be a password.
    const std::string_view shown = url.find('@') == std::string_view::npos ? url : url.substr(url.rfind('@') + 1);
    return base::Error(ErrorCode::kInvalidArgument,
                       fmt::format("package index '{}' is no http or https URL", base::Printable(shown)));
  };
  const bool secure = url.starts_with("https://");
  if (!secure && !url.starts_with("http://")) return refuse();
  if (std::any_of(url.begin(), url.end(), [](char c) { return IsControl(c) || c == ' ' || c == '\t'; }))
    return refuse();
  std::string_view authority = url.substr(secure ? 8 : 7);
  authority = authority.substr(0, authority.find_first_of("/?#"));
  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) authority.remove_prefix(at + 1);
  const std::size_t bracket = authority.rfind(']');
  const std::size_t colon = authority.rfind(':');
  const bool has_port = colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
  if (authority.empty() || (has_port && (colon == 0 || colon + 1 == authority.size()))) return refuse();
  return has_port ? std::string(authority) : fmt::format("{}:{}", authority, secure ? 443 : 80);
}

}  // namespace leash::python
