// What became of a request to the network: each decision of a policy is told once, when its consequence is known.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "leash/network.h"

namespace leash {

// What happened, apart from what was decided: what is allowed can fail as well.
enum class NetworkOutcome {
  kDone,            // the connection or exchange came to its end; a name was answered
  kDenied,          // by the policy
  kAddressRefused,  // the host is allowed, and leads to an address that is not: a private one, say
  kUnresolved,      // no address was found
  kUnreachable,     // no connection to any address
  kTimedOut,        // a deadline passed, or nothing came for too long
  kMismatch,        // what was said inside (TLS server name, HTTP Host) is not the host that was asked for
  kMalformed,       // not the protocol that it claims to be, or not readable in one way only
  kBroken,          // ended by either side in the middle, or by the end of the sandbox
};
std::string_view NetworkOutcomeName(NetworkOutcome outcome);  // "done", "address_refused"

struct NetworkEvent {
  absl::Time time;               // when it was asked
  std::uint64_t connection = 0;  // requests of one connection share it; counted from 1 in each sandbox
  NetworkRequest request;        // with the addresses of the host, where they were looked for
  Verdict verdict = Verdict::kDeny;
  std::string rule;  // what the policy named for it
  NetworkOutcome outcome = NetworkOutcome::kDone;
  std::string detail;            // one line, for an outcome other than kDone
  std::string peer;              // the address and port that was connected to
  int status = 0;                // of an HTTP response
  std::uint64_t bytes_sent = 0;  // by the program; of HTTP, the bodies
  std::uint64_t bytes_received = 0;
  absl::Duration duration;
};

// Called on leash's loop thread, which it must not block.
using NetworkEventCallback = std::function<void(const NetworkEvent& event)>;

}  // namespace leash
