// net/proxy_dialogue.h: what an upstream proxy answers is read the same however it is split, and nothing is taken that
// belongs to the tunnel.
#include <string>

#include "fuzz/fuzz.h"
#include "net/proxy_dialogue.h"

namespace leash::net {
namespace {

using fuzz::Check;

struct Dialogue {
  DialogueState state = DialogueState::kGoesOn;
  std::size_t consumed = 0;
  std::string sent;
  std::string detail;
};

template <typename S>
Dialogue Feed(const fuzz::Input& input, S sizes) {
  UpstreamProxy proxy{UpstreamProxy::Kind::kHttp, "proxy.test", 3128, {}};
  if (input.Chooses(0)) proxy.kind = UpstreamProxy::Kind::kSocks5Names;
  if (input.Chooses(1)) proxy.credential = SocksCredential{"user", "s3cret"};
  const auto parser = NewProxyDialogue(proxy, input.Chooses(2) ? "2001:db8::1" : "some.test", 443);
  Check(!parser->Opening().empty(), "leash speaks first");
  Dialogue result;
  while (result.state == DialogueState::kGoesOn && result.consumed < input.bytes.size()) {
    const std::string_view piece = input.bytes.substr(result.consumed, sizes.Next());
    const DialogueProgress progress = parser->Feed(piece);
    Check(progress.consumed <= piece.size(), "no more is consumed than there is");
    Check(progress.state != DialogueState::kGoesOn || progress.consumed == piece.size(), "waiting consumes everything");
    result.consumed += progress.consumed;
    result.sent += progress.send;
    result.state = progress.state;
    result.detail = progress.detail;
  }
  const bool refused = result.state == DialogueState::kRefused || result.state == DialogueState::kElsewhere;
  Check(refused != result.detail.empty(), "a refusal has a reason");
  Check(result.detail.find("s3cret") == std::string::npos, "a reason has no secret");
  Check(result.detail.find('\n') == std::string::npos, "a reason is one line");
  return result;
}

}  // namespace
}  // namespace leash::net

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace leash::net;  // NOLINT
  const leash::fuzz::Input input(data, size);
  const Dialogue whole = Feed(input, leash::fuzz::Whole());
  const Dialogue split = Feed(input, leash::fuzz::Sizes(size));
  leash::fuzz::Check(whole.state == split.state && whole.sent == split.sent && whole.detail == split.detail,
                     "a dialogue does not depend on how its bytes are split");
  leash::fuzz::Check(whole.state != DialogueState::kOpen || whole.consumed == split.consumed,
                     "nor does the beginning of the tunnel");
  return 0;
}
