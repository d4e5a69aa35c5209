#include "net/http_side.h"

#include "net/sockets.h"

namespace leash::net {

void HttpSide::Consume(std::size_t size) {
  if (in.empty()) {
    fresh_.remove_prefix(size);
  } else {
    in.erase(0, size);
  }
}

bool HttpSide::Fill(RelayBuffers& buffers, std::size_t most) {
  const bool whole = FillInPlace(buffers, most);
  Keep();
  return whole;
}

bool HttpSide::FillInPlace(RelayBuffers& buffers, std::size_t most) {
  if (!stream || ended || in.size() >= most) return true;
  auto& bytes = buffers.bytes();
  const ssize_t got = Receive(stream.get(), bytes.data(), bytes.size());
  if (got == 0) ended = true;
  if (got <= 0) return got == 0 || WouldBlock();
  fresh_ = {bytes.data(), static_cast<std::size_t>(got)};
  if (!in.empty()) Keep();
  return true;
}

void HttpSide::Keep() {
  in += fresh_;
  fresh_ = {};
}

bool HttpSide::Flush() {
  while (Unsent() > 0) {
    const ssize_t count = Send(stream.get(), out.data() + sent, Unsent());
    if (count < 0) return WouldBlock();
    sent += static_cast<std::size_t>(count);
  }
  out.clear();
  sent = 0;
  return true;
}

void HttpSide::SendSoon(std::string_view bytes) {
  if (out.empty()) {
    const ssize_t count = Send(stream.get(), bytes.data(), bytes.size());
    if (count > 0) bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  out += bytes;
}

}  // namespace leash::net
