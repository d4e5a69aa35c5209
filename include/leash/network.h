// Network policies: who may be talked to, as a type. What a policy is stands in network_policy.h.
//
//   auto list = AllowList({"api.example.com:443", "*.github.com", "GET https://pypi.org/simple/*"});
//   auto asking = CustomPolicy([](NetworkRequest request, std::function<void(Verdict)> answer) { ... });
//   auto policy = list || asking;
//
// Policies other than DenyAll need namespaces: where there can be none, Create() refuses with ErrorCode::kUnsupported.
// A sandbox is never run with more network than was asked for.
#pragma once

#include <concepts>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "leash/network_operators.h"
#include "leash/network_policy.h"
#include "leash/network_request.h"

namespace leash {

namespace net {
class PatternSet;
}

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

// Hosts by name or address, and HTTP requests by method and path:
//
//   [METHOD[,METHOD...] ] [tcp:// | tls:// | http:// | https://] HOST [:PORT] [/PATH]
//
//   HOST   api.example.com     that name
//          *.example.com       any name below it, not itself
//          **.example.com      itself and any name below it
//          **                  every name and address
//          192.0.2.7  2001:db8::7  192.0.2.0/24  2001:db8::/32
//                              addresses that a program connects to without a name; in [brackets] before a port or path
//   PORT   443, 8000-8999 or *; without one: any, but 80 for http:// and 443 for https://
//   PATH   /v1/models exactly, or /v1/* for all that begins with /v1/; percent-encoded, upper and lower case count
//
// Names are compared without regard to case, a trailing dot and how they are encoded (IDNA). A wildcard above names
// that strangers register (*.com, *.github.io) is refused unless it says so: public-suffix:*.github.io.
// docs/network.md has the details.
//
// Copies share what was compiled. Any thread may ask.
class AllowList {
 public:
  static constexpr bool kDeniesAll = false;

  AllowList(std::initializer_list<std::string_view> patterns);
  explicit AllowList(const std::vector<std::string>& patterns);

  // kInspect when only some of what the request may turn out to be is allowed: see Verdict.
  Ruling Check(const NetworkRequest& request) const;

  // Not ok when a pattern is malformed (ErrorCode::kInvalidArgument, naming pattern and position). A malformed
  // pattern never matches; Create() returns this status.
  const absl::Status& status() const { return status_; }

 private:
  absl::Status status_;
  std::shared_ptr<const net::PatternSet> patterns_;
};

namespace internal {

template <typename F>
concept DecidesByReturn = requires(const F& decide, const NetworkRequest& request) {
  requires PolicyAnswer<decltype(decide(request))> || AwaitableAnswer<decltype(decide(request))> ||
      std::predicate<const F&, const NetworkRequest&>;
};

template <typename F>
concept DecidesByCallback = std::invocable<const F&, NetworkRequest, std::function<void(Verdict)>>;

}  // namespace internal

// A function that decides, called from any thread, also by several at once. One of
//   bool, Verdict or Ruling (const NetworkRequest&)
//   something awaitable that yields one of them (const NetworkRequest&): the request lives as long as the awaiting
//   void(NetworkRequest, std::function<void(Verdict)>): calls back once, now or later, from any thread; the first call
//     counts, and a callback that is dropped without a call denies
// Copies share the function.
template <typename F>
requires internal::DecidesByReturn<F> || internal::DecidesByCallback<F>
class CustomPolicy {
 public:
  static constexpr bool kDeniesAll = false;
  explicit CustomPolicy(F decide) : decide_(std::make_shared<const F>(std::move(decide))) {}

  auto Check(const NetworkRequest& request) const {
    if constexpr (internal::DecidesByReturn<F>) {
      using Answer = decltype((*decide_)(request));
      if constexpr (internal::PolicyAnswer<Answer> && !std::same_as<std::remove_cvref_t<Answer>, bool>) {
        return std::remove_cvref_t<Answer>((*decide_)(request));
      } else if constexpr (internal::AwaitableAnswer<Answer>) {
        return (*decide_)(request);
      } else {
        return (*decide_)(request) ? Verdict::kAllow : Verdict::kDeny;
      }
    } else {
      return PendingRuling([decide = decide_, request](std::function<void(Ruling)> answer) {
        (*decide)(request, [answer = std::move(answer)](Verdict verdict) { answer({verdict, {}}); });
      });
    }
  }

 private:
  std::shared_ptr<const F> decide_;
};

}  // namespace leash
