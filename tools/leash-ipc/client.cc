#include "leash-ipc/client.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>

namespace leash_ipc {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::uint8_t kCall = 1;
constexpr std::uint8_t kDescribe = 3;
constexpr std::uint8_t kResult = 0x81;
constexpr std::uint8_t kItem = 0x82;
constexpr std::uint8_t kError = 0x83;
constexpr std::size_t kLengthBytes = 4;
constexpr std::size_t kHeaderBytes = 8;  // of what the length counts
constexpr std::uint32_t kLongestFrame = 1U << 30;

void Put(std::string& to, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) to.push_back(static_cast<char>(value >> shift));
}

std::uint32_t Get(const char* from) {
  std::uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(from[i]);
  return value;
}

bool ReadAll(int fd, char* into, std::size_t size) {
  while (size > 0) {
    const ssize_t got = ::recv(fd, into, size, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      if (got == 0) errno = ECONNRESET;
      return false;
    }
    into += got;
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

Json Unpack(std::string_view body) { return Json::from_msgpack(body.begin(), body.end(), true, false); }

}  // namespace

Client::Client(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    trouble_ = "the path in LEASH_IPC is too long";
    return;
  }
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  socket_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket_ < 0 || (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), size) != 0 && errno != EISCONN)) {
    trouble_ = std::string("cannot connect to the host: ") + std::strerror(errno);
  }
}

Client::~Client() {
  if (socket_ >= 0) ::close(socket_);
}

bool Client::Send(std::uint8_t kind, std::string_view body) {
  if (!trouble_.empty()) return false;
  std::string frame;
  Put(frame, static_cast<std::uint32_t>(kHeaderBytes + body.size()));
  frame.push_back(static_cast<char>(kVersion));
  frame.push_back(static_cast<char>(kind));
  frame.append(2, '\0');
  Put(frame, ++id_);
  frame.append(body);
  for (std::string_view rest = frame; !rest.empty();) {
    const ssize_t sent = ::send(socket_, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) break;  // what the host said before it closed is still to be read
    rest.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool Client::Receive(std::uint8_t& kind, std::string_view& body) {
  while (true) {
    std::array<char, kLengthBytes> length;
    if (!ReadAll(socket_, length.data(), length.size())) break;
    const std::uint32_t size = Get(length.data());
    if (size < kHeaderBytes || size > kLongestFrame) {
      errno = EPROTO;
      break;
    }
    frame_.resize(size);
    if (!ReadAll(socket_, frame_.data(), size)) break;
    const std::uint32_t id = Get(frame_.data() + 4);
    kind = static_cast<std::uint8_t>(frame_[1]);
    body = {frame_.data() + kHeaderBytes, size - kHeaderBytes};
    if (id == id_ || id == 0) return true;
  }
  trouble_ = std::string("the host does not answer: ") + std::strerror(errno);
  return false;
}

bool Client::Finish(const std::function<void(const Json&)>& item, Json& response, Failure& failure) {
  std::uint8_t kind = 0;
  std::string_view body;
  while (Receive(kind, body)) {
    Json value = Unpack(body);
    if (value.is_discarded()) {
      failure = {"unknown", "the answer cannot be shown: it is no JSON (a map with keys other than strings?)"};
      return false;
    }
    if (kind == kItem) {
      item(value);
    } else if (kind == kResult) {
      response = std::move(value);
      return true;
    } else if (kind == kError) {
      const auto text = [&](const char* key) {
        const auto found = value.find(key);
        return found != value.end() && found->is_string() ? found->get<std::string>() : std::string("unknown");
      };
      failure = value.is_object() ? Failure{text("code"), text("message")} : Failure{"unknown", "unknown"};
      return false;
    }
  }
  failure = {"unreachable", trouble_};
  return false;
}

bool Client::Describe(Json& commands, Failure& failure) {
  if (!Send(kDescribe, {})) {
    failure = {"unreachable", trouble_};
    return false;
  }
  return Finish([](const Json&) {}, commands, failure);
}

bool Client::Call(std::string_view name, const Json& arguments, std::uint32_t timeout_ms,
                  const std::function<void(const Json&)>& item, Json& response, Failure& failure) {
  std::string body;
  Put(body, timeout_ms);
  body.push_back(static_cast<char>(name.size()));
  body.append(name);
  const std::vector<std::uint8_t> packed = Json::to_msgpack(arguments);
  body.append(reinterpret_cast<const char*>(packed.data()), packed.size());
  if (!Send(kCall, body)) {
    failure = {"unreachable", trouble_};
    return false;
  }
  return Finish(item, response, failure);
}

}  // namespace leash_ipc
