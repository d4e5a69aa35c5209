// net/socks.h: what comes of the bytes does not depend on how they are split.
#include <string>

#include "fuzz/fuzz.h"
#include "net/socks.h"

namespace leash::net {
namespace {

using fuzz::Check;

struct Dialogue {
  SocksEvent event = SocksEvent::kNeedMore;
  std::string sent;
  std::size_t consumed = 0;
  SocksRequest request;
};

template <typename S>
Dialogue Feed(const fuzz::Input& input, S sizes) {
  std::optional<SocksCredential> credential;
  if (input.Chooses(0)) credential = SocksCredential{"user", "secret"};
  SocksParser parser(credential);
  Dialogue dialogue;
  while (dialogue.event == SocksEvent::kNeedMore && dialogue.consumed < input.bytes.size()) {
    const std::string_view piece = input.bytes.substr(dialogue.consumed, sizes.Next());
    const SocksProgress progress = parser.Feed(piece);
    Check(progress.consumed <= piece.size(), "no more is consumed than there is");
    Check(progress.event != SocksEvent::kNeedMore || progress.consumed == piece.size(), "waiting consumes everything");
    dialogue.sent += progress.send;
    dialogue.consumed += progress.consumed;
    dialogue.event = progress.event;
  }
  dialogue.request = parser.request();
  if (dialogue.event == SocksEvent::kRequest)
    Check(!parser.Reply(SocksReply::kNotAllowed).empty(), "requests have answers");
  return dialogue;
}

void CheckRequest(const SocksRequest& request) {
  Check(request.port != 0, "a port is not 0");
  Check(!request.host.empty(), "a host is not empty");
  if (request.address.has_value()) {
    Check(request.host == request.address->ToString(), "an address is canonical");
    return;
  }
  for (const char c : request.host) Check(c > ' ' && c < 0x7f && c != ':' && c != '/', "a name has no odd bytes");
}

}  // namespace
}  // namespace leash::net

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace leash::net;  // NOLINT
  const leash::fuzz::Input input(data, size);
  const Dialogue whole = Feed(input, leash::fuzz::Whole());
  const Dialogue split = Feed(input, leash::fuzz::Sizes(size));
  leash::fuzz::Check(whole.event == split.event && whole.sent == split.sent && whole.consumed == split.consumed,
                     "a dialogue does not depend on how its bytes are split");
  leash::fuzz::Check(whole.request.host == split.request.host && whole.request.port == split.request.port,
                     "nor does its request");
  if (whole.event == SocksEvent::kRequest) CheckRequest(whole.request);
  return 0;
}
