// Policies made of policies: `a || b`, `a && b`, `!a`, Audited.
//
// A part is asked only when it matters, from left to right: in `listed || ask_the_user`, the user is not bothered with
// what the list allows. When any part answers later, so does the whole.
#pragma once

#include <functional>
#include <utility>

#include "absl/status/status.h"
#include "leash/network_policy.h"
#include "leash/network_request.h"

namespace leash {

namespace internal {

struct Either {
  static constexpr bool DeniesAll(bool a, bool b) { return a && b; }
  static bool Decides(Verdict first) { return first == Verdict::kAllow; }
  static bool Prefers(Verdict second, Verdict first) { return second > first; }
};

struct Both {
  static constexpr bool DeniesAll(bool a, bool b) { return a || b; }
  static bool Decides(Verdict first) { return first == Verdict::kDeny; }
  static bool Prefers(Verdict second, Verdict first) { return second < first; }
};

template <typename Rule>
Ruling Join(Ruling first, Ruling second) {
  const bool same = first.verdict == second.verdict;
  const bool take_second = Rule::Prefers(second.verdict, first.verdict) || (same && first.rule.empty());
  Ruling& result = take_second ? second : first;
  result.names_address = result.verdict != Verdict::kDeny && (first.names_address || second.names_address);
  return std::move(result);
}

}  // namespace internal

// What `||` and `&&` give.
template <typename Rule, NetworkPolicy A, NetworkPolicy B>
class CombinedPolicy {
 public:
  static constexpr bool kDeniesAll = Rule::DeniesAll(A::kDeniesAll, B::kDeniesAll);
  static constexpr bool kSeesAddresses = kPolicySeesAddresses<A> || kPolicySeesAddresses<B>;

  constexpr CombinedPolicy(A a, B b) : a_(std::move(a)), b_(std::move(b)) {}

  Ruling Check(const NetworkRequest& request) const requires SynchronousNetworkPolicy<A> &&
      SynchronousNetworkPolicy<B> {
    Ruling first = internal::CheckNow(a_, request);
    if (Rule::Decides(first.verdict)) return first;
    return internal::Join<Rule>(std::move(first), internal::CheckNow(b_, request));
  }

  PendingRuling Check(const NetworkRequest& request) const {
    return PendingRuling([a = a_, b = b_, request](std::function<void(Ruling)> answer) {
      AskNetworkPolicy(a, request, [b, request, answer = std::move(answer)](Ruling first) {
        if (Rule::Decides(first.verdict)) return answer(std::move(first));
        AskNetworkPolicy(b, request, [first = std::move(first), answer](Ruling second) {
          answer(internal::Join<Rule>(first, std::move(second)));
        });
      });
    });
  }

  absl::Status status() const {
    absl::Status first = NetworkPolicyStatus(a_);
    return first.ok() ? NetworkPolicyStatus(b_) : first;
  }

 private:
  A a_;
  B b_;
};

// What `!` gives: kAllow for kDeny and the reverse. Note that what a policy would deny for its form alone, such as a
// host that is no valid name, is allowed then; the proxy refuses such things by itself.
template <NetworkPolicy P>
class NegatedPolicy {
 public:
  static constexpr bool kDeniesAll = false;
  static constexpr bool kSeesAddresses = kPolicySeesAddresses<P>;

  constexpr explicit NegatedPolicy(P policy) : policy_(std::move(policy)) {}

  Ruling Check(const NetworkRequest& request) const requires SynchronousNetworkPolicy<P> {
    return Negate(internal::CheckNow(policy_, request));
  }

  PendingRuling Check(const NetworkRequest& request) const {
    return PendingRuling([policy = policy_, request](std::function<void(Ruling)> answer) {
      AskNetworkPolicy(policy, request,
                       [answer = std::move(answer)](Ruling ruling) { answer(Negate(std::move(ruling))); });
    });
  }

  absl::Status status() const { return NetworkPolicyStatus(policy_); }

 private:
  static Ruling Negate(Ruling ruling) {
    ruling.names_address = false;
    if (ruling.verdict != Verdict::kInspect) {
      ruling.verdict = ruling.verdict == Verdict::kAllow ? Verdict::kDeny : Verdict::kAllow;
    }
    return ruling;
  }

  P policy_;
};

// Tells `audit` each request and what the policy said to it, where the answer is given; it must not block. It hears
// nothing of what it is combined with: `Audited(a && b)` sees the outcome, `Audited(a) && b` only what `a` was asked.
template <NetworkPolicy P>
class Audited {
 public:
  using Audit = std::function<void(const NetworkRequest&, const Ruling&)>;
  static constexpr bool kDeniesAll = P::kDeniesAll;
  static constexpr bool kSeesAddresses = kPolicySeesAddresses<P>;

  Audited(P policy, Audit audit) : policy_(std::move(policy)), audit_(std::move(audit)) {}

  Ruling Check(const NetworkRequest& request) const requires SynchronousNetworkPolicy<P> {
    Ruling ruling = internal::CheckNow(policy_, request);
    audit_(request, ruling);
    return ruling;
  }

  PendingRuling Check(const NetworkRequest& request) const {
    return PendingRuling([policy = policy_, audit = audit_, request](std::function<void(Ruling)> answer) {
      AskNetworkPolicy(policy, request, [audit, request, answer = std::move(answer)](Ruling ruling) {
        audit(request, ruling);
        answer(std::move(ruling));
      });
    });
  }

  absl::Status status() const { return NetworkPolicyStatus(policy_); }

 private:
  P policy_;
  Audit audit_;
};

// What either allows.
template <NetworkPolicy A, NetworkPolicy B>
constexpr auto operator||(A a, B b) {
  return CombinedPolicy<internal::Either, A, B>(std::move(a), std::move(b));
}

// What both allow.
template <NetworkPolicy A, NetworkPolicy B>
constexpr auto operator&&(A a, B b) {
  return CombinedPolicy<internal::Both, A, B>(std::move(a), std::move(b));
}

// What `policy` denies.
template <NetworkPolicy P>
constexpr auto operator!(P policy) {
  return NegatedPolicy<P>(std::move(policy));
}

}  // namespace leash
