// What a client speaks, from its first bytes.
#pragma once

#include <string_view>

namespace leash::net {

enum class Sniffed {
  kMore,    // cannot be told yet
  kTls,     // a handshake record
  kHttp,    // what servers take for a request of HTTP/1, well-formed or not
  kOpaque,  // something else
};

// A client that wants its HTTP to pass as something else must be refused by servers too. So what is looked for is not a
// correct request but what lenient servers read as one: after empty lines, a method that is registered (in any case),
// or any first line that names HTTP/1. Not found: an unregistered method whose first line comes in pieces; HTTP/2
// without TLS, which begins with a line of its own ("PRI") and has its host in a compressed header.
Sniffed Sniff(std::string_view bytes);

}  // namespace leash::net
