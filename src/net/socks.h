// The server's side of SOCKS 4, 4a and 5 up to the request (RFC 1928, RFC 1929): CONNECT alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "net/ip_address.h"

namespace leash::net {

struct SocksCredential {
  std::string user;
  std::string password;
};

struct SocksRequest {
  int version = 5;  // 4 (4a as well) or 5
  // A name as sent, not normalised (letters, digits, '-', '_' and '.', not empty), or an address in its canonical form.
  std::string host;
  std::optional<IpAddress> address;  // when it is one
  std::uint16_t port = 0;            // not 0
};

// Reply codes of SOCKS 5 (RFC 1928, 6). SOCKS 4 knows yes and no.
enum class SocksReply : std::uint8_t {
  kSucceeded = 0,
  kFailure = 1,
  kNotAllowed = 2,
  kNetworkUnreachable = 3,
  kHostUnreachable = 4,
  kConnectionRefused = 5,
  kTtlExpired = 6,  // also said of a connection that timed out
  kCommandNotSupported = 7,
  kAddressTypeNotSupported = 8,
};

enum class SocksEvent {
  kNeedMore,
  kRequest,  // request() is there: the caller decides and sends Reply()
  kClose,    // send what there is to send, then close: refused, or no SOCKS
};

struct SocksProgress {
  std::size_t consumed = 0;
  std::string send;
  SocksEvent event = SocksEvent::kNeedMore;
};

// One connection. Not thread-safe. What comes of the bytes does not depend on how they are split.
//
// With a credential SOCKS 5 must use user and password; SOCKS 4, which has no password, is refused. BIND and UDP
// ASSOCIATE are refused, as are names with odd bytes and port 0.
class SocksParser {
 public:
  explicit SocksParser(std::optional<SocksCredential> credential = std::nullopt) : credential_(std::move(credential)) {}

  // Consumes everything, except what follows the request: that is for the one it asks for. After kRequest or kClose
  // nothing is consumed any more.
  SocksProgress Feed(std::string_view bytes);

  const SocksRequest& request() const { return request_; }
  // The answer to the request. `bound` is where our side of the connection is; zero, as here, where it is nobody's
  // business.
  std::string Reply(SocksReply reply, const Endpoint& bound = {}) const;

 private:
  enum class State { kVersion, kMethods, kPassword, kRequest5, kRequest4, kOver };
  // What one step takes from the front of buffer_; 0: more bytes are needed.
  std::size_t Step(SocksProgress& progress);
  std::size_t ReadMethods(SocksProgress& progress);
  std::size_t ReadPassword(SocksProgress& progress);
  std::size_t ReadRequest5(SocksProgress& progress);
  std::size_t ReadRequest4(SocksProgress& progress);
  void Refuse(SocksProgress& progress, std::string send);
  void Accept(SocksProgress& progress);

  std::optional<SocksCredential> credential_;
  State state_ = State::kVersion;
  std::string buffer_;  // the part of a message that has come: bounded by the longest message
  SocksRequest request_;
};

}  // namespace leash::net
