#include "ipc/frame.h"

#include <array>

#include "ipc/payload.h"

namespace leash::ipc {
namespace {

std::uint32_t ReadU32(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

void AppendU32(std::uint32_t value, std::string& to) {
  for (const int shift : {24, 16, 8, 0}) to.push_back(static_cast<char>(value >> shift & 0xff));
}

// Of a frame whose first bytes these are: as early as it can be told.
FrameFault Judge(std::string_view bytes, std::size_t most_bytes) {
  if (bytes.size() < kLengthBytes) return FrameFault::kNone;
  const std::size_t length = ReadU32(bytes, 0);
  if (length < kHeaderBytes) return FrameFault::kTooShort;
  if (length > most_bytes) return FrameFault::kTooLong;
  if (bytes.size() > 4 && static_cast<unsigned char>(bytes[4]) != kProtocolVersion) return FrameFault::kVersion;
  if ((bytes.size() > 6 && bytes[6] != 0) || (bytes.size() > 7 && bytes[7] != 0)) return FrameFault::kReserved;
  return FrameFault::kNone;
}

}  // namespace

std::string_view FrameFaultText(FrameFault fault) {
  constexpr std::array<std::string_view, 5> kTexts = {
      "no fault", "a frame is shorter than its header", "a frame is longer than the host takes",
      "the host speaks version 1 of this protocol", "bytes that must be 0 are not"};
  return kTexts.at(static_cast<std::size_t>(fault));
}

FrameFault FrameReader::Parse(std::string_view bytes, const Take& take, std::size_t& used) {
  while (true) {
    const std::string_view rest = bytes.substr(used);
    if (const FrameFault fault = Judge(rest, most_bytes_); fault != FrameFault::kNone) return fault;
    if (rest.size() < kLengthBytes) return FrameFault::kNone;
    const std::size_t size = kLengthBytes + ReadU32(rest, 0);
    if (rest.size() < size) return FrameFault::kNone;
    used += size;
    const std::size_t body = kLengthBytes + kHeaderBytes;
    if (!take({static_cast<FrameKind>(rest[5]), ReadU32(rest, 8), rest.substr(body, size - body)})) {
      return FrameFault::kNone;
    }
  }
}

FrameFault FrameReader::Feed(std::string_view bytes, const Take& take) {
  if (fault_ != FrameFault::kNone) return fault_;
  std::size_t used = 0;
  if (held_.empty()) {
    fault_ = Parse(bytes, take, used);
    held_ = bytes.substr(used);
  } else {
    held_ += bytes;
    fault_ = Parse(held_, take, used);
    held_.erase(0, used);
  }
  if (fault_ != FrameFault::kNone) held_.clear();
  if (held_.empty() && held_.capacity() > 256) std::string().swap(held_);
  return fault_;
}

void AppendFrame(FrameKind kind, std::uint32_t id, std::string_view body, std::string& to) {
  AppendU32(static_cast<std::uint32_t>(kHeaderBytes + body.size()), to);
  to.push_back(static_cast<char>(kProtocolVersion));
  to.push_back(static_cast<char>(kind));
  to.append(2, '\0');
  AppendU32(id, to);
  to += body;
}

std::optional<CallBody> ParseCall(std::string_view body) {
  if (body.size() < 5) return std::nullopt;
  const std::size_t name = static_cast<unsigned char>(body[4]);
  if (body.size() < 5 + name) return std::nullopt;
  return CallBody{ReadU32(body, 0), body.substr(5, name), body.substr(5 + name)};
}

std::string MakeCall(const CallBody& call) {
  std::string body;
  body.reserve(5 + call.command.size() + call.arguments.size());
  AppendU32(call.timeout_ms, body);
  body.push_back(static_cast<char>(call.command.size()));
  body += call.command;
  body += call.arguments;
  return body;
}

std::string MakeError(std::string_view code, std::string_view message) {
  PayloadWriter writer;
  writer.Map(2);
  writer.String("code");
  writer.String(code);
  writer.String("message");
  writer.String(message);
  return std::move(writer).bytes();
}

// Names as gRPC has them, in lower case: docs/ipc.md lists them.
std::string_view ErrorCodeOf(const absl::Status& status) {
  constexpr std::array<std::string_view, 17> kNames = {
      "ok",        "cancelled",      "unknown",           "invalid_argument",   "deadline_exceeded",
      "not_found", "already_exists", "permission_denied", "resource_exhausted", "failed_precondition",
      "aborted",   "out_of_range",   "unimplemented",     "internal",           "unavailable",
      "data_loss", "unauthenticated"};
  const auto number = static_cast<std::size_t>(status.raw_code());
  return number < kNames.size() ? kNames[number] : "unknown";
}

}  // namespace leash::ipc
