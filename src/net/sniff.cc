#include "net/sniff.h"

#include <algorithm>
#include <cstddef>

namespace leash::net {
namespace {

// The registry of RFC 9110, 16.1.1, without PRI; WebDAV's and those of UPnP, which servers know as well.
constexpr std::string_view kMethods[] = {
    "ACL",
    "BASELINE-CONTROL",
    "BIND",
    "CHECKIN",
    "CHECKOUT",
    "CONNECT",
    "COPY",
    "DELETE",
    "GET",
    "HEAD",
    "LABEL",
    "LINK",
    "LOCK",
    "MERGE",
    "MKACTIVITY",
    "MKCALENDAR",
    "MKCOL",
    "MKREDIRECTREF",
    "MKWORKSPACE",
    "MOVE",
    "NOTIFY",
    "OPTIONS",
    "ORDERPATCH",
    "PATCH",
    "POST",
    "PROPFIND",
    "PROPPATCH",
    "PURGE",
    "PUT",
    "QUERY",
    "REBIND",
    "REPORT",
    "SEARCH",
    "SUBSCRIBE",
    "TRACE",
    "UNBIND",
    "UNCHECKOUT",
    "UNLINK",
    "UNLOCK",
    "UNSUBSCRIBE",
    "UPDATE",
    "UPDATEREDIRECTREF",
    "VERSION-CONTROL",
};
// A first line longer than that is not waited for: the HTTP reader refuses it.
constexpr std::size_t kMostLine = 16 * 1024;

char Upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

bool StartsWith(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() &&
         std::equal(prefix.begin(), prefix.end(), text.begin(), [](char a, char b) { return Upper(a) == Upper(b); });
}

bool NamesHttp(std::string_view line) {
  for (std::size_t i = 0; i + 6 <= line.size(); ++i) {
    if (StartsWith(line.substr(i), "HTTP/1")) return true;
  }
  return false;
}

}  // namespace

Sniffed Sniff(std::string_view bytes) {
  if (bytes.empty()) return Sniffed::kMore;
  if (bytes[0] == '\x16') return Sniffed::kTls;
  const std::size_t begin = bytes.find_first_not_of("\r\n");
  if (begin == std::string_view::npos) return bytes.size() > kMostLine ? Sniffed::kHttp : Sniffed::kMore;
  bytes.remove_prefix(begin);
  const std::string_view line = bytes.substr(0, bytes.find('\n'));
  if (NamesHttp(line)) return Sniffed::kHttp;
  const bool whole = line.size() < bytes.size();
  for (const std::string_view method : kMethods) {
    if (bytes.size() <= method.size()) {
      if (!whole && StartsWith(method, bytes)) return Sniffed::kMore;
    } else if (StartsWith(bytes, method) && (bytes[method.size()] == ' ' || bytes[method.size()] == '\t')) {
      // Without a version it is HTTP/0.9, which names no host, or no HTTP at all.
      if (whole) return Sniffed::kOpaque;
      return bytes.size() > kMostLine ? Sniffed::kHttp : Sniffed::kMore;
    }
  }
  return Sniffed::kOpaque;
}

}  // namespace leash::net
