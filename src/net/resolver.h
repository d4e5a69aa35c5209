// Names to addresses, asked of the host's own resolver configuration (c-ares): one question a name, whoever waits.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "net/ip_address.h"

struct uv_loop_s;

namespace leash::net {

// For use on the loop's thread alone. Reads /etc/resolv.conf and /etc/hosts; knows no other source of names (no mDNS,
// no directory service). Answers are remembered for their time to live, a minute at most, and a second at least.
class Resolver {
 public:
  using Callback = std::function<void(absl::StatusOr<std::vector<IpAddress>> addresses)>;

  struct Settings {
    absl::Duration deadline = absl::Seconds(15);
    absl::Duration remember = absl::Seconds(60);
    // In place of those of the host: "192.0.2.53", "[2001:db8::53]:5353".
    std::vector<std::string> servers;
  };

  // Errors: the resolver's configuration cannot be read (kIo), or a server is no address (kInvalidArgument).
  static absl::StatusOr<std::unique_ptr<Resolver>> Make(uv_loop_s* loop, Settings settings);
  // Callbacks that wait are called with an error.
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // `callback` is called once, perhaps before this returns; never with an empty list. Addresses come in the order in
  // which they are to be tried.
  void Resolve(const std::string& name, Callback callback);

 private:
  struct Rep;
  explicit Resolver(std::unique_ptr<Rep> rep);
  std::unique_ptr<Rep> rep_;
};

}  // namespace leash::net
