#include "leash/network.h"

#include <algorithm>
#include <charconv>

#include "base/status.h"
#include "base/text.h"
#include "fmt/format.h"

namespace leash {
namespace {

std::string NormalizeHost(std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  std::string result(host);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

bool IsHostByte(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.'; }

}  // namespace

AllowList::AllowList(std::initializer_list<std::string_view> patterns) {
  for (const std::string_view pattern : patterns) Add(pattern);
}

AllowList::AllowList(const std::vector<std::string>& patterns) {
  for (const std::string& pattern : patterns) Add(pattern);
}

void AllowList::Add(std::string_view text) {
  const auto refuse = [&](std::size_t position, std::string_view why) {
    if (!status_.ok()) return;
    status_ = base::Error(ErrorCode::kInvalidArgument, fmt::format("host pattern '{}', at character {}: {}",
                                                                   base::Printable(text), position + 1, why));
  };
  Pattern pattern;
  std::string_view host = text;
  if (const std::size_t colon = host.rfind(':'); colon != std::string_view::npos) {
    const std::string_view digits = host.substr(colon + 1);
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), pattern.port);
    if (parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size() || pattern.port == 0) {
      return refuse(colon + 1, "a port is a number from 1 to 65535");
    }
    host = host.substr(0, colon);
  }
  std::size_t offset = 0;
  if (host.starts_with("*.")) {
    pattern.subdomains = true;
    offset = 2;
    host.remove_prefix(2);
  }
  pattern.host = NormalizeHost(host);
  if (pattern.host.empty()) return refuse(offset, "the host name is missing");
  for (std::size_t i = 0; i < pattern.host.size(); ++i) {
    if (!IsHostByte(pattern.host[i])) return refuse(offset + i, "this does not belong in a host name");
    if (pattern.host[i] == '.' && (i == 0 || pattern.host[i - 1] == '.')) return refuse(offset + i, "an empty label");
  }
  patterns_.push_back(std::move(pattern));
}

Verdict AllowList::Check(const NetworkRequest& request) const {
  const std::string host = NormalizeHost(request.host);
  const auto matches = [&](const Pattern& pattern) {
    if (pattern.port != 0 && pattern.port != request.port) return false;
    if (!pattern.subdomains) return host == pattern.host;
    return host.size() > pattern.host.size() + 1 && host.ends_with(pattern.host) &&
           host[host.size() - pattern.host.size() - 1] == '.';
  };
  return std::any_of(patterns_.begin(), patterns_.end(), matches) ? Verdict::kAllow : Verdict::kDeny;
}

}  // namespace leash
