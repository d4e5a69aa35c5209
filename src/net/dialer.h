// Connects to the first of several addresses that answers (RFC 8305, Happy Eyeballs).
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "net/egress_settings.h"
#include "net/ip_address.h"
#include "net/loop_handles.h"
#include "net/stream.h"

namespace leash::net {

struct Upstream {
  Stream stream;
  Endpoint endpoint;
};

// One dial. For use on the loop's thread alone; destroying it gives it up, and `done` is not called any more.
class Dialer {
 public:
  // Tries `endpoints` in their order, each a little after the one before, or at once when that has failed.
  Dialer(uv_loop_s* loop, const EgressSettings& settings, std::vector<Endpoint> endpoints,
         std::function<void(absl::StatusOr<Upstream>)> done);
  ~Dialer();
  Dialer(const Dialer&) = delete;
  Dialer& operator=(const Dialer&) = delete;

  // `done` is called once, perhaps before this returns; it may destroy this object. Errors: kIo with the reason of the
  // last attempt.
  void Start();

 private:
  struct Attempt;
  void TryNext();
  void Answered(Attempt& attempt);
  void Failed(Attempt* attempt, int error);
  void Finish(absl::StatusOr<Upstream> result);

  uv_loop_s* const loop_;
  const EgressSettings& settings_;
  const std::vector<Endpoint> endpoints_;
  const std::function<void(absl::StatusOr<Upstream>)> done_;
  std::size_t next_ = 0;
  std::vector<std::unique_ptr<Attempt>> attempts_;
  absl::Status last_error_;
  Timer next_attempt_;
  Timer deadline_;
};

}  // namespace leash::net
