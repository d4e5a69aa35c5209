#include <algorithm>
#include <atomic>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "leash/error.h"
#include "leash/network.h"

namespace leash {
namespace {

// A coroutine that yields a T: what a host application's own library would have.
template <typename T>
class Task {
 public:
  struct promise_type {
    Task get_return_object() { return Task(std::coroutine_handle<promise_type>::from_promise(*this)); }
    std::suspend_always initial_suspend() noexcept { return {}; }
    auto final_suspend() noexcept {
      struct Resume {
        bool await_ready() noexcept { return false; }
        std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> done) noexcept {
          return done.promise().waiting;
        }
        void await_resume() noexcept {}
      };
      return Resume();
    }
    void return_value(T given) { value = std::move(given); }
    void unhandled_exception() { error = std::current_exception(); }

    std::optional<T> value;
    std::exception_ptr error;
    std::coroutine_handle<> waiting = std::noop_coroutine();
  };

  explicit Task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  ~Task() {
    if (handle_) handle_.destroy();
  }

  auto operator co_await() {
    struct Awaiter {
      bool await_ready() { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<> waiting) {
        handle.promise().waiting = waiting;
        return handle;
      }
      T await_resume() {
        if (handle.promise().error) std::rethrow_exception(handle.promise().error);
        return *handle.promise().value;
      }
      std::coroutine_handle<promise_type> handle;
    };
    return Awaiter{handle_};
  }

