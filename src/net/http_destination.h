// Which host an HTTP request is for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "leash/network_event.h"
#include "net/http_message.h"
#include "net/socks.h"

namespace leash::net {

// A program that speaks to a proxy names the host in each request. On a connection that was made to a host, all of them
// are for that one.
struct HttpOrigin {
  std::string host;  // normalised
  std::uint16_t port = 80;
  Arrival arrival = Arrival::kTransparent;
};

struct HttpDestination {
  std::string host;  // normalised
  std::uint16_t port = 0;
};

// Why a request is not served, with the status that says so.
struct HttpObjection {
  int status = 400;
  NetworkOutcome outcome = NetworkOutcome::kMalformed;
  std::string detail;
};

// Target, Host field and, where there is one, the host of the connection must agree: they would else be read in
// different ways by us and by whoever answers. A connection to an address has no name that they could differ from.
std::variant<HttpDestination, HttpObjection> FindDestination(const HttpHead& head, const HttpTarget& target,
                                                             const std::optional<HttpOrigin>& origin);

// Whether Proxy-Authorization has it (RFC 7617). Takes as long for a wrong one as for the right one.
bool ShowsCredential(const HttpHead& head, const SocksCredential& credential);

}  // namespace leash::net
