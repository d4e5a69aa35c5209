#include "net/host_name.h"

#include <idn2.h>
#include <libpsl.h>

#include <algorithm>
#include <memory>

#include "base/status.h"
#include "base/text.h"
#include "fmt/format.h"
#include "net/ip_address.h"

namespace leash::net {
namespace {

constexpr std::size_t kLongestName = 253;  // RFC 1035, 2.3.4, without the length bytes around it
constexpr std::size_t kLongestLabel = 63;
// Before IDNA: names that could come out short enough are shorter than this, and work on them is bounded.
constexpr std::size_t kLongestText = 1024;

bool IsAscii(char c) { return static_cast<unsigned char>(c) < 0x80; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
bool IsLabelByte(char c) { return (c >= 'a' && c <= 'z') || IsDigit(c) || c == '-' || c == '_'; }
bool IsHexDigit(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f'); }

void Lower(std::string& text) {
  for (char& c : text) {
    if (IsUpper(c)) c = static_cast<char>(c - 'A' + 'a');
  }
}

// Would some program read this as the end of an IPv4 address (URL Standard, "ends in a number checker")?
bool EndsInNumber(std::string_view name) {
  std::string_view last = name.substr(name.rfind('.') + 1);  // npos + 1 is 0
  if (!last.empty() && std::all_of(last.begin(), last.end(), IsDigit)) return true;
  if (!last.starts_with("0x")) return false;
  last.remove_prefix(2);
  return std::all_of(last.begin(), last.end(), IsHexDigit);
}

// What is wrong with a name in lower case; static text, so that asking costs nothing.
struct NameProblem {
  std::size_t offset = 0;
  std::string_view why;
};

std::string_view WhyNotInHost(char c) {
  switch (c) {
    case '\0':
      return "a NUL byte";
    case '@':
      return "a user name does not belong to a host";
    case '%':
      return "a host is not percent-encoded, and has no zone";
    case '*':
      return "a star stands only in front of a name, as *. or **.";
    default:
      return "this does not belong in a host name";
  }
}

std::optional<NameProblem> CheckName(std::string_view name) {
  if (name.empty()) return NameProblem{0, "the host name is missing"};
  std::size_t label = 0;  // where it starts
  for (std::size_t i = 0; i <= name.size(); ++i) {
    if (i < name.size() && name[i] != '.') {
      if (!IsLabelByte(name[i])) return NameProblem{i, WhyNotInHost(name[i])};
      continue;
    }
    if (i == label) return NameProblem{i, "an empty label"};
    if (i - label > kLongestLabel) return NameProblem{label, "a label has 63 characters at most"};
    label = i + 1;
  }
  if (name.size() > kLongestName) return NameProblem{kLongestName, "a name has 253 characters at most"};
  return std::nullopt;
}

std::optional<HostProblem> NormalizeAddress(std::string_view text, std::size_t offset, std::string& host) {
  const auto address = IpAddress::Parse(text);
  if (!address.has_value()) return HostProblem{offset, "this is no IPv6 address"};
  host = address->ToString();
  return std::nullopt;
}

// IDNA, for a text that is not ASCII.
std::optional<HostProblem> ToALabels(std::string_view text, std::string& host) {
  std::string copy(text);
  Lower(copy);
  for (std::size_t i = 0; i < copy.size(); ++i) {
    // Full stops are IDNA's to judge, since it knows more than one.
    if (IsAscii(copy[i]) && !IsLabelByte(copy[i]) && copy[i] != '.')
      return HostProblem{i, std::string(WhyNotInHost(copy[i]))};
  }
  char* labels = nullptr;
  const int result = idn2_to_ascii_8z(copy.c_str(), &labels, IDN2_NONTRANSITIONAL);
  const std::unique_ptr<char, decltype(&idn2_free)> owner(labels, [](void* memory) { idn2_free(memory); });
  const auto first = std::find_if_not(text.begin(), text.end(), IsAscii);
  const auto offset = static_cast<std::size_t>(first - text.begin());
  if (result != IDN2_OK) return HostProblem{offset, fmt::format("no international name: {}", idn2_strerror(result))};
  host = labels;
  Lower(host);
  if (const auto problem = CheckName(host)) return HostProblem{offset, std::string(problem->why)};
  if (EndsInNumber(host)) return HostProblem{offset, "an address is written in plain digits"};
  return std::nullopt;
}

}  // namespace

std::optional<HostProblem> NormalizeHostTo(std::string_view text, std::string& host) {
  if (text.size() > kLongestText) return HostProblem{kLongestName, "a name has 253 characters at most"};
  if (text.starts_with('[')) {
    if (!text.ends_with(']') || text.find(':') == std::string_view::npos) {
      return HostProblem{0, "brackets stand around an IPv6 address, and only there"};
    }
    return NormalizeAddress(text.substr(1, text.size() - 2), 1, host);
  }
  if (text.find(':') != std::string_view::npos) return NormalizeAddress(text, 0, host);
  if (text.size() > 1 && text.ends_with('.')) text.remove_suffix(1);
  if (!std::all_of(text.begin(), text.end(), IsAscii)) return ToALabels(text, host);
  std::string name(text);
  Lower(name);
  if (const auto problem = CheckName(name)) return HostProblem{problem->offset, std::string(problem->why)};
  if (EndsInNumber(name)) {
    const auto address = IpAddress::Parse(name);
    if (!address.has_value()) {
      return HostProblem{name.rfind('.') + 1, "this ends in a number and is no IPv4 address of four decimal numbers"};
    }
    name = address->ToString();
  }
  host = std::move(name);
  return std::nullopt;
}

absl::StatusOr<std::string> NormalizeHost(std::string_view text) {
  std::string host;
  const auto problem = NormalizeHostTo(text, host);
  if (!problem.has_value()) return host;
  return base::Error(ErrorCode::kInvalidArgument,
                     fmt::format("host '{}', at character {}: {}", base::Printable(text),
                                 base::CharacterNumber(text, problem->offset), problem->why));
}

bool IsNormalHost(std::string_view text) {
  if (text.find(':') == std::string_view::npos) {
    if (CheckName(text).has_value()) return false;
    if (!EndsInNumber(text)) return true;
  }
  const auto address = IpAddress::Parse(text);
  return address.has_value() && address->ToString() == text;
}

bool IsPublicSuffix(std::string_view name) {
  // None in a libpsl that was built to read a file. Touching the disk is not for a rule's parser.
  const psl_ctx_t* list = psl_builtin();
  if (list == nullptr) return name.find('.') == std::string_view::npos;
  return psl_is_public_suffix2(list, std::string(name).c_str(), PSL_TYPE_ANY) != 0;
}

}  // namespace leash::net
