#include "net/host_pattern.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/status.h"
#include "base/text.h"
#include "fmt/format.h"
#include "net/host_name.h"
#include "net/url_path.h"

namespace leash::net {
namespace {

constexpr std::string_view kOnPurpose = "public-suffix:";

struct SchemeRow {
  std::string_view text;
  Scheme scheme;
  bool carries_requests;
  PortRange ports;
};
constexpr std::array kSchemes = {
    SchemeRow{"tcp", Scheme::kAny, false, {}},
    SchemeRow{"tls", Scheme::kTls, false, {}},
    SchemeRow{"http", Scheme::kHttp, true, {80, 80}},
    SchemeRow{"https", Scheme::kHttps, true, {443, 443}},
};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsMethodByte(char c) { return (c >= 'A' && c <= 'Z') || IsDigit(c) || c == '-' || c == '_'; }

// Reads a pattern from left to right. Each step leaves `at_` at the first byte that it did not take.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) { pattern_.text = std::string(text); }

  absl::StatusOr<HostPattern> Parse() {
    LEASH_RETURN_IF_ERROR(ReadPrefixes());
    LEASH_RETURN_IF_ERROR(ReadHost());
    LEASH_RETURN_IF_ERROR(ReadPorts());
    LEASH_RETURN_IF_ERROR(ReadPath());
    LEASH_RETURN_IF_ERROR(CheckWhole());
    return std::move(pattern_);
  }

 private:
  std::string_view Rest() const { return text_.substr(at_); }

  absl::Status Refuse(std::size_t offset, std::string_view why) const {
    return base::Error(ErrorCode::kInvalidArgument,
                       fmt::format("host pattern '{}', at character {}: {}", base::Printable(text_),
                                   base::CharacterNumber(text_, offset), why));
  }

  absl::Status ReadPrefixes() {
    if (text_.starts_with(kOnPurpose)) {
      on_purpose_ = true;
      at_ = kOnPurpose.size();
    }
    if (const std::size_t space = text_.find(' ', at_); space != std::string_view::npos) {
      LEASH_RETURN_IF_ERROR(ReadMethods(space));
    }
    const std::size_t end = Rest().find("://");
    if (end == std::string_view::npos) return absl::OkStatus();
    const auto row = std::find_if(kSchemes.begin(), kSchemes.end(),
                                  [&](const SchemeRow& candidate) { return candidate.text == Rest().substr(0, end); });
    if (row == kSchemes.end()) return Refuse(at_, "known are tcp://, tls://, http:// and https://");
    scheme_ = &*row;
    pattern_.scheme = row->scheme;
    pattern_.ports = row->ports;
    at_ += end + 3;
    return absl::OkStatus();
  }

  absl::Status ReadMethods(std::size_t end) {
    while (at_ <= end) {
      const std::size_t stop = std::min(text_.find(',', at_), end);
      const std::string_view method = text_.substr(at_, stop - at_);
      const auto strange = std::find_if_not(method.begin(), method.end(), IsMethodByte);
      if (method.empty() || strange != method.end()) {
        return Refuse(at_ + static_cast<std::size_t>(strange - method.begin()),
                      "in front of a space stand methods of HTTP in capitals, such as GET or GET,HEAD");
      }
      if (method == "CONNECT") return Refuse(at_, "CONNECT asks for a tunnel to a host: write the host alone");
      pattern_.methods.emplace_back(method);
      at_ = stop + 1;
    }
    std::sort(pattern_.methods.begin(), pattern_.methods.end());
    pattern_.methods.erase(std::unique(pattern_.methods.begin(), pattern_.methods.end()), pattern_.methods.end());
    return absl::OkStatus();
  }

  absl::Status ReadHost() {
    host_at_ = at_;
    if (Rest().starts_with('[')) return ReadBracketed();
    if (Rest().empty()) return Refuse(at_, "the host name is missing");
    const bool could_be_prefix = scheme_ == nullptr && pattern_.methods.empty();
    if (could_be_prefix) {
      if (const auto prefix = IpPrefix::Parse(Rest())) return TakePrefix(*prefix, Rest().size());
    }
    const std::size_t length = std::min(Rest().find_first_of(":/"), Rest().size());
    if (could_be_prefix && at_ + length < text_.size() && text_[at_ + length] == '/' &&
        IpAddress::Parse(Rest().substr(0, length)).has_value()) {
      return ReadAddressAndSlash(length);
    }
    if (std::count(text_.begin() + static_cast<std::ptrdiff_t>(at_), text_.end(), ':') > 1) {
      return Refuse(at_, "this is no IPv6 address; in front of a port or a path it stands in brackets");
    }
    return ReadName(Rest().substr(0, length));
  }

  absl::Status TakePrefix(const IpPrefix& prefix, std::size_t length) {
    pattern_.hosts = HostPattern::Hosts::kAddresses;
    pattern_.prefix = prefix;
    at_ += length;
    return absl::OkStatus();
  }

  absl::Status ReadBracketed() {
    const std::size_t end = Rest().find(']');
    if (end == std::string_view::npos) return Refuse(at_, "the bracket is not closed");
    const auto prefix = IpPrefix::Parse(Rest().substr(1, end - 1));
    if (!prefix.has_value()) return RefusePrefix(at_ + 1);
    LEASH_RETURN_IF_ERROR(TakePrefix(*prefix, end + 1));
    if (Rest().empty() || Rest().front() == ':' || Rest().front() == '/') return absl::OkStatus();
    return Refuse(at_, "behind the bracket comes a port or a path");
  }

  absl::Status RefusePrefix(std::size_t offset) const {
    return Refuse(offset,
                  "this is neither an address nor a prefix such as 10.0.0.0/8 or fd00::/8, with no bit set behind its "
                  "length");
  }

