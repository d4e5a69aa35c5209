// The connections that a listener of leash's serves at the moment. For use on the loop's thread alone, unless it says
// otherwise.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "net/loop_handles.h"

namespace leash::net {

// A Connection has `Start()`, calls the `done` that it was made with once, and has `Carries()`: whether something that
// was said still waits to be passed on.
template <typename Connection>
class ServedConnections {
 public:
  explicit ServedConnections(uv_loop_s* loop) : buried_(loop, [this] { dead_.clear(); }) {}

  std::size_t size() const { return connections_.size(); }
  bool AnyCarries() const {
    return std::any_of(connections_.begin(), connections_.end(), [](const auto& one) { return one.second->Carries(); });
  }

  // `make` gives a std::unique_ptr<Connection> for a `done`.
  template <typename Make>
  void Serve(Make make) {
    const std::uint64_t key = next_++;
    std::unique_ptr<Connection> connection = make([this, key] { Bury(key); });
    Connection* const raw = connection.get();
    connections_.emplace(key, std::move(connection));
    raw->Start();
  }

 private:
  // A connection says that it is done from within its own code: it goes when that has returned.
  void Bury(std::uint64_t key) {
    const auto found = connections_.find(key);
    if (found == connections_.end()) return;
    dead_.push_back(std::move(found->second));
    connections_.erase(found);
    buried_.Start(absl::ZeroDuration());
  }

  std::unordered_map<std::uint64_t, std::unique_ptr<Connection>> connections_;
  std::vector<std::unique_ptr<Connection>> dead_;
  std::uint64_t next_ = 0;
  Timer buried_;
};

// Blocks, on any other thread than the loop's, until `over`, which is asked on that one, or for `most`. On the loop's
// thread, which must not wait, it returns at once.
void WaitOffLoop(const std::function<bool()>& over, absl::Duration most);

}  // namespace leash::net
