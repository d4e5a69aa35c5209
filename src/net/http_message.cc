#include "net/http_message.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "absl/strings/ascii.h"
#include "base/text.h"
#include "fmt/format.h"
#include "net/ip_address.h"
#include "nlohmann/json.hpp"

namespace leash::net {
namespace {

bool IsVisible(char c) { return absl::ascii_isgraph(static_cast<unsigned char>(c)); }
bool IsDigit(char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); }
bool IsAlpha(char c) { return absl::ascii_isalpha(static_cast<unsigned char>(c)); }
char Lower(char c) { return absl::ascii_tolower(static_cast<unsigned char>(c)); }

// reg-name of RFC 3986: unreserved, sub-delims and '%'.
bool IsHostCharacter(char c) {
  return IsAlpha(c) || IsDigit(c) || std::string_view("-._~%!$&'()*+,;=").find(c) != std::string_view::npos;
}

template <typename F>
void ForEachListed(std::string_view value, F use) {
  while (true) {
    const std::size_t comma = value.find(',');
    if (const auto item = base::Trimmed(value.substr(0, comma), " \t"); !item.empty()) use(item);
    if (comma == std::string_view::npos) return;
    value.remove_prefix(comma + 1);
  }
}

template <typename Names>
bool Holds(const Names& names, std::string_view name) {
  return std::any_of(std::begin(names), std::end(names),
                     [&](std::string_view other) { return EqualsIgnoringCase(name, other); });
}

constexpr std::string_view kForThisConnection[] = {"connection", "keep-alive",        "te",
                                                   "trailer",    "transfer-encoding", "upgrade"};
// What the writers make themselves.
constexpr std::string_view kWrittenFields[] = {"connection", "content-length", "transfer-encoding", "upgrade"};
// Where a message goes and how long it is, is nothing that the sender may have us forget.
constexpr std::string_view kNeverListed[] = {"host", "content-length"};

// RFC 9110, 15, and RFC 6585: what a proxy has to say for itself.
constexpr std::pair<int, std::string_view> kReasonPhrases[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {200, "OK"},
    {204, "No Content"},
    {304, "Not Modified"},
    {400, "Bad Request"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {426, "Upgrade Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {511, "Network Authentication Required"},
};

// A port that is not 0; none for anything else, the empty text included.
std::optional<std::uint16_t> ParsePort(std::string_view text) {
  std::uint16_t port = 0;
  if (text.empty() || !std::all_of(text.begin(), text.end(), IsDigit)) return std::nullopt;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), port);
  if (parsed.ec != std::errc() || port == 0) return std::nullopt;
  return port;
}

// The host at the front of `text`, and the rest behind it.
std::optional<std::string> TakeHost(std::string_view& text) {
  std::string_view host;
  if (!text.empty() && text[0] == '[') {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    host = text.substr(1, end - 1);
    text.remove_prefix(end + 1);
    if (host.find(':') == std::string_view::npos || !IpAddress::Parse(host).has_value()) return std::nullopt;
  } else {
    host = text.substr(0, text.find(':'));
    text.remove_prefix(host.size());
    if (host.empty() || !std::all_of(host.begin(), host.end(), IsHostCharacter)) return std::nullopt;
  }
  return std::string(host);
}

bool IsScheme(std::string_view text) {
  return !text.empty() && IsAlpha(text[0]) && std::all_of(text.begin(), text.end(), [](char c) {
    return IsAlpha(c) || IsDigit(c) || c == '+' || c == '-' || c == '.';
  });
}

void SetPathAndQuery(HttpTarget& target, std::string_view text) {
  const std::size_t mark = text.find('?');
  target.path = text.substr(0, mark);
  if (target.path.empty()) target.path = "/";
  if (mark != std::string_view::npos) target.query = text.substr(mark + 1);
}

std::optional<HttpTarget> ParseAbsolute(std::string_view text) {
  const std::size_t colon = text.find("://");
  if (colon == std::string_view::npos || !IsScheme(text.substr(0, colon))) return std::nullopt;
  HttpTarget target;
  target.form = HttpTargetForm::kAbsolute;
  target.scheme = text.substr(0, colon);
  std::transform(target.scheme.begin(), target.scheme.end(), target.scheme.begin(), Lower);
  text.remove_prefix(colon + 3);
  const std::size_t end = std::min(text.find_first_of("/?"), text.size());
  auto authority = ParseAuthority(text.substr(0, end));
  if (!authority.has_value()) return std::nullopt;
  target.authority = *std::move(authority);
  SetPathAndQuery(target, text.substr(end));
  return target;
}

void AppendField(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

// Everything behind the start line.
void AppendFields(std::string& out, const HttpHead& head) {
  for (const auto& [name, value] : head.fields) {
    if (!Holds(kWrittenFields, name)) AppendField(out, name, value);
  }
  if (head.framing == HttpFraming::kChunked) {
    AppendField(out, "Transfer-Encoding", "chunked");
  } else if (head.framing == HttpFraming::kLength || (head.framing == HttpFraming::kNone && head.content_length)) {
    AppendField(out, "Content-Length", fmt::format("{}", head.content_length.value_or(0)));
  }
  const bool close = !head.keep_alive || head.framing == HttpFraming::kUntilClose;
  if (!head.upgrade.empty()) {
    AppendField(out, "Connection", close ? "close, upgrade" : "upgrade");
    AppendField(out, "Upgrade", head.upgrade);
  } else if (close) {
    AppendField(out, "Connection", "close");
  }
  out.append("\r\n");
}

}  // namespace

bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return Lower(x) == Lower(y); });
}

