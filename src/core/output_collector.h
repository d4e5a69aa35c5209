// Gathers what a child writes until it ends: the one loop behind the blocking and the asynchronous Output().
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "core/child_state.h"
#include "leash/process.h"

namespace leash::core {

class OutputCollector : public std::enable_shared_from_this<OutputCollector> {
 public:
  // Takes the child's stdout and stderr pipes and closes its stdin.
  explicit OutputCollector(std::shared_ptr<ChildState> child);

  absl::StatusOr<Output> CollectBlocking();
  void CollectAsync(std::function<void(absl::StatusOr<Output>)> done);

 private:
  // Reads what is there now. False: the end of the stream.
  absl::StatusOr<bool> Drain(base::UniqueFd& pipe, std::string& into);
  absl::Status DrainBoth();
  absl::StatusOr<Output> Finish();
  void Watch(base::UniqueFd& pipe, std::string& into);

  const std::shared_ptr<ChildState> child_;
  base::UniqueFd stdout_, stderr_;
  Output output_;
  // Asynchronous only, on the loop thread.
  std::function<void(absl::StatusOr<Output>)> done_;
  absl::Status failure_;
};

}  // namespace leash::core