 private:
  std::coroutine_handle<promise_type> handle_;
};

// What `policy` answers, whenever and from wherever that comes; and that it comes once.
template <NetworkPolicy P>
Ruling AnswerOf(const P& policy, const NetworkRequest& request = {"example.com", 443}) {
  const PolicyFunction ask = EraseNetworkPolicy(policy);
  auto count = std::make_shared<std::atomic<int>>(0);
  const auto promise = std::make_shared<std::promise<Ruling>>();
  ask(request, [promise, count](Ruling ruling) {
    if (count->fetch_add(1) == 0) promise->set_value(std::move(ruling));
  });
  const Ruling result = promise->get_future().get();
  EXPECT_EQ(*count, 1);
  return result;
}

// A policy of a user's own around DenyAll: its property counts, not its type, nor what it would say.
struct Wrapped {
  static constexpr bool kDeniesAll = DenyAll::kDeniesAll;
  bool Check(const NetworkRequest&) const { return true; }
};

struct Always {
  static constexpr bool kDeniesAll = false;
  Ruling Check(const NetworkRequest& request) const {
    ++*asked;
    return {verdict, rule.empty() ? request.host : rule};
  }
  Verdict verdict;
  std::string rule;
  std::shared_ptr<int> asked = std::make_shared<int>(0);
};

// Yields later, on another thread.
auto Later(Verdict verdict) {
  return CustomPolicy([verdict](NetworkRequest, std::function<void(Verdict)> answer) {
    std::thread([verdict, answer = std::move(answer)] { answer(verdict); }).detach();
  });
}

Task<Verdict> Coroutine(const NetworkRequest& request) {
  co_return request.port == 443 ? Verdict::kAllow : Verdict::kDeny;
}

struct SeesAddresses : AllowAll {
  static constexpr bool kSeesAddresses = true;
};

const auto kCallback = CustomPolicy([](NetworkRequest, std::function<void(Verdict)>) {});
const auto kAwaitable = CustomPolicy([](const NetworkRequest& request) { return Coroutine(request); });
using Callback = std::remove_const_t<decltype(kCallback)>;

static_assert(NetworkPolicy<DenyAll> && NetworkPolicy<AllowAll> && NetworkPolicy<AllowList> && NetworkPolicy<Wrapped>);
static_assert(NetworkPolicy<Callback> && !SynchronousNetworkPolicy<Callback> && SynchronousNetworkPolicy<AllowList>);
static_assert(!NetworkPolicy<int> && !NetworkPolicy<std::string>);
static_assert(SynchronousNetworkPolicy<decltype(AllowAll() || DenyAll())>);
static_assert(!SynchronousNetworkPolicy<decltype(AllowAll() && kCallback)>);
static_assert((DenyAll() || Wrapped()).kDeniesAll && !(DenyAll() || AllowAll()).kDeniesAll);
static_assert((AllowAll() && DenyAll()).kDeniesAll && !(AllowAll() && AllowAll()).kDeniesAll);
static_assert(!decltype(!DenyAll())::kDeniesAll && Audited<DenyAll>::kDeniesAll);
static_assert(!kPolicySeesAddresses<AllowAll> && kPolicySeesAddresses<SeesAddresses>);
static_assert(kPolicySeesAddresses<decltype(!(SeesAddresses() && AllowAll()))>);

TEST(NetworkPolicy, IsAskedInOneWayWhateverItAnswersWith) {
  EXPECT_EQ(AnswerOf(AllowAll()), Verdict::kAllow);
  EXPECT_EQ(AnswerOf(DenyAll()), Verdict::kDeny);
  EXPECT_EQ(AnswerOf(Wrapped()), Verdict::kDeny) << "what denies all is not asked";
  EXPECT_EQ(AnswerOf(AllowList({"*.com:443"})), Verdict::kDeny);
  EXPECT_EQ(AnswerOf(AllowList({"Example.com:443"})), (Ruling{Verdict::kAllow, "Example.com:443"}));
  EXPECT_EQ(AnswerOf(AllowList({"GET example.com/x"})), (Ruling{Verdict::kInspect, "GET example.com/x"}));
  EXPECT_EQ(AnswerOf(Later(Verdict::kAllow)), Verdict::kAllow);
  EXPECT_EQ(AnswerOf(Later(Verdict::kInspect)), Verdict::kInspect);
  EXPECT_EQ(AnswerOf(kAwaitable), Verdict::kAllow);
  EXPECT_EQ(AnswerOf(kAwaitable, {"example.com", 80}), Verdict::kDeny);
}

TEST(CustomPolicy, TakesFunctionsOfEachForm) {
  const NetworkRequest request{"example.com", 443};
  EXPECT_EQ(CustomPolicy([](const NetworkRequest& r) { return r.port == 443; }).Check(request), Verdict::kAllow);
  EXPECT_EQ(CustomPolicy([](const NetworkRequest& r) { return r.port == 80; }).Check(request), Verdict::kDeny);
  EXPECT_EQ(CustomPolicy([](const NetworkRequest&) { return Verdict::kInspect; }).Check(request), Verdict::kInspect);
  const auto ruling = CustomPolicy([](const NetworkRequest& r) { return Ruling{Verdict::kAllow, r.host}; });
  EXPECT_EQ(ruling.Check(request).rule, "example.com");
  const std::string captured = "example.com";
  const auto capturing = CustomPolicy([captured](const NetworkRequest& r) { return r.host == captured; });
  static_assert(NetworkPolicy<std::remove_const_t<decltype(capturing)>>, "though such a lambda cannot be assigned");
  EXPECT_EQ(AnswerOf(capturing), Verdict::kAllow);
  const auto task = CustomPolicy([](const NetworkRequest& r) -> Task<bool> { co_return r.host == "example.com"; });
  EXPECT_EQ(AnswerOf(task), Verdict::kAllow);
}

TEST(NetworkPolicy, ThatFailsToAnswerDenies) {
  const Ruling none = {Verdict::kDeny, "(no answer)"};
  EXPECT_EQ(AnswerOf(CustomPolicy([](const NetworkRequest&) -> bool { throw std::runtime_error("sync"); })), none);
  const auto throws = [](const NetworkRequest&) -> Task<bool> {
    throw std::runtime_error("awaited");
    co_return true;
  };
  EXPECT_EQ(AnswerOf(CustomPolicy(throws)), none);
  EXPECT_EQ(AnswerOf(kCallback), none) << "the callback is dropped";
  EXPECT_EQ(AnswerOf(!kCallback), Verdict::kAllow) << "a denial like any other";
  // An awaitable that ends the coroutine in place of resuming it.
  struct Destroys {
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> handle) const { handle.destroy(); }
    Verdict await_resume() const { return Verdict::kAllow; }
  };
  EXPECT_EQ(AnswerOf(CustomPolicy([](const NetworkRequest&) { return Destroys(); })), none);
}

TEST(NetworkPolicy, IsHeardOnce) {
  const auto twice = CustomPolicy([](NetworkRequest, std::function<void(Verdict)> answer) {
    answer(Verdict::kAllow);
    answer(Verdict::kDeny);
  });
  EXPECT_EQ(AnswerOf(twice), Verdict::kAllow);
  EXPECT_EQ(AnswerOf(twice && twice), Verdict::kAllow);
}

