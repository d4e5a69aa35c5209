// What is said between leash and an upstream proxy until a tunnel is open: CONNECT of HTTP (RFC 9110, 9.3.6) and the
// client's side of SOCKS 5 (RFC 1928, RFC 1929). Bytes in, bytes out: the socket is another's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "net/upstream_proxy.h"

namespace leash::net {

enum class DialogueState {
  kGoesOn,
  kOpen,       // what was not consumed belongs to the tunnel, and so does what comes
  kRefused,    // for good
  kElsewhere,  // refused, and another address of the same host may do
};

struct DialogueProgress {
  std::size_t consumed = 0;  // everything, unless the dialogue is over
  DialogueState state = DialogueState::kGoesOn;
  std::string send;
  std::string detail;  // of a refusal: one line, naming the proxy
};

// One tunnel. Not thread-safe. What comes of the bytes does not depend on how they are split.
class ProxyDialogue {
 public:
  virtual ~ProxyDialogue() = default;
  // What leash says first.
  virtual std::string Opening() const = 0;
  virtual DialogueProgress Feed(std::string_view input) = 0;
};

// To `host` (a name or an address, normalised) and `port`. `proxy` outlives the dialogue.
std::unique_ptr<ProxyDialogue> NewProxyDialogue(const UpstreamProxy& proxy, std::string host, std::uint16_t port);

}  // namespace leash::net
