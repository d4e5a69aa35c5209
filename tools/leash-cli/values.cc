#include "values.h"

#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <string>

#include "base/environment.h"
#include "base/status.h"
#include "base/text.h"
#include "fmt/format.h"
#include "leash/access.h"

namespace leash::cli {
namespace {

absl::Status Wrong(std::string_view text, std::string_view expected) {
  return base::Error(ErrorCode::kInvalidArgument, fmt::format("'{}' is not {}", base::Printable(text), expected));
}

bool IsDigits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// "12" or "12.5".
bool IsPlainNumber(std::string_view text) {
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos) return IsDigits(text);
  return IsDigits(text.substr(0, dot)) && IsDigits(text.substr(dot + 1));
}

int ShiftOfSuffix(char suffix) {
  switch (suffix) {
    case 'K':
    case 'k':
      return 10;
    case 'M':
    case 'm':
      return 20;
    case 'G':
    case 'g':
      return 30;
    case 'T':
    case 't':
      return 40;
    default:
      return 0;
  }
}

std::optional<std::uint64_t> ToNumber(std::string_view digits) {
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (parsed.ec != std::errc()) return std::nullopt;
  return number;
}

}  // namespace

absl::StatusOr<std::uint64_t> ParseSize(std::string_view text) {
  const int shift = text.empty() ? 0 : ShiftOfSuffix(text.back());
  const std::string_view digits = shift == 0 ? text : text.substr(0, text.size() - 1);
  if (!IsDigits(digits)) return Wrong(text, "a size (bytes, or a number with K, M, G or T, such as 512M)");
  const std::optional<std::uint64_t> number = ToNumber(digits);
  if (!number.has_value() || *number > std::numeric_limits<std::uint64_t>::max() >> shift) {
    return Wrong(text, "a size that 64 bits can hold");
  }
  return *number << shift;
}

std::string FormatSize(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 5> kUnits = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  for (; unit + 1 < kUnits.size() && bytes >= 1024 && bytes % 1024 == 0; bytes /= 1024) ++unit;
  return fmt::format("{} {}", bytes, kUnits[unit]);
}

absl::StatusOr<std::uint64_t> ParseCount(std::string_view text) {
  if (!IsDigits(text)) return Wrong(text, "a whole number");
  const std::optional<std::uint64_t> number = ToNumber(text);
  if (!number.has_value()) return Wrong(text, "a number that 64 bits can hold");
  return *number;
}

absl::StatusOr<absl::Duration> ParseTime(std::string_view text) {
  absl::Duration duration;
  const std::string with_unit = IsPlainNumber(text) ? std::string(text) + "s" : std::string(text);
  if (!absl::ParseDuration(with_unit, &duration)) {
    return Wrong(text, "a duration (seconds, or a form such as 1m30s or 250ms)");
  }
  if (duration <= absl::ZeroDuration()) return Wrong(text, "a duration of more than zero");
  if (duration == absl::InfiniteDuration()) return Wrong(text, "a finite duration");
  return duration;
}

absl::StatusOr<bool> ParseBool(std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return Wrong(text, "true or false");
}

absl::StatusOr<Grant> ParseGrant(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return Wrong(text, "MODE:PATH (MODE is r, rw, rx or rwx)");
  LEASH_ASSIGN_OR_RETURN(const Access access, ParseAccess(text.substr(0, colon)));
  const std::string_view path = text.substr(colon + 1);
  if (path.empty()) return Wrong(text, "MODE:PATH (the path is empty)");
  return Grant{std::string(path), access};
}

absl::StatusOr<std::pair<std::string, std::string>> ParseAssignment(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos || !base::IsEnvironmentName(text.substr(0, equals))) {
    return Wrong(text, "KEY=VALUE");
  }
  return std::pair(std::string(text.substr(0, equals)), std::string(text.substr(equals + 1)));
}

}  // namespace leash::cli
