#include "platform/linux/supervisor.h"

#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "base/blocked_signals.h"
#include "base/descriptor_message.h"
#include "base/status.h"
#include "platform/linux/supervisor_caller.h"
#include "platform/linux/supervisor_internet.h"
#include "platform/linux/supervisor_metadata.h"
#include "platform/linux/supervisor_notification.h"
#include "platform/linux/supervisor_observer.h"
#include "platform/linux/supervisor_sockets.h"

namespace leash::platform {
namespace {

constexpr std::size_t kStackSize = std::size_t{1} << 20;
// How often a connect(2) to a full queue is tried again, and how many calls may wait.
constexpr int kRetryMilliseconds = 10;
constexpr std::size_t kMostWaiting = 256;
// How often it is looked whether somebody who waits for a message or a connection is still there, and has a signal.
constexpr absl::Duration kLookAfter = absl::Milliseconds(500);

struct ListenerState {
  explicit ListenerState(base::UniqueFd descriptor) : fd(std::move(descriptor)) {}
  int get() const { return fd.get(); }
  const base::UniqueFd fd;
  bool started = false;  // the command has been seen to execute its program
};
using Listener = std::shared_ptr<ListenerState>;

struct Waiter {
  Listener listener;
  seccomp_notif notification;
  WaitingCall call;
  absl::Time look;  // when to look for signals
};

WaitingCall WaitingConnect(UnixSockets::Waiting waiting) {
  const absl::Time until = waiting.until;
  auto held = std::make_shared<UnixSockets::Waiting>(std::move(waiting));
  return {[held](Caller&) { return UnixSockets::Retry(*held); }, -1, until};
}

// What the thread does.
class Service {
 public:
  Service(const core::Plan& plan, base::UniqueFd socket_ruleset, std::optional<Observer> observer,
          std::optional<HostNetwork> network, std::optional<HostCalls> calls)
      : plan_(plan),
        calls_(std::move(calls)),
        sockets_(plan, std::move(socket_ruleset)),
        observer_(std::move(observer)) {
    if (network.has_value()) internet_.emplace(*std::move(network));
  }

  void Add(base::UniqueFd listener) { listeners_.push_back(std::make_shared<ListenerState>(std::move(listener))); }

  void Clear() {
    waiting_.clear();
    listeners_.clear();
  }

  // Waits for calls, or for `wake`, and answers at most one a listener: none crowds out another. False: it cannot wait
  // for any.
  bool Round(int wake) {
    polled_.assign(1, {wake, POLLIN, 0});
    for (const Listener& listener : listeners_) polled_.push_back({listener->get(), POLLIN, 0});
    int patience = -1;
    for (const Waiter& waiter : waiting_) {
      polled_.push_back({waiter.call.readable, POLLIN, 0});  // -1 is passed over
      if (patience < 0 || waiter.call.readable < 0) patience = PatienceFor(waiter.call);
    }
    if (::poll(polled_.data(), polled_.size(), patience) < 0) return errno == EINTR;
    for (std::size_t i = 0; i < listeners_.size(); ++i) {
      if ((polled_[i + 1].revents & POLLIN) != 0) Serve(listeners_[i]);
    }
    RetryWaiting();
    for (std::size_t i = listeners_.size(); i > 0; --i) {
      if ((polled_[i].revents & (POLLHUP | POLLERR)) == 0) continue;
      listeners_.erase(listeners_.begin() + static_cast<std::ptrdiff_t>(i - 1));
    }
    return true;
  }

 private:
  void Serve(const Listener& listener) {
    if (!notification_.Receive(listener->get())) return;
    Caller caller(listener->get(), notification_.value());
    if (observer_.has_value()) {
      const Observer::Verdict verdict = observer_->Look(caller, listener->started);
      if (caller.Number() == SYS_execve) listener->started = true;
      if (verdict == Observer::Verdict::kLetGoOn) return LetGoOn(listener->get(), notification_.value().id);
      if (verdict == Observer::Verdict::kRefuse) return Reply(listener->get(), notification_.value().id, -EPERM);
    }
    std::optional<WaitingCall> waiting;
    const Answer answer = Perform(caller, waiting);
    if (answer == kAnswered) return;
    if (answer == -EPERM && listener->started && observer_.has_value()) observer_->Denied(caller);
    if (waiting.has_value() && waiting_.size() < kMostWaiting) {
      waiting_.push_back({listener, notification_.value(), *std::move(waiting), absl::Now() + kLookAfter});
      return;
    }
    Reply(listener->get(), notification_.value().id, answer);
  }

  Answer Perform(Caller& caller, std::optional<WaitingCall>& waiting) {
    if (calls_.has_value()) {
      if (const std::optional<Answer> answer = calls_->Perform(caller)) return *answer;
    }
    if (internet_.has_value()) {
      if (caller.Number() == SYS_bind || caller.Number() == SYS_listen) ForgetDead();
      if (const std::optional<Answer> answer = internet_->Perform(caller, waiting)) return *answer;
    }
    switch (caller.Number()) {
      case SYS_connect:
        return ConnectUnix(caller, waiting);
      case SYS_bind:
        return sockets_.Bind(caller);
      case SYS_listen:
        return sockets_.Listen(caller);
      default:
        return ChangeMetadata(plan_, caller);
    }
  }

  Answer ConnectUnix(Caller& caller, std::optional<WaitingCall>& waiting) {
    std::optional<UnixSockets::Waiting> connect;
    const Answer answer = sockets_.Connect(caller, connect);
    if (connect.has_value()) waiting = WaitingConnect(*std::move(connect));
    return answer;
  }

