#include "net/url_path.h"

#include <algorithm>

namespace leash::net {
namespace {

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The byte that an escape at `at` stands for; -1 when it is malformed.
int EscapedByte(std::string_view text, std::size_t at) {
  if (at + 2 >= text.size()) return -1;
  const int high = HexValue(text[at + 1]);
  const int low = HexValue(text[at + 2]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

bool IsOneOf(int byte, std::string_view set) {
  return byte > 0 && byte < 0x80 && set.find(static_cast<char>(byte)) != std::string_view::npos;
}
bool IsAlphanumeric(int byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9');
}
bool IsUnreserved(int byte) { return IsAlphanumeric(byte) || IsOneOf(byte, "-._~"); }
// What may stand bare between slashes: pchar of RFC 3986.
bool IsPathByte(int byte) { return IsUnreserved(byte) || IsOneOf(byte, "!$&'()*+,;=:@"); }
bool IsControl(int byte) { return byte < 0x20 || byte == 0x7f; }
// A second form of ASCII, which is not UTF-8, and which some decoders read all the same.
bool BeginsOverlong(int byte) { return byte == 0xc0 || byte == 0xc1; }

void AppendEscaped(int byte, std::string& to) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  to += '%';
  to += kDigits[static_cast<std::size_t>(byte) / 16];
  to += kDigits[static_cast<std::size_t>(byte) % 16];
}

// Would a server that decodes twice find something? Asked of bytes in their one form: %25%32%65 is %252e by then.
bool HasEscapedEscape(std::string_view path) {
  for (std::size_t at = path.find("%25"); at != std::string_view::npos; at = path.find("%25", at + 3)) {
    if (at + 4 < path.size() && HexValue(path[at + 3]) >= 0 && HexValue(path[at + 4]) >= 0) return true;
  }
  return false;
}

// Every byte in its one form; false for bytes that servers disagree about.
bool NormalizeBytes(std::string_view path, std::string& to) {
  for (std::size_t i = 0; i < path.size(); ++i) {
    int byte = static_cast<unsigned char>(path[i]);
    if (byte != '%') {
      if (IsControl(byte) || IsOneOf(byte, " \\?#") || BeginsOverlong(byte)) return false;
      if (byte == '/' || IsPathByte(byte)) {
        to += path[i];
      } else {
        AppendEscaped(byte, to);
      }
      continue;
    }
    byte = EscapedByte(path, i);
    if (byte < 0 || IsControl(byte) || IsOneOf(byte, "/\\") || BeginsOverlong(byte)) return false;
    i += 2;
    if (IsUnreserved(byte)) {
      to += static_cast<char>(byte);
    } else {
      AppendEscaped(byte, to);
    }
  }
  return !HasEscapedEscape(to);
}

// The segment without its parameters (RFC 3986, 3.3), which some servers cut off before they look at dots.
std::string_view WithoutParameters(std::string_view segment) {
  return segment.substr(0, std::min(segment.find(';'), segment.find("%3B")));
}

}  // namespace

std::optional<std::string> NormalizePath(std::string_view path) {
  if (path.empty()) return "/";
  if (path.front() != '/') return std::nullopt;
  std::string bytes;
  bytes.reserve(path.size());
  if (!NormalizeBytes(path, bytes)) return std::nullopt;

  std::string result;
  result.reserve(bytes.size());
  std::string_view rest = bytes;
  while (!rest.empty()) {  // rest begins with a slash
    const std::size_t end = std::min(rest.find('/', 1), rest.size());
    const std::string_view segment = rest.substr(1, end - 1);
    rest.remove_prefix(end);
    const bool last = rest.empty();
    const std::string_view bare = WithoutParameters(segment);
    const bool is_dots = bare == "." || bare == "..";
    if (bare.size() != segment.size() && (is_dots || bare.empty())) return std::nullopt;
    if (segment.empty() && !last) return std::nullopt;
    if (!is_dots) {
      result.append("/").append(segment);
      continue;
    }
    if (segment == "..") {
      if (result.empty()) return std::nullopt;
      result.resize(result.rfind('/'));
    }
    if (last) result += '/';
  }
  return result;
}

}  // namespace leash::net
