// A call under way.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>

#include "ipc/link.h"
#include "leash/ipc_router.h"

namespace leash::ipc {

// Lives as long as its handler holds it. Any thread.
class Call : public internal::IpcReply {
 public:
  Call(std::shared_ptr<Link> link, std::uint32_t id, IpcContext context, std::string_view arguments);
  ~Call() override;
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  const IpcContext& context() const override { return context_; }
  std::string_view arguments() const override { return arguments_; }
  absl::Status Yield(std::string_view item) override;
  void Finish(absl::StatusOr<std::string> response) override;

  // Ends it with an error of the server's own. As Finish, the first counts.
  void Fail(std::string_view code, std::string_view message);
  // Has the handler told that nobody waits any more.
  void Stop() { source_.request_stop(); }

 private:
  const std::shared_ptr<Link> link_;
  const std::uint32_t id_;
  std::stop_source source_;
  IpcContext context_;
  const std::string arguments_;
  std::atomic<bool> finished_ = false;
};

// Calls `handler`. What it throws fails the call and nothing else.
void RunHandler(const IpcHandler& handler, std::shared_ptr<Call> call);

}  // namespace leash::ipc
