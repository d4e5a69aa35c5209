// The frames that programs in a sandbox and the host exchange: docs/ipc.md. Bytes in, frames out; no descriptor here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace leash::ipc {

inline constexpr std::uint8_t kProtocolVersion = 1;
inline constexpr std::size_t kLengthBytes = 4;
// Of what the length counts: version, kind, two bytes that are 0, request id.
inline constexpr std::size_t kHeaderBytes = 8;

enum class FrameKind : std::uint8_t {
  // from the caller
  kCall = 1,
  kCancel = 2,
  kDescribe = 3,
  // from the host
  kResult = 0x81,
  kItem = 0x82,
  kError = 0x83,
};

struct Frame {
  FrameKind kind = FrameKind::kCall;  // may be a number that has no name
  std::uint32_t id = 0;
  std::string_view body;
};

// What a frame cannot be: a protocol error, after which nothing on the connection can be understood.
enum class FrameFault { kNone, kTooShort, kTooLong, kVersion, kReserved };
std::string_view FrameFaultText(FrameFault fault);

// Takes a stream of bytes apart. Holds what has come of one frame at most and, when its owner has stopped it, what was
// fed with it; nothing while no frame is begun. Memory grows with what has come, not with what was announced.
class FrameReader {
 public:
  // Says whether to go on.
  using Take = std::function<bool(const Frame&)>;

  explicit FrameReader(std::size_t most_bytes) : most_bytes_(most_bytes) {}

  // Calls `take` for each frame that is complete, with a body that lives as long as that call, and keeps the rest. Feed
  // nothing to go on after `take` has stopped it. After a fault there is no frame any more.
  FrameFault Feed(std::string_view bytes, const Take& take);

  // What is kept.
  std::size_t held() const { return held_.size(); }

 private:
  FrameFault Parse(std::string_view bytes, const Take& take, std::size_t& used);

  const std::size_t most_bytes_;
  FrameFault fault_ = FrameFault::kNone;
  std::string held_;
};

// Appends a frame.
void AppendFrame(FrameKind kind, std::uint32_t id, std::string_view body, std::string& to);

// The body of kCall.
struct CallBody {
  std::uint32_t timeout_ms = 0;  // 0: none
  std::string_view command;
  std::string_view arguments;
};
std::optional<CallBody> ParseCall(std::string_view body);
// `command` has 255 bytes at most.
std::string MakeCall(const CallBody& call);

// The body of kError: a map of "code" and "message".
std::string MakeError(std::string_view code, std::string_view message);
// The code of a handler's status.
std::string_view ErrorCodeOf(const absl::Status& status);

}  // namespace leash::ipc
