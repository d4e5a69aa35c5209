#include "ipc/caller.h"

#include <poll.h>
#include <sys/socket.h>

#include <map>
#include <msgpack.hpp>
#include <sstream>

#include "leash/ipc.h"

namespace leash::ipc {
namespace {

constexpr int kPatienceMs = 20'000;

}  // namespace

std::string Caller::Answer::Text() const {
  if (end) return "(end)";
  const msgpack::object_handle handle = msgpack::unpack(body.data(), body.size());
  if (kind == FrameKind::kError) {
    auto error = handle.get().as<std::map<std::string, std::string>>();
    return error["code"] + ": " + error["message"];
  }
  std::ostringstream json;
  json << handle.get();
  return json.str();
}

bool Caller::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    pollfd writable = {fd(), POLLOUT, 0};
    if (::poll(&writable, 1, kPatienceMs) <= 0) return false;
    const ssize_t sent = ::send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool Caller::Call(std::uint32_t id, std::string_view command, std::string_view arguments, std::uint32_t timeout_ms) {
  std::string frame;
  AppendFrame(FrameKind::kCall, id, MakeCall({timeout_ms, command, arguments}), frame);
  return Send(frame);
}

bool Caller::Cancel(std::uint32_t id) {
  std::string frame;
  AppendFrame(FrameKind::kCancel, id, {}, frame);
  return Send(frame);
}

Caller::Answer Caller::Next() {
  while (true) {
    FrameReader reader(1U << 30);
    Answer answer;
    bool complete = false;
    std::size_t used = 0;
    reader.Feed(bytes_, [&](const Frame& frame) {
      answer = {frame.kind, frame.id, std::string(frame.body)};
      used = kLengthBytes + kHeaderBytes + frame.body.size();
      complete = true;
      return false;
    });
    if (complete) {
      bytes_.erase(0, used);
      return answer;
    }
    pollfd readable = {fd(), POLLIN, 0};
    char buffer[1U << 16];
    const ssize_t got = ::poll(&readable, 1, kPatienceMs) > 0 ? ::recv(fd(), buffer, sizeof(buffer), 0) : -1;
    if (got <= 0) return {.end = true};
    bytes_.append(buffer, static_cast<std::size_t>(got));
  }
}

std::string Caller::Ask(std::string_view command, std::string_view arguments, std::uint32_t timeout_ms) {
  Call(++next_id_, command, arguments, timeout_ms);
  return Next().Text();
}

std::string Arguments(const std::string& name, const std::string& value) {
  return leash::internal::PackIpc(std::map<std::string, std::string>{{name, value}});
}

}  // namespace leash::ipc
