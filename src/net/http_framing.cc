#include "net/http_framing.h"

#include <algorithm>
#include <charconv>

#include "absl/strings/ascii.h"

namespace leash::net {
namespace {

bool IsDigit(char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); }

std::size_t CountFields(const HttpFields& fields, std::string_view name) {
  return static_cast<std::size_t>(std::count_if(
      fields.begin(), fields.end(), [&](const auto& field) { return EqualsIgnoringCase(field.first, name); }));
}

// Digits alone, as RFC 9110 (8.6) has them.
std::optional<std::uint64_t> ParseLength(std::string_view text) {
  std::uint64_t length = 0;
  if (text.empty() || !std::all_of(text.begin(), text.end(), IsDigit)) return std::nullopt;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), length);
  if (parsed.ec != std::errc()) return std::nullopt;
  return length;
}

// "gzip, chunked" is a message that we could forward if we knew gzip; "chunked, gzip" has no end.
int StatusOfCodings(std::string_view value) {
  const std::size_t comma = value.rfind(',');
  if (comma == std::string_view::npos) return 400;
  const std::size_t last = value.find_first_not_of(" \t", comma + 1);
  if (last == std::string_view::npos || !EqualsIgnoringCase(value.substr(last), "chunked")) return 400;
  return ListsToken({{"te", std::string(value.substr(0, comma))}}, "te", "chunked") ? 400 : 501;
}

// By the fields alone.
std::optional<HttpError> FramingOfFields(HttpHead& head) {
  const std::size_t codings = CountFields(head.fields, "transfer-encoding");
  const std::size_t lengths = CountFields(head.fields, "content-length");
  if (codings > 0) {
    if (lengths > 0) return HttpError{400, "both Transfer-Encoding and Content-Length"};
    if (codings > 1) return HttpError{400, "more than one Transfer-Encoding field"};
    if (head.minor_version == 0) return HttpError{400, "Transfer-Encoding in HTTP/1.0"};
    const std::string_view value = *FindField(head.fields, "transfer-encoding");
    if (!EqualsIgnoringCase(value, "chunked")) {
      return HttpError{StatusOfCodings(value), "a Transfer-Encoding other than chunked"};
    }
    head.framing = HttpFraming::kChunked;
  } else if (lengths > 0) {
    if (lengths > 1) return HttpError{400, "more than one Content-Length field"};
    head.content_length = ParseLength(*FindField(head.fields, "content-length"));
    if (!head.content_length.has_value()) return HttpError{400, "a Content-Length that is no number"};
    head.framing = HttpFraming::kLength;
  } else if (!head.request) {
    head.framing = HttpFraming::kUntilClose;
  }
  return std::nullopt;
}

// RFC 9112, 6.3.
bool HasNoBody(const HttpHead& response, std::string_view answered_method) {
  const int status = response.status;
  return status / 100 == 1 || status == 204 || status == 304 || answered_method == "HEAD" ||
         (answered_method == "CONNECT" && status / 100 == 2);
}

}  // namespace

std::optional<HttpError> CheckHost(const HttpHead& head) {
  if (!head.request) return std::nullopt;
  const std::size_t hosts = CountFields(head.fields, "host");
  if (hosts > 1) return HttpError{400, "more than one Host field"};
  if (hosts == 0 && head.minor_version == 0) return std::nullopt;
  if (hosts == 0) return HttpError{400, "no Host field"};
  const std::string_view host = *FindField(head.fields, "host");
  // Empty where the target has no authority (RFC 9112, 3.2).
  if (host.empty() || ParseAuthority(host).has_value()) return std::nullopt;
  return HttpError{400, "a Host field that is no host"};
}

std::optional<HttpError> DeriveFraming(HttpHead& head, std::string_view answered_method, std::uint64_t longest) {
  if (auto error = FramingOfFields(head)) return error;
  if (head.request && head.method == "CONNECT" &&
      (head.framing == HttpFraming::kChunked || head.content_length.value_or(0) > 0)) {
    return HttpError{400, "CONNECT with a body"};
  }
  if (!head.request && HasNoBody(head, answered_method)) {
    head.framing = HttpFraming::kNone;
    // What else may carry the length of a body that is not there has no meaning for it (RFC 9110, 8.6).
    const bool answers_head = answered_method == "HEAD" && head.status >= 200 && head.status != 204;
    if (!answers_head && head.status != 304) head.content_length.reset();
  }
  if (head.framing == HttpFraming::kLength && *head.content_length > longest) {
    return HttpError{413, "too long a body"};
  }
  return std::nullopt;
}

void DeriveConnection(HttpHead& head) {
  const bool modern = head.minor_version == 1;
  head.keep_alive =
      modern ? !ListsToken(head.fields, "connection", "close") : ListsToken(head.fields, "connection", "keep-alive");
  if (head.framing == HttpFraming::kUntilClose) head.keep_alive = false;
  if (!modern) return;
  if (ListsToken(head.fields, "connection", "upgrade")) head.upgrade = FindField(head.fields, "upgrade").value_or("");
  head.expect_continue = head.request && ListsToken(head.fields, "expect", "100-continue");
}

std::optional<HttpError> CheckTrailers(const HttpFields& trailers) {
  for (const std::string_view name : {"transfer-encoding", "content-length", "host", "connection", "trailer"}) {
    if (CountFields(trailers, name) > 0) return HttpError{400, "a trailer that belongs in the head"};
  }
  return std::nullopt;
}

}  // namespace leash::net
