// HTTP/1.x messages as values, their request targets, and how they are written (RFC 9110, RFC 9112).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace leash::net {

// Names as they were received, in their order; values without the white space around them. Names are compared without
// regard to case.
using HttpFields = std::vector<std::pair<std::string, std::string>>;

// How the end of a body is told (RFC 9112, 6.3).
enum class HttpFraming {
  kNone,        // no body
  kLength,      // content_length bytes
  kChunked,     // until the last chunk
  kUntilClose,  // until the connection ends: responses alone
};

struct HttpHead {
  bool request = true;
  std::string method;     // of requests
  std::string target;     // of requests, as sent: see ParseTarget
  int status = 0;         // of responses, 100 to 999
  std::string reason;     // of responses, may be empty
  int minor_version = 1;  // of HTTP/1: 0 or 1
  HttpFields fields;

  // What follows from the fields. The writers below go by this, not by the fields.
  HttpFraming framing = HttpFraming::kNone;
  // As declared. With framing kNone: what a response to HEAD, or a 304, says of the body that it does not have.
  std::optional<std::uint64_t> content_length;
  bool keep_alive = true;
  std::string upgrade;  // the Upgrade field, where Connection lists it in HTTP/1.1; else empty
  bool expect_continue = false;
};

bool EqualsIgnoringCase(std::string_view a, std::string_view b);  // ASCII
// The value of the first field of that name.
std::optional<std::string_view> FindField(const HttpFields& fields, std::string_view name);
// Whether a field of that name lists `token` (RFC 9110, 5.6.1).
bool ListsToken(const HttpFields& fields, std::string_view name, std::string_view token);
void RemoveField(HttpFields& fields, std::string_view name);
// Replaces all fields of that name by one, at the place of the first.
void SetField(HttpFields& fields, std::string_view name, std::string_view value);

// Removes what is meant for this connection alone (RFC 9110, 7.6.1): what Connection lists, Connection itself,
// Proxy-* (with the credential for this proxy), Keep-Alive, TE, Trailer, Transfer-Encoding and Upgrade. The writers
// restore what head.framing, keep_alive and upgrade say. Whatever Connection lists, Host and Content-Length stay.
void RemoveHopByHop(HttpFields& fields);

// "host", "host:80", "[2001:db8::1]:80" (RFC 3986, 3.2.2). Not normalised and not checked to be a name of the DNS:
// the host holds the characters that a URI allows there, in ASCII. No user, no zone.
struct HttpAuthority {
  std::string host;                   // not empty; an IPv6 address without its brackets (it holds a ':', no name does)
  std::optional<std::uint16_t> port;  // not 0; none when absent or empty

  bool operator==(const HttpAuthority&) const = default;
};
std::optional<HttpAuthority> ParseAuthority(std::string_view text);

// The forms of RFC 9112, 3.2.
enum class HttpTargetForm { kOrigin, kAbsolute, kAuthority, kAsterisk };

struct HttpTarget {
  HttpTargetForm form = HttpTargetForm::kOrigin;
  std::string scheme;       // kAbsolute: lower case
  HttpAuthority authority;  // kAbsolute and kAuthority
  // kOrigin and kAbsolute: begins with '/'. As sent: neither decoded nor with its dots resolved. "*" for kAsterisk.
  std::string path;
  std::optional<std::string> query;  // without the '?'
  // Path and query: what an origin server is sent.
  std::string ToOriginForm() const;

  bool operator==(const HttpTarget&) const = default;
};

// CONNECT goes with the authority form alone, and with a port; "*" with OPTIONS alone. None as well for a user in the
// authority, a fragment, and bytes that are no visible ASCII.
std::optional<HttpTarget> ParseTarget(std::string_view method, std::string_view target);

// The head as bytes, in HTTP/1.1 whatever minor_version says. Fields of framing and connection are made from framing,
// content_length, keep_alive and upgrade, whatever `fields` holds of them: what we forward cannot be read in another
// way than we read it. Values that the caller adds must hold no CR, LF or NUL.
std::string WriteRequestHead(const HttpHead& head);
std::string WriteResponseHead(const HttpHead& head);

// A whole response of the proxy itself, after which it closes the connection:
//   X-Leash-Reason: CODE
//   {"error": CODE, "message": TEXT}
// `code` is one of ours, a token; `text` may hold anything. `more` is added as it is: Proxy-Authenticate, say.
std::string ErrorResponse(int status, std::string_view code, std::string_view text, const HttpFields& more = {});
// "Not Found"; "Unknown" for a status without a name.
std::string_view ReasonPhrase(int status);

// A body of unknown length (RFC 9112, 7.1). A chunk is ChunkHeader(n), n bytes (more than 0) and kChunkEnd; the body
// ends with LastChunk. AppendChunk does the former in one, and nothing for an empty `body`.
inline constexpr std::string_view kChunkEnd = "\r\n";
std::string ChunkHeader(std::size_t size);
void AppendChunk(std::string& out, std::string_view body);
std::string LastChunk(const HttpFields& trailers = {});

}  // namespace leash::net
