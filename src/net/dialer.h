// Connects to the first of several addresses that answers (RFC 8305, Happy Eyeballs).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "net/egress_settings.h"
#include "net/ip_address.h"
#include "net/loop_handles.h"

namespace leash::net {

struct Upstream {
  base::UniqueFd fd;
  Endpoint endpoint;
};

// One dial. For use on the loop's thread alone; destroying it gives it up, and `done` is not called any more.
class Dialer {
 public:
  // Tries `endpoints` in their order, each a little after the one before, or at once when that has failed. `done` is
  // called once, never before this returns. Errors: kIo with the reason of the last attempt.
  Dialer(uv_loop_s* loop, const EgressSettings& settings, std::vector<Endpoint> endpoints,
         std::function<void(absl::StatusOr<Upstream>)> done);
  ~Dialer();
  Dialer(const Dialer&) = delete;
  Dialer& operator=(const Dialer&) = delete;

 private:
  struct Attempt;
  void TryNext();
  void Connected(Attempt& attempt);
  void Failed(Attempt* attempt, int error);
  void Finish(absl::StatusOr<Upstream> result);

  uv_loop_s* const loop_;
  const EgressSettings& settings_;
  const std::vector<Endpoint> endpoints_;
  const std::function<void(absl::StatusOr<Upstream>)> done_;
  std::size_t next_ = 0;
  std::vector<std::unique_ptr<Attempt>> attempts_;
  absl::Status last_error_;
  bool constructed_ = false;
  std::optional<absl::StatusOr<Upstream>> early_;  // what was known before the constructor returned
  Timer next_attempt_;
  Timer deadline_;
};

}  // namespace leash::net
