// What the fields of a head say of the body behind it and of its connection (RFC 9112, 6 and 9).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "net/http_message.h"

namespace leash::net {

struct HttpError {
  int status = 0;  // what the proxy answers its client: 400, 413, 414, 431, 501, 505; 502 for any fault of a response
  std::string reason;  // one line; what was received is not quoted
};

// The functions below give an error, with a status as if it were a request's, for what can be read in two ways.

// One Host field in a request, or none in HTTP/1.0, and a host in it.
std::optional<HttpError> CheckHost(const HttpHead& head);

// Sets framing and content_length. `answered_method` is that of the request which a response answers; `longest` is for
// a body whose length is declared.
std::optional<HttpError> DeriveFraming(HttpHead& head, std::string_view answered_method, std::uint64_t longest);

// Sets keep_alive, upgrade and expect_continue, by the framing and the fields.
void DeriveConnection(HttpHead& head);

std::optional<HttpError> CheckTrailers(const HttpFields& trailers);

}  // namespace leash::net
