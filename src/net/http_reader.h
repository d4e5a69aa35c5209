// Reads HTTP/1.x messages from bytes as they come. The grammar is Boost.Beast's; what it forgives is refused here,
// since a message that two programs read in two ways is how requests are smuggled past a proxy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>

#include "net/http_framing.h"
#include "net/http_message.h"

namespace leash::net {

struct HttpLimits {
  std::size_t start_line = std::size_t{16} * 1024;                // more is 414
  std::size_t head = std::size_t{64} * 1024;                      // start line and fields; more is 431
  std::size_t fields = 200;                                       // likewise; also of trailers
  std::uint64_t body = std::numeric_limits<std::int64_t>::max();  // more is 413
  std::size_t chunk_line = 1024;                                  // the size of one chunk and its extensions
  std::size_t trailers = std::size_t{8} * 1024;
};

enum class HttpKind { kRequest, kResponse };

enum class HttpFound {
  kNothing,  // all input was consumed; more is needed
  kHead,     // head() is there
  kBody,     // a piece of the body
  kEnd,      // of the message; trailers() is there
  kError,    // for good
};

struct HttpProgress {
  std::size_t consumed = 0;
  HttpFound found = HttpFound::kNothing;
  std::string_view body;  // kBody: a part of the input, not empty, without the framing of chunks
};

// For one direction of a connection. Not thread-safe. What is found does not depend on how the bytes are split.
//
// Refused, beyond what is no HTTP: Content-Length with Transfer-Encoding; Content-Length that is repeated, a list, or
// not digits alone; Transfer-Encoding other than one "chunked", or in HTTP/1.0; folded lines; CR or LF alone; control
// bytes and NUL; in requests a second Host, none in HTTP/1.1, or one that is no authority; a body of CONNECT; framing
// in trailers. Forgiven: one empty line before a request, and a status line without reason and the space before it, as
// RFC 9112 (2.2) advises and servers do.
class HttpReader {
 public:
  explicit HttpReader(HttpKind kind, const HttpLimits& limits = {});
  ~HttpReader();
  HttpReader(HttpReader&&) noexcept;
  HttpReader& operator=(HttpReader&&) noexcept;

  // Reads up to the next thing that is found; what is not consumed is to be passed again. kEnd may come without a byte
  // consumed: call until kNothing. After kEnd the next message begins. Where the connection becomes something else
  // (kEnd after CONNECT's 2xx, or 101) the caller reads no further: what was not consumed belongs to what follows.
  HttpProgress Read(std::string_view input);
  // The connection has ended. kEnd: so has a body until close. kNothing: between two messages. Else kError.
  HttpProgress Finish();

  // Responses: the method of the request that the next one answers. One to HEAD has no body, nor has a 2xx to CONNECT.
  // Holds for one response, and for the 1xx before it. Without: no method with such a rule.
  void AnswersTo(std::string_view method);

  // How much of a body with a length is still to come; 0 for any other, and outside one. A caller that carries bytes of
  // it by itself says so, and does not pass them.
  std::uint64_t LengthLeft() const;
  void Skip(std::uint64_t bytes);

  // True from kEnd (and at first) until the first byte of a message.
  bool idle() const;
  // From kHead until the next message begins.
  const HttpHead& head() const;
  // From kEnd until the next message begins.
  const HttpFields& trailers() const;
  // After kError.
  const HttpError& error() const;

 private:
  struct Rep;
  std::unique_ptr<Rep> rep_;
};

}  // namespace leash::net
