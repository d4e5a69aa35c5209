// What makes a type a network policy, and how any policy is asked in one way.
//
// A policy is a copyable value with
//   static constexpr bool kDeniesAll;             true: no proxy, no socket, no route; Check is never called
//   ... Check(const NetworkRequest&) const;       a Verdict, a Ruling, a bool (true allows), or something awaitable
//   that
//                                                 yields one of them. Called from any thread, must not block. What it
//                                                 is awaited for may come from any thread. The policy and the request
//                                                 that it was called with live as long as the awaiting does
// and, if it likes,
//   const absl::Status& status() const;           not ok: no sandbox is made with it, and this is why
//   static constexpr bool kSeesAddresses;         true: what is allowed by name is asked about once more, with the
//                                                 addresses that the name was resolved to, before one is dialled
// `kDeniesAll` decides, never the type's identity: a wrapper around DenyAll that says so is as tight as DenyAll.
//
// A policy that throws, or that never answers because the awaitable is destroyed, denies.
#pragma once

#include <atomic>
#include <concepts>
#include <coroutine>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "leash/network_request.h"

namespace leash {

namespace internal {

template <typename T>
decltype(auto) AwaiterOf(T&& awaitable) {
  if constexpr (requires { std::forward<T>(awaitable).operator co_await(); }) {
    return std::forward<T>(awaitable).operator co_await();
  } else if constexpr (requires { operator co_await(std::forward<T>(awaitable)); }) {
    return operator co_await(std::forward<T>(awaitable));
  } else {
    return std::forward<T>(awaitable);
  }
}

template <typename T>
concept PolicyAnswer = std::same_as<std::remove_cvref_t<T>, Verdict> || std::same_as<std::remove_cvref_t<T>, Ruling> ||
                       std::same_as < std::remove_cvref_t<T>,
bool > ;

template <typename T>
concept AwaitableAnswer = requires(T&& awaitable) {
  { internal::AwaiterOf(std::forward<T>(awaitable)).await_ready() } -> std::convertible_to<bool>;
  { internal::AwaiterOf(std::forward<T>(awaitable)).await_resume() } -> PolicyAnswer;
};

template <PolicyAnswer T>
Ruling ToRuling(T&& answer) {
  if constexpr (std::same_as<std::remove_cvref_t<T>, bool>) {
    return {answer ? Verdict::kAllow : Verdict::kDeny, {}};
  } else if constexpr (std::same_as<std::remove_cvref_t<T>, Verdict>) {
    return {answer, {}};
  } else {
    return std::forward<T>(answer);
  }
}

// Passes on the first answer. When the last copy goes without one, that is a denial.
class OnceAnswer {
 public:
  explicit OnceAnswer(std::function<void(Ruling)> answer) : state_(std::make_shared<State>(std::move(answer))) {}
  void operator()(Ruling ruling) const { state_->Answer(std::move(ruling)); }

 private:
  struct State {
    explicit State(std::function<void(Ruling)> callback) : answer(std::move(callback)) {}
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State() { Answer({Verdict::kDeny, "(no answer)"}); }
    void Answer(Ruling ruling) {
      if (!answered.exchange(true)) std::exchange(answer, nullptr)(std::move(ruling));
    }
    std::atomic<bool> answered = false;
    std::function<void(Ruling)> answer;
  };
  std::shared_ptr<State> state_;
};

// A coroutine that nobody waits for. What is thrown ends it; an OnceAnswer in its frame then denies.
struct Detached {
  struct promise_type {
    Detached get_return_object() const noexcept { return {}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() const noexcept {}
  };
};

}  // namespace internal

template <typename P>
concept NetworkPolicy = std::copyable<P> && requires(const P& policy, const NetworkRequest& request) {
  { P::kDeniesAll } -> std::convertible_to<bool>;
  requires internal::PolicyAnswer<decltype(policy.Check(request))> ||
      internal::AwaitableAnswer<decltype(policy.Check(request))>;
};

// Answers at once, without waiting for anything.
template <typename P>
concept SynchronousNetworkPolicy = NetworkPolicy<P> && requires(const P& policy, const NetworkRequest& request) {
  { policy.Check(request) } -> internal::PolicyAnswer;
};

// The policy's optional kSeesAddresses.
template <NetworkPolicy P>
inline constexpr bool kPolicySeesAddresses = [] {
  if constexpr (requires {
                  { P::kSeesAddresses } -> std::convertible_to<bool>;
                })
    return bool{P::kSeesAddresses};
  return false;
}();

// The policy's optional status().
template <NetworkPolicy P>
absl::Status NetworkPolicyStatus(const P& policy) {
  if constexpr (requires {
                  { policy.status() } -> std::convertible_to<absl::Status>;
                })
    return policy.status();
  return absl::OkStatus();
}

// An answer that a callback will give. For policies that are not coroutines themselves: made of a function that is
// called once, when the answer is awaited, with the callback to call. The first call counts. When the last copy of the
// callback is destroyed without a call, the answer is kDeny. The awaiting coroutine resumes where the callback is
// called.
class PendingRuling {
 public:
  explicit PendingRuling(std::function<void(std::function<void(Ruling)>)> start) : start_(std::move(start)) {}

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) {
    // The answer may come at once, and this object end with the coroutine.
    const auto start = std::move(start_);
    start(internal::OnceAnswer([this, handle](Ruling ruling) {
      ruling_ = std::move(ruling);
      handle.resume();
    }));
  }
  Ruling await_resume() { return std::move(ruling_); }

 private:
  std::function<void(std::function<void(Ruling)>)> start_;
  Ruling ruling_;
};

namespace internal {

template <SynchronousNetworkPolicy P>
Ruling CheckNow(const P& policy, const NetworkRequest& request) {
  if constexpr (P::kDeniesAll) return {};
  return ToRuling(policy.Check(request));
}

template <SynchronousNetworkPolicy P>
Detached AskNow(const P& policy, const NetworkRequest& request, OnceAnswer answer) {
  answer(CheckNow(policy, request));
  co_return;
}

template <NetworkPolicy P>
Detached AskLater(P policy, NetworkRequest request, OnceAnswer answer) {
  auto pending = policy.Check(request);
  answer(ToRuling(co_await std::move(pending)));
}

}  // namespace internal

// Asks any policy. `answer` is called exactly once: before this returns, or later and on any thread. An awaitable that
// is neither resumed nor destroyed gives none: a caller that cannot wait for ever needs a deadline.
template <NetworkPolicy P>
void AskNetworkPolicy(const P& policy, const NetworkRequest& request, std::function<void(Ruling)> answer) {
  if constexpr (P::kDeniesAll) {
    answer({});
  } else if constexpr (SynchronousNetworkPolicy<P>) {
    internal::AskNow(policy, request, internal::OnceAnswer(std::move(answer)));
  } else {
    internal::AskLater(policy, request, internal::OnceAnswer(std::move(answer)));
  }
}

// Any policy as one type: what the egress proxy is given. May be called from any thread; the answer as above.
using PolicyFunction = std::function<void(const NetworkRequest&, std::function<void(Ruling)>)>;

template <NetworkPolicy P>
PolicyFunction EraseNetworkPolicy(P policy) {
  return [policy = std::move(policy)](const NetworkRequest& request, std::function<void(Ruling)> answer) {
    AskNetworkPolicy(policy, request, std::move(answer));
  };
}

}  // namespace leash
