// The sandbox behind Sandbox<N>, without its type.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/backend.h"
#include "core/child_state.h"
#include "core/guard.h"
#include "core/plan.h"
#include "core/sandbox_calls.h"
#include "core/sandbox_network.h"
#include "core/violation_log.h"
#include "leash/working_dir.h"

namespace leash::core {

class SandboxState {
 public:
  // `guard` may be null, and `violations` is when they are not reported.
  SandboxState(Plan plan, WorkingDir scratch, std::unique_ptr<PreparedSandbox> prepared, SandboxNetwork network,
               SandboxCalls calls, std::unique_ptr<Guard> guard, std::shared_ptr<ViolationLog> violations,
               bool keep_scratch);

  const Plan& plan() const { return plan_; }
  absl::StatusOr<std::shared_ptr<ChildState>> Spawn(const SpawnRequest& request, absl::Time deadline);
  absl::Status Close();
  void KeepScratch();
  std::vector<Quarantined> FoundByGuard() const { return guard_ ? guard_->Found() : std::vector<Quarantined>(); }
  IsolationState Isolation() const;
  const std::vector<PublishedPort>& published() const { return published_; }
  ViolationReport Violations();
  void Listen(ViolationCallback callback);

 private:
  absl::Status CloseOnce();

  const Plan plan_;
  std::mutex mutex_;
  bool closed_ = false;                                // guarded by mutex_
  bool keep_scratch_ = false;                          // guarded by mutex_
  WorkingDir scratch_;                                 // guarded by mutex_
  std::vector<std::shared_ptr<ChildState>> children_;  // guarded by mutex_; those not known to have ended
  SandboxNetwork network_;                             // guarded by mutex_
  SandboxCalls calls_;                                 // guarded by mutex_
  const std::string why_not_all_connections_;
  const std::vector<PublishedPort> published_;
  const std::unique_ptr<PreparedSandbox> prepared_;
  const std::shared_ptr<Guard> guard_;
  const std::shared_ptr<ViolationLog> violations_;
};

}  // namespace leash::core
