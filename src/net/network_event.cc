#include "leash/network_event.h"

namespace leash {

std::string_view NetworkOutcomeName(NetworkOutcome outcome) {
  switch (outcome) {
    case NetworkOutcome::kDone:
      return "done";
    case NetworkOutcome::kDenied:
      return "denied";
    case NetworkOutcome::kAddressRefused:
      return "address_refused";
    case NetworkOutcome::kUnresolved:
      return "unresolved";
    case NetworkOutcome::kUnreachable:
      return "unreachable";
    case NetworkOutcome::kTimedOut:
      return "timed_out";
    case NetworkOutcome::kMismatch:
      return "mismatch";
    case NetworkOutcome::kMalformed:
      return "malformed";
    case NetworkOutcome::kBroken:
      return "broken";
  }
  return "unknown";
}

}  // namespace leash
