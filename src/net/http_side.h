// One of the two connections of an HTTP session, with what was received and not read, and what was written and not
// sent.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "net/relay.h"
#include "net/stream.h"

namespace leash::net {

struct HttpSide {
  Stream stream;
  std::string in;        // received, not yet read
  std::string out;       // written, not yet sent
  std::size_t sent = 0;  // of out
  bool ended = false;    // says no more

  std::size_t Unsent() const { return out.size() - sent; }
  std::string_view Unread() const { return in.empty() ? fresh_ : std::string_view(in); }
  // Takes that much from the front of Unread().
  void Consume(std::size_t size);

  // Receives what there is, unless `most` is waiting to be read already. False: the connection is broken.
  bool Fill(RelayBuffers& buffers, std::size_t most);
  // The same, without a copy where nothing waits: what was received stays in the buffer that all share, until Keep().
  bool FillInPlace(RelayBuffers& buffers, std::size_t most);
  void Keep();
  // Sends what can be sent. False: the connection is broken.
  bool Flush();
  // The same for `bytes`, which are copied only where they have to wait. An error is seen again by Flush().
  void SendSoon(std::string_view bytes);

 private:
  std::string_view fresh_;  // empty when `in` is not
};

}  // namespace leash::net