// The request and the policy live as long as the asking, whatever becomes of the caller's.
TEST(NetworkPolicy, KeepsWhatItWasAskedWith) {
  std::function<void(Verdict)> later;
  std::optional<Ruling> ruling;
  {
    const auto policy =
        CustomPolicy([&later](NetworkRequest, std::function<void(Verdict)> answer) { later = std::move(answer); });
    Audited audited(policy || AllowList({"public-suffix:*.co.uk"}), [](const NetworkRequest& request, const Ruling&) {
      EXPECT_EQ(request.host, "a-host-name-that-is-too-long-to-be-stored-within-a-string.co.uk");
    });
    const PolicyFunction ask = EraseNetworkPolicy(audited);
    ask({"a-host-name-that-is-too-long-to-be-stored-within-a-string.co.uk", 443},
        [&ruling](Ruling given) { ruling = std::move(given); });
  }
  ASSERT_TRUE(later);
  EXPECT_FALSE(ruling.has_value());
  later(Verdict::kDeny);
  EXPECT_EQ(ruling, (Ruling{Verdict::kAllow, "public-suffix:*.co.uk"}));
}

TEST(NetworkOperators, FollowTheOrderOfVerdicts) {
  const Verdict all[] = {Verdict::kDeny, Verdict::kInspect, Verdict::kAllow};
  for (const Verdict a : all) {
    for (const Verdict b : all) {
      const Always first{a, "a"};
      const Always second{b, "b"};
      EXPECT_EQ((first || second).Check({}), std::max(a, b));
      EXPECT_EQ((first && second).Check({}), std::min(a, b));
      EXPECT_EQ(AnswerOf(first || Later(b)), std::max(a, b));
      EXPECT_EQ(AnswerOf(Later(a) && second), std::min(a, b));
      EXPECT_EQ((!(first || second)).Check({}).verdict, (!first && !second).Check({}).verdict);
    }
    EXPECT_EQ((!!Always{a, "a"}).Check({}), a);
    EXPECT_EQ(AnswerOf(!!Later(a)), a);
  }
  EXPECT_EQ((!DenyAll()).Check({}), Verdict::kAllow);
  EXPECT_EQ((!AllowAll()).Check({}), Verdict::kDeny);
  EXPECT_EQ((!Wrapped()).Check({}), Verdict::kAllow);
}

TEST(NetworkOperators, NameTheRuleThatDecided) {
  EXPECT_EQ((Always{Verdict::kDeny, "a"} || Always{Verdict::kAllow, "b"}).Check({}).rule, "b");
  EXPECT_EQ((Always{Verdict::kInspect, "a"} || Always{Verdict::kInspect, "b"}).Check({}).rule, "a");
  EXPECT_EQ((AllowAll() && Always{Verdict::kAllow, "b"}).Check({}).rule, "b");
  EXPECT_EQ((!AllowList({"a.example"})).Check({"a.example", 443}), (Ruling{Verdict::kDeny, "a.example"}));
}

TEST(NetworkOperators, AskNoMoreThanIsNeeded) {
  const Always asked{Verdict::kAllow, "b"};
  EXPECT_EQ((AllowAll() || asked).Check({}), Verdict::kAllow);
  EXPECT_EQ((!AllowAll() && asked).Check({}), Verdict::kDeny);
  EXPECT_EQ(AnswerOf(Later(Verdict::kAllow) || asked), Verdict::kAllow);
  EXPECT_EQ(AnswerOf(Later(Verdict::kDeny) && asked), Verdict::kDeny);
  EXPECT_EQ(*asked.asked, 0);
  EXPECT_EQ((AllowAll() && asked).Check({}), Verdict::kAllow);
  EXPECT_EQ(AnswerOf(Later(Verdict::kDeny) || asked), Verdict::kAllow);
  EXPECT_EQ(*asked.asked, 2);
}