  // Milliseconds. What can be read says so; but a caller that has died, or whose time is up, does not.
  static int PatienceFor(const WaitingCall& call) {
    if (call.readable < 0) return kRetryMilliseconds;
    const absl::Duration left = std::clamp(call.until - absl::Now(), absl::Milliseconds(1), kLookAfter);
    return static_cast<int>(absl::ToInt64Milliseconds(left));
  }

  void RetryWaiting() {
    std::erase_if(waiting_, [&](Waiter& waiter) {
      Caller caller(waiter.listener->get(), waiter.notification);
      if (!caller.Waits()) return true;
      Answer answer = waiter.call.again(caller);
      if (answer == -EAGAIN && HasSignal(waiter, caller)) answer = -EINTR;
      if (answer == -EAGAIN && absl::Now() < waiter.call.until) return false;
      if (answer == -EAGAIN) answer = waiter.call.late;
      if (answer == kAnswered) return true;
      Reply(waiter.listener->get(), waiter.notification.id, answer);
      return true;
    });
  }

  // Now and then, because it takes a look into /proc.
  static bool HasSignal(Waiter& waiter, const Caller& caller) {
    const absl::Time now = absl::Now();
    if (now < waiter.look) return false;
    waiter.look = now + kLookAfter;
    return caller.HasSignal();
  }

  // Of callers that have died: their sockets are closed only now.
  void ForgetDead() {
    std::erase_if(waiting_,
                  [](const Waiter& waiter) { return !Caller(waiter.listener->get(), waiter.notification).Waits(); });
  }

  const core::Plan& plan_;
  std::optional<HostCalls> calls_;
  UnixSockets sockets_;
  std::optional<InternetSockets> internet_;  // where there is a network policy
  const std::optional<Observer> observer_;
  Notification notification_;
  std::vector<Listener> listeners_;
  std::vector<Waiter> waiting_;
  std::vector<pollfd> polled_;
};

}  // namespace

struct Supervisor::State {
  State(const core::Plan& of, base::UniqueFd socket_ruleset, const std::optional<Observation>& observation,
        std::optional<HostNetwork> network, std::optional<HostCalls> calls)
      : plan(of),
        service(plan, std::move(socket_ruleset), ObserverOf(observation), std::move(network), std::move(calls)) {
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
      error = errno;
      return;
    }
    inside.reset(pair[0]);
    outside.reset(pair[1]);
  }

  const core::Plan plan;
  Service service;         // the thread's
  int error = 0;           // why there are no sockets
  base::UniqueFd inside;   // the thread's
  base::UniqueFd outside;  // for commands, and to wake the thread
  std::mutex mutex;
  std::condition_variable ended_changed;
  bool running = false;  // guarded by mutex, as what follows
  bool stop = false;
  bool ended = false;
  pthread_t thread = {};

  std::optional<Observer> ObserverOf(const std::optional<Observation>& observation) const {
    if (!observation.has_value()) return std::nullopt;
    return std::optional<Observer>(std::in_place, plan, observation->sink, observation->filter, observation->namespaces,
                                   observation->audited);
  }

  // A message without a descriptor.
  void Wake() const { (void)::send(outside.get(), "", 1, MSG_NOSIGNAL | MSG_DONTWAIT); }

  void TakeListeners() {
    base::UniqueFd listener;
    while (base::ReceiveDescriptor(inside.get(), listener)) {
      if (!listener) continue;
      SetSyncWakeUp(listener.get());
      service.Add(std::move(listener));
    }
  }

  bool Stopped() {
    const std::lock_guard lock(mutex);
    return stop;
  }

  static void* Run(void* argument) {
    const std::unique_ptr<std::shared_ptr<State>> self(static_cast<std::shared_ptr<State>*>(argument));
    State& state = **self;
    const bool dropped = DropThreadCapabilities();
    while (dropped && !state.Stopped() && state.service.Round(state.inside.get())) state.TakeListeners();
    // What nobody serves any more fails, rather than waiting: calls, and commands that start.
    state.service.Clear();
    state.inside.reset();
    const std::lock_guard lock(state.mutex);
    state.ended = true;
    state.ended_changed.notify_one();
    return nullptr;
  }
};

Supervisor::Supervisor(const core::Plan& plan, base::UniqueFd socket_ruleset,
                       const std::optional<Observation>& observation, std::optional<HostNetwork> network,
                       std::optional<HostCalls> calls)
    : state_(std::make_shared<State>(plan, std::move(socket_ruleset), observation, std::move(network),
                                     std::move(calls))) {}

int Supervisor::Socket() const { return state_->outside.get(); }

absl::Status Supervisor::Start() {
  const std::lock_guard lock(state_->mutex);
  if (state_->running) return absl::OkStatus();
  if (!state_->outside) return base::ErrnoError(ErrorCode::kNotEnforced, state_->error, "cannot start the supervisor");
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStackSize);
  // The host's signals are the host's: none is delivered there.
  const base::BlockedSignals blocked;
  auto self = std::make_unique<std::shared_ptr<State>>(state_);
  const int error = ::pthread_create(&state_->thread, &attributes, &State::Run, self.get());
  pthread_attr_destroy(&attributes);
  if (error != 0) return base::ErrnoError(ErrorCode::kNotEnforced, error, "cannot start the supervisor");
  (void)self.release();  // the thread's
  state_->running = true;
  return absl::OkStatus();
}

Supervisor::~Supervisor() {
  std::unique_lock lock(state_->mutex);
  if (!state_->running) return;
  state_->stop = true;
  state_->Wake();
  const bool ended = state_->ended_changed.wait_for(lock, std::chrono::seconds(1), [&] { return state_->ended; });
  lock.unlock();
  if (ended) {
    ::pthread_join(state_->thread, nullptr);
  } else {
    ::pthread_detach(state_->thread);
  }
}

}  // namespace leash::platform
