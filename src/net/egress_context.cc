#include "net/egress_context.h"

#include <atomic>
#include <utility>

#include "base/event_loop.h"

namespace leash::net {
namespace {

struct Question {
  Question(const Presence& presence, std::function<void(Ruling)> then)
      : asker(presence.handle()), answered(std::move(then)) {}
  const std::weak_ptr<void> asker;
  std::function<void(Ruling)> answered;
  std::atomic<bool> over = false;
};

}  // namespace

void AskPolicy(const EgressContext& context, const NetworkRequest& request, const Presence& presence,
               std::function<void(Ruling)> answered) {
  const auto question = std::make_shared<Question>(presence, std::move(answered));
  context.policy(request, [question](Ruling ruling) {
    if (question->over.exchange(true)) return;
    const auto deliver = [question, ruling = std::move(ruling)] {
      if (!question->asker.expired()) question->answered(ruling);
      question->answered = nullptr;  // what it holds belongs to the loop's thread
    };
    base::EventLoop& loop = base::EventLoop::Shared();
    loop.IsCurrentThread() ? deliver() : loop.Post(deliver);
  });
}

}  // namespace leash::net