  // An IPv4 address of `length` bytes with a slash behind it: a prefix, as in 10.0.0.0/8:443, or a path.
  absl::Status ReadAddressAndSlash(std::size_t length) {
    const std::size_t digits = at_ + length + 1;
    const std::size_t end =
        std::find_if_not(text_.begin() + static_cast<std::ptrdiff_t>(digits), text_.end(), IsDigit) - text_.begin();
    if (end == digits) return ReadName(Rest().substr(0, length));
    if (end == text_.size() || text_[end] == ':') {
      const auto prefix = IpPrefix::Parse(text_.substr(at_, end - at_));
      return prefix.has_value() ? TakePrefix(*prefix, end - at_) : RefusePrefix(at_);
    }
    return Refuse(digits, "the length of a prefix, or a path? Brackets say so: [10.0.0.0/8]/path, [10.0.0.1]/8/path");
  }

  // [*.|**.]name, or ** alone, or an IPv4 address.
  absl::Status ReadName(std::string_view host) {
    using Hosts = HostPattern::Hosts;
    at_ += host.size();
    if (host == "**") {
      pattern_.hosts = Hosts::kAll;
      return absl::OkStatus();
    }
    if (host == "*") return Refuse(host_at_, "every host is written **, as in **:443");
    std::size_t offset = 0;
    if (host.starts_with("*.")) {
      pattern_.hosts = Hosts::kBelow;
      offset = 2;
    } else if (host.starts_with("**.")) {
      pattern_.hosts = Hosts::kAtAndBelow;
      offset = 3;
    }
    if (const auto problem = NormalizeHostTo(host.substr(offset), pattern_.host)) {
      return Refuse(host_at_ + offset + problem->offset, problem->why);
    }
    if (const auto address = IpAddress::Parse(pattern_.host)) {
      if (offset != 0) return Refuse(host_at_, "nothing stands below an address; a prefix is written 10.0.0.0/8");
      pattern_.host.clear();
      return TakePrefix({*address, static_cast<int>(address->bytes().size()) * 8}, 0);
    }
    if (offset != 0 && !on_purpose_ && IsPublicSuffix(pattern_.host)) {
      return Refuse(host_at_, fmt::format("anyone may register a name below '{}' (Public Suffix List), so this lets "
                                          "strangers in; if it is meant, write {}{}",
                                          pattern_.host, kOnPurpose, base::Printable(text_)));
    }
    return absl::OkStatus();
  }

  absl::Status ReadPorts() {
    if (!Rest().starts_with(':')) return absl::OkStatus();
    ++at_;
    const std::size_t end = std::min(text_.find('/', at_), text_.size());
    const std::string_view ports = text_.substr(at_, end - at_);
    const std::size_t start = at_;
    at_ = end;
    if (ports == "*") {
      pattern_.ports = {};
      return absl::OkStatus();
    }
    const std::size_t dash = std::min(ports.find('-'), ports.size());
    LEASH_RETURN_IF_ERROR(ReadPort(start, ports.substr(0, dash), pattern_.ports.from));
    pattern_.ports.to = pattern_.ports.from;
    if (dash == ports.size()) return absl::OkStatus();
    LEASH_RETURN_IF_ERROR(ReadPort(start + dash + 1, ports.substr(dash + 1), pattern_.ports.to));
    if (pattern_.ports.from > pattern_.ports.to) return Refuse(start, "this range of ports ends before it begins");
    return absl::OkStatus();
  }

  absl::Status ReadPort(std::size_t offset, std::string_view digits, std::uint16_t& port) const {
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (error != std::errc() || end != digits.data() + digits.size() || port == 0) {
      return Refuse(offset, "a port is a number from 1 to 65535, a range such as 8000-8999, or *");
    }
    return absl::OkStatus();
  }

  absl::Status ReadPath() {
    std::string_view path = Rest();
    if (path.empty()) return absl::OkStatus();
    PathPattern result;
    if (path.ends_with("/*")) {
      result.below = true;
      path.remove_suffix(1);
    }
    if (const std::size_t strange = path.find_first_of("*?#"); strange != std::string_view::npos) {
      return Refuse(at_ + strange, path[strange] == '*' ? "a star stands only at the end of a path, after a slash"
                                                        : "a rule is about the path alone, not about what follows it");
    }
    auto normal = NormalizePath(path);
    if (!normal.has_value()) {
      return Refuse(at_, "servers read this path in different ways: see 'Paths' in docs/network.md");
    }
    result.path = *std::move(normal);
    pattern_.path = std::move(result);
    path_at_ = at_;
    return absl::OkStatus();
  }

  absl::Status CheckWhole() const {
    if (scheme_ != nullptr && !scheme_->carries_requests && pattern_.NeedsRequest()) {
      return Refuse(pattern_.path.has_value() ? path_at_ : 0,
                    fmt::format("methods and paths belong to HTTP, not to {}://", scheme_->text));
    }
    if (on_purpose_ &&
        (pattern_.hosts != HostPattern::Hosts::kBelow && pattern_.hosts != HostPattern::Hosts::kAtAndBelow)) {
      return Refuse(0, fmt::format("{} belongs in front of a pattern with *. or **.", kOnPurpose));
    }
    return absl::OkStatus();
  }

  const std::string_view text_;
  std::size_t at_ = 0;
  std::size_t host_at_ = 0;
  std::size_t path_at_ = 0;
  bool on_purpose_ = false;
  const SchemeRow* scheme_ = nullptr;
  HostPattern pattern_;
};

}  // namespace

absl::StatusOr<HostPattern> HostPattern::Parse(std::string_view text) { return Parser(text).Parse(); }

}  // namespace leash::net