TEST(AllowList, SaysWhenARuleNamesTheAddress) {
  const AllowList list({"10.0.0.0/8:443", "example.com", "**:80"});
  EXPECT_EQ(list.Check({"10.1.2.3", 443}), (Ruling{Verdict::kAllow, "10.0.0.0/8:443", true}));
  EXPECT_FALSE(list.Check({"10.1.2.3", 80}).names_address);
  EXPECT_FALSE(list.Check({"10.1.2.3", 22}).names_address);
  EXPECT_FALSE(list.Check({"example.com", 443}).names_address);
  EXPECT_TRUE((list && AllowAll()).Check({"10.1.2.3", 443}).names_address);
  EXPECT_TRUE((Always{Verdict::kInspect, "a"} && list).Check({"10.1.2.3", 443}).names_address);
  EXPECT_TRUE((DenyAll() || list).Check({"10.1.2.3", 443}).names_address);
  EXPECT_FALSE((!!list).Check({"10.1.2.3", 443}).names_address);
}

// A list that is turned around lets through nothing that the list may mean.
TEST(NetworkOperators, NegateListsExactly) {
  const auto rest = !AllowList({"evil.example", "GET api.example/private/*", "port.example:22"});
  EXPECT_EQ(rest.Check({"evil.example", 443}), Verdict::kDeny);
  EXPECT_EQ(rest.Check({"good.example", 443}), Verdict::kAllow);
  EXPECT_EQ(rest.Check({"api.example", 443}), Verdict::kInspect) << "a tunnel could carry what is denied";
  EXPECT_EQ(rest.Check({"port.example", 0, Protocol::kDns}), Verdict::kInspect);
  EXPECT_EQ(rest.Check({"evil.example", 0, Protocol::kDns}), Verdict::kDeny);
  const auto ask = [&](std::string path) {
    NetworkRequest request{"api.example", 443, Protocol::kHttps};
    request.method = "GET";
    request.path = std::move(path);
    return rest.Check(request).verdict;
  };
  EXPECT_EQ(ask("/public"), Verdict::kAllow);
  EXPECT_EQ(ask("/private/x"), Verdict::kDeny);
  EXPECT_EQ(ask("/%70rivate/x"), Verdict::kDeny);
  EXPECT_NE(ask("//private/x"), Verdict::kAllow);
}

TEST(Audited, HearsEachRequestAndItsRuling) {
  std::vector<std::string> heard;
  const auto audit = [&heard](const NetworkRequest& request, const Ruling& ruling) {
    heard.push_back(request.host + (ruling == Verdict::kAllow ? " allowed " : " denied ") + ruling.rule);
  };
  const Audited list(AllowList({"a.example"}), audit);
  EXPECT_EQ(list.Check({"a.example", 443}), Verdict::kAllow);
  EXPECT_EQ(list.Check({"b.example", 443}), Verdict::kDeny);
  EXPECT_EQ(AnswerOf(Audited(Later(Verdict::kAllow), audit), {"c.example", 443}), Verdict::kAllow);
  EXPECT_EQ(heard,
            (std::vector<std::string>{"a.example allowed a.example", "b.example denied ", "c.example allowed "}));
}

TEST(NetworkPolicyStatus, IsThatOfTheParts) {
  const AllowList bad({"good.example", "a..b"});
  EXPECT_EQ(GetErrorCode(bad.status()), ErrorCode::kInvalidArgument);
  EXPECT_EQ(NetworkPolicyStatus(AllowAll() || !bad), bad.status());
  EXPECT_EQ(NetworkPolicyStatus(bad && AllowAll()), bad.status());
  EXPECT_EQ(Audited(bad, [](const NetworkRequest&, const Ruling&) {}).status(), bad.status());
  EXPECT_TRUE(NetworkPolicyStatus(AllowAll() && DenyAll()).ok());
  EXPECT_EQ(bad.Check({"good.example", 443}), Verdict::kAllow);
}

// Any policy can be awaited by a host's own coroutine.
TEST(PendingRuling, IsAwaitable) {
  const auto promise = std::make_shared<std::promise<Ruling>>();
  // GCC 12 destroys twice what is made within an awaited expression: hence the variables.
  const auto run = [](auto policy, std::shared_ptr<std::promise<Ruling>> done) -> internal::Detached {
    const NetworkRequest request{"a.example", 443};
    Ruling ruling = co_await policy.Check(request);
    done->set_value(std::move(ruling));
  };
  run(Later(Verdict::kAllow) && AllowAll(), promise);
  EXPECT_EQ(promise->get_future().get(), Verdict::kAllow);
}

}  // namespace
}  // namespace leash
