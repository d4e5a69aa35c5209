// ipc/frame.h and ipc/payload.h: what comes of the bytes does not depend on how they are split or stopped, and
// arguments that are taken can be read.
#include <string>
#include <vector>

#include "fuzz/fuzz.h"
#include "ipc/frame.h"
#include "ipc/payload.h"
#include "leash/ipc.h"

namespace leash::ipc {
namespace {

using fuzz::Check;

constexpr std::size_t kMost = 4096;

struct Seen {
  FrameFault fault = FrameFault::kNone;
  std::vector<std::string> frames;
};

template <typename S>
Seen Read(std::string_view bytes, S sizes, bool stops) {
  Seen seen;
  FrameReader reader(kMost);
  const auto take = [&](const Frame& frame) {
    Check(frame.body.size() + kHeaderBytes <= kMost, "a frame keeps to its limit");
    std::string again;
    AppendFrame(frame.kind, frame.id, frame.body, again);
    seen.frames.push_back(std::move(again));
    return !stops;
  };
  while (!bytes.empty() && seen.fault == FrameFault::kNone) {
    const std::string_view piece = bytes.substr(0, sizes.Next());
    bytes.remove_prefix(piece.size());
    seen.fault = reader.Feed(piece, take);
    for (std::size_t count = 0; stops && count != seen.frames.size();) {
      count = seen.frames.size();
      seen.fault = reader.Feed({}, take);
    }
    Check(reader.held() < kLengthBytes + kMost, "no more than one frame is held");
  }
  return seen;
}

void CheckCall(std::string_view body) {
  const std::optional<CallBody> call = ParseCall(body);
  if (!call.has_value()) return;
  Check(MakeCall(*call) == body, "a call is written as it was read");
  IpcLimits limits;
  limits.values = 1000;
  const bool is_value = IsOneValue(call->arguments);
  if (!CheckArguments(call->arguments, limits, {.takes_others = true}).ok()) return;
  Check(is_value, "arguments are one value");
  // Throws, and so ends the harness, unless msgpack-c agrees.
  const msgpack::object_handle args = msgpack::unpack(call->arguments.data(), call->arguments.size());
  Check(args.get().type == msgpack::type::MAP, "arguments are a map");
}

}  // namespace
}  // namespace leash::ipc

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace leash::ipc;  // NOLINT
  const leash::fuzz::Input input(data, size);
  const Seen whole = Read(input.bytes, leash::fuzz::Whole(), false);
  const Seen split = Read(input.bytes, leash::fuzz::Sizes(size), input.Chooses(0));
  leash::fuzz::Check(whole.fault == split.fault && whole.frames == split.frames,
                     "frames do not depend on how their bytes are split");
  for (const std::string& frame : whole.frames) CheckCall(std::string_view(frame).substr(kLengthBytes + kHeaderBytes));
  return 0;
}
