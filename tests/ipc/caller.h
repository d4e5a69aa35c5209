// A program that calls, over a socket of the test's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/unique_fd.h"
#include "ipc/frame.h"

namespace leash::ipc {

class Caller {
 public:
  struct Answer {
    FrameKind kind = FrameKind::kError;
    std::uint32_t id = 0;
    std::string body;
    bool end = false;  // there is nothing more to come

    // "code: message" of an error; else the body as JSON.
    std::string Text() const;
  };

  explicit Caller(base::UniqueFd socket) : socket_(std::move(socket)) {}

  int fd() const { return socket_.get(); }
  // As much as the host takes within half a minute.
  bool Send(std::string_view bytes);
  bool Call(std::uint32_t id, std::string_view command, std::string_view arguments = "\x80",
            std::uint32_t timeout_ms = 0);
  bool Cancel(std::uint32_t id);
  // The next frame; `end` when the host has closed, or says nothing for half a minute.
  Answer Next();
  // Call and Next.
  std::string Ask(std::string_view command, std::string_view arguments = "\x80", std::uint32_t timeout_ms = 0);
  void Close() { socket_.reset(); }

 private:
  base::UniqueFd socket_;
  std::string bytes_;
  std::uint32_t next_id_ = 1'000'000;
};

// {"name": "value"} as MessagePack.
std::string Arguments(const std::string& name, const std::string& value);

}  // namespace leash::ipc
