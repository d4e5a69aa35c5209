// Network policies: who may be talked to, as a type.
//
// A policy is a copyable value with
//   static constexpr bool kDeniesAll;                     true: no proxy, no socket, no route; Check is never called
//   Verdict Check(const NetworkRequest&) const;           called from any thread, must not block
// `kDeniesAll` decides, never the type's identity: a wrapper around DenyAll that says so is as tight as DenyAll.
//
// DenyAll is enforced. The other policies need the egress proxy, which this version does not have: a sandbox with one
// of them is refused by Create() with ErrorCode::kUnsupported. It is never run with more network than was asked for.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"

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
enum class Protocol { kTcp, kTls, kHttp, kDns };

struct NetworkRequest {
  // Lower case, in A-labels (RFC 5890), without a trailing dot; an address in its canonical form, without brackets.
  std::string host;
  std::uint16_t port = 0;  // 1 to 65535; 0 when a name is asked for (kDns): is any port of that host allowed?
  Protocol protocol = Protocol::kTcp;
  Arrival arrival = Arrival::kTransparent;
  std::string method;                  // of HTTP, when it can be seen; else empty
  std::string path;                    // as sent, without its query
  std::vector<std::string> addresses;  // what the host was resolved to; empty when that is still to be done
  std::int64_t pid = 0;                // who asked; 0 and empty when it is not known
  std::string executable;
};

enum class Verdict { kDeny, kAllow };

// A verdict with the rule that it comes from, for the audit log: a pattern as it was written, or empty.
struct Ruling {
  Verdict verdict = Verdict::kDeny;
  std::string rule;
};

template <typename P>
concept NetworkPolicy = std::copyable<P> && requires(const P& policy, const NetworkRequest& request) {
  { P::kDeniesAll } -> std::convertible_to<bool>;
  { policy.Check(request) } -> std::same_as<Verdict>;
};

// No network at all. The default.
struct DenyAll {
  static constexpr bool kDeniesAll = true;
  Verdict Check(const NetworkRequest&) const { return Verdict::kDeny; }
};

// Every host and port (through the egress proxy, so that it is seen).
struct AllowAll {
  static constexpr bool kDeniesAll = false;
  Verdict Check(const NetworkRequest&) const { return Verdict::kAllow; }
};

// Hosts by name: `host`, `*.host` (any name below it, not the host itself), each with an optional `:port`.
// Names are compared without regard to case or a trailing dot.
class AllowList {
 public:
  static constexpr bool kDeniesAll = false;

  AllowList(std::initializer_list<std::string_view> patterns);
  explicit AllowList(const std::vector<std::string>& patterns);

  Verdict Check(const NetworkRequest& request) const;

  // Not ok when a pattern is malformed (ErrorCode::kInvalidArgument, naming pattern and position). A malformed
  // pattern never matches; Create() returns this status.
  const absl::Status& status() const { return status_; }

 private:
  struct Pattern {
    std::string host;  // without the "*."
    bool subdomains = false;
    std::uint16_t port = 0;  // 0: any
  };
  void Add(std::string_view pattern);

  std::vector<Pattern> patterns_;
  absl::Status status_;
};

// A function that decides: bool(const NetworkRequest&), called from any thread.
template <typename F>
requires std::predicate<const F&, const NetworkRequest&>
class CustomPolicy {
 public:
  static constexpr bool kDeniesAll = false;
  explicit CustomPolicy(F decide) : decide_(std::move(decide)) {}
  Verdict Check(const NetworkRequest& request) const { return decide_(request) ? Verdict::kAllow : Verdict::kDeny; }

 private:
  F decide_;
};

}  // namespace leash