std::optional<std::string_view> FindField(const HttpFields& fields, std::string_view name) {
  for (const auto& [other, value] : fields) {
    if (EqualsIgnoringCase(other, name)) return value;
  }
  return std::nullopt;
}

bool ListsToken(const HttpFields& fields, std::string_view name, std::string_view token) {
  bool found = false;
  for (const auto& [other, value] : fields) {
    if (!EqualsIgnoringCase(other, name)) continue;
    ForEachListed(value, [&](std::string_view item) { found = found || EqualsIgnoringCase(item, token); });
  }
  return found;
}

void RemoveField(HttpFields& fields, std::string_view name) {
  std::erase_if(fields, [&](const auto& field) { return EqualsIgnoringCase(field.first, name); });
}

void SetField(HttpFields& fields, std::string_view name, std::string_view value) {
  const auto same = [&](const auto& field) { return EqualsIgnoringCase(field.first, name); };
  const auto first = std::find_if(fields.begin(), fields.end(), same);
  if (first == fields.end()) {
    fields.emplace_back(name, value);
    return;
  }
  // Before anything moves: both may be views into what is replaced.
  std::pair<std::string, std::string> field(name, value);
  fields.erase(std::remove_if(first + 1, fields.end(), same), fields.end());
  *first = std::move(field);
}

void RemoveHopByHop(HttpFields& fields) {
  std::vector<std::string> listed;
  for (const auto& [name, value] : fields) {
    if (!EqualsIgnoringCase(name, "connection")) continue;
    ForEachListed(value, [&](std::string_view item) {
      if (!Holds(kNeverListed, item)) listed.emplace_back(item);
    });
  }
  std::erase_if(fields, [&](const auto& field) {
    const std::string_view name = field.first;
    return Holds(kForThisConnection, name) || EqualsIgnoringCase(name.substr(0, 6), "proxy-") || Holds(listed, name);
  });
}

std::optional<HttpAuthority> ParseAuthority(std::string_view text) {
  auto host = TakeHost(text);
  if (!host.has_value()) return std::nullopt;
  HttpAuthority authority{*std::move(host), std::nullopt};
  if (text.empty() || text == ":") return authority;
  if (text[0] != ':') return std::nullopt;
  authority.port = ParsePort(text.substr(1));
  if (!authority.port.has_value()) return std::nullopt;
  return authority;
}

std::string HttpTarget::ToOriginForm() const { return query.has_value() ? fmt::format("{}?{}", path, *query) : path; }

std::optional<HttpTarget> ParseTarget(std::string_view method, std::string_view target) {
  if (target.empty() || !std::all_of(target.begin(), target.end(), IsVisible)) return std::nullopt;
  if (target.find('#') != std::string_view::npos) return std::nullopt;
  HttpTarget result;
  if (method == "CONNECT") {
    auto authority = ParseAuthority(target);
    if (!authority.has_value() || !authority->port.has_value()) return std::nullopt;
    result.form = HttpTargetForm::kAuthority;
    result.authority = *std::move(authority);
    return result;
  }
  if (target == "*") {
    if (method != "OPTIONS") return std::nullopt;
    result.form = HttpTargetForm::kAsterisk;
    result.path = "*";
    return result;
  }
  if (target[0] != '/') return ParseAbsolute(target);
  SetPathAndQuery(result, target);
  return result;
}

std::string WriteRequestHead(const HttpHead& head) {
  std::string out = fmt::format("{} {} HTTP/1.1\r\n", head.method, head.target);
  AppendFields(out, head);
  return out;
}

std::string WriteResponseHead(const HttpHead& head) {
  std::string out = fmt::format("HTTP/1.1 {} {}\r\n", head.status, head.reason);
  AppendFields(out, head);
  return out;
}

std::string ErrorResponse(int status, std::string_view code, std::string_view text, const HttpFields& more) {
  nlohmann::ordered_json json;
  json["error"] = code;
  json["message"] = text;
  const std::string body = json.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace) + "\n";
  HttpHead head;
  head.request = false;
  head.status = status;
  head.reason = ReasonPhrase(status);
  head.fields = {
      {"Content-Type", "application/json"}, {"Cache-Control", "no-store"}, {"X-Leash-Reason", std::string(code)}};
  head.fields.insert(head.fields.end(), more.begin(), more.end());
  head.framing = HttpFraming::kLength;
  head.content_length = body.size();
  head.keep_alive = false;
  return WriteResponseHead(head) + body;
}

std::string_view ReasonPhrase(int status) {
  for (const auto& [other, phrase] : kReasonPhrases) {
    if (other == status) return phrase;
  }
  return "Unknown";
}

std::string ChunkHeader(std::size_t size) { return fmt::format("{:x}\r\n", size); }

void AppendChunk(std::string& out, std::string_view body) {
  if (!body.empty()) out.append(ChunkHeader(body.size())).append(body).append(kChunkEnd);
}

std::string LastChunk(const HttpFields& trailers) {
  std::string out = "0\r\n";
  for (const auto& [name, value] : trailers) AppendField(out, name, value);
  return out + "\r\n";
}

}  // namespace leash::net
