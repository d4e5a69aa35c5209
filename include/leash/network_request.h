// What a network policy is asked, and what it answers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace leash {

// How a request came to the egress proxy.
enum class Arrival {
  kTransparent,  // a connection to an address: the program need not know of a proxy
  kConnect,      // HTTP CONNECT (RFC 9110, 9.3.6)
  kHttp,         // a request to the proxy itself, with an absolute target (RFC 9112, 3.2.2)
  kSocks,        // SOCKS4a or SOCKS5 (RFC 1928)
  kDns,          // a question for a name: the answer tells nothing, the connection is asked about again
};

// What is spoken, as far as it is known when the policy is asked.
enum class Protocol {
  kTcp,    // not known yet
  kTls,    // TLS, which stays closed: host is what the connection was made to, and the server name agrees with it
  kHttp,   // HTTP in the clear. With a method: one request
  kHttps,  // HTTP inside TLS that the proxy opens. With a method: one request
  kDns,
};

struct NetworkRequest {
  // Lower case, in A-labels (RFC 5890), without a trailing dot; an address in its canonical form, without brackets.
  std::string host;
  std::uint16_t port = 0;  // 1 to 65535; 0 when a name is asked for (kDns): is anything of that host allowed?
  Protocol protocol = Protocol::kTcp;
  Arrival arrival = Arrival::kTransparent;
  std::string method;                  // of HTTP, when it can be seen; else empty
  std::string path;                    // as sent, without its query
  std::vector<std::string> addresses;  // what the host was resolved to; empty when that is still to be done
  // Which program asked, with SandboxConfig::identify_programs; 0 and empty when it is not known. A pid
  // of the machine, and a path as the program sees it. True when it was looked for: a program may have passed the
  // connection to another, or have become another since.
  std::int64_t pid = 0;
  std::string executable;
};

// In the order of what they let through: `||` of policies gives the greater, `&&` the lesser, and `!` turns the order
// around.
enum class Verdict {
  kDeny,
  // What is known so far does not decide. Let it in, look at what is spoken, and ask again:
  //   a name (kDns)                   is answered; the connection is asked about
  //   a connection (kTcp)             is made; then what is recognised on it is asked about: kTls, or kHttp request by
  //                                   request. What is neither is refused: there is no opaque tunnel
  //   TLS (kTls)                      is opened, if this sandbox opens TLS, and asked about as kHttps; else refused
  //   one request (kHttp or kHttps,   is refused: there is nothing more to learn
  //   with a method)
  kInspect,
  kAllow,
};

// A verdict with the rule that it comes from, for the audit log: a pattern as it was written, empty, or "(no answer)"
// for a policy that failed to give one.
struct Ruling {
  Verdict verdict = Verdict::kDeny;
  std::string rule;
  // The rule names the address itself, alone or by a prefix: a host that is that address may be dialled even though it
  // is not public (SandboxConfig has a list for what names resolve to).
  bool names_address = false;

  bool operator==(const Ruling&) const = default;
  friend bool operator==(const Ruling& ruling, Verdict verdict) { return ruling.verdict == verdict; }
};

}  // namespace leash
