// The proxies through which leash itself reaches the world, as companies have them: read from a URL, or from the
// variables that other programs read.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/environment.h"
#include "net/http_message.h"
#include "net/no_proxy.h"
#include "net/socks.h"

namespace leash::net {

struct UpstreamProxy {
  enum class Kind {
    kHttp,         // http://
    kSocks5,       // socks5://: is given addresses
    kSocks5Names,  // socks5h://: is given names
  };
  Kind kind = Kind::kHttp;
  std::string host;  // normalised
  std::uint16_t port = 0;
  std::optional<SocksCredential> credential;

  bool resolves_names() const { return kind != Kind::kSocks5; }
  // "the upstream proxy proxy.example:3128": for messages, which never hold the credential.
  std::string Description() const;
  // Of the field Proxy-Authorization (RFC 7617); empty without a credential.
  std::string Authorization() const;
};

// [SCHEME://][USER[:PASSWORD]@]HOST[:PORT][/]. Without a scheme it is http; ports are 80 and 1080 where none is given.
// User and password are percent-encoded. ErrorCode::kInvalidArgument for anything else, in words that quote none of it:
// there may be a password in what is malformed.
absl::StatusOr<UpstreamProxy> ParseUpstreamProxy(std::string_view url);

struct UpstreamProxies {
  std::optional<UpstreamProxy> tunnels;   // for TLS, and everything that is not seen to be a plain HTTP request
  std::optional<UpstreamProxy> requests;  // for those
  NoProxy exempt;
  // A proxy that resolves names is given only those that resolve here too, to addresses that may be dialled.
  bool names_resolve_here = false;

  // Null: directly. `host` is normalised.
  const UpstreamProxy* For(std::string_view host, std::uint16_t port, bool request) const;
};

// `choice` is a URL, "none", or "environment" (so is an empty one):
//   tunnels    https_proxy, HTTPS_PROXY, all_proxy, ALL_PROXY
//   requests   http_proxy, HTTP_PROXY, all_proxy, ALL_PROXY
//   exempt     no_proxy, NO_PROXY: with a URL as well
// The first of each that is not empty is taken. HTTP_PROXY is not where REQUEST_METHOD is set: in a CGI program it is a
// header of the client's. ErrorCode::kInvalidArgument, naming the variable.
absl::StatusOr<UpstreamProxies> ReadUpstreamProxies(std::string_view choice, const base::Environment& environment);

// Rewrites what is written for the host itself (origin form, Host field) as what its proxy reads: RFC 9112, 3.2.2.
void AddressToProxy(HttpHead& head, const UpstreamProxy& proxy, const std::string& host_field);

// Why a proxy that answered with `status` did not do what it was asked.
std::string RefusalOf(const UpstreamProxy& proxy, int status);

}  // namespace leash::net
