// Messages of netlink(7), as bytes: built where there is a libc, and sent by the init process, which has none. libmnl
// would do it, but the distribution has no static library of it, and what is sent is a handful of messages that never
// change.
#pragma once

#include <linux/netlink.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace leash::platform {

// One or more messages, one behind the other. Integers are in host order unless said otherwise: rtnetlink wants them
// so, nfnetlink wants its own in network order.
class NetlinkMessages {
 public:
  // Begins a message; the one before is complete by that. NLM_F_REQUEST is always set. `header` follows the netlink
  // header: ifinfomsg, rtmsg, nfgenmsg.
  template <typename Header>
  void Begin(std::uint16_t type, std::uint16_t flags, const Header& header) {
    BeginBytes(type, flags, &header, sizeof(header));
  }

  void Attribute(std::uint16_t type, std::span<const std::uint8_t> value);
  void Text(std::uint16_t type, std::string_view value);  // with a NUL behind it
  void Number(std::uint16_t type, std::uint32_t value);
  void NetworkNumber(std::uint16_t type, std::uint32_t value);  // converted

  // An attribute whose value is what `fill` adds.
  template <typename Fill>
  void Nest(std::uint16_t type, const Fill& fill) {
    const std::size_t at = bytes_.size();
    Attribute(static_cast<std::uint16_t>(type | NLA_F_NESTED), {});
    fill();
    EndNest(at);
  }

  const std::vector<std::uint8_t>& bytes() const { return bytes_; }
  // How many acknowledgements the kernel sends when all goes well: one a message with NLM_F_ACK.
  std::uint32_t acknowledgements() const { return acknowledgements_; }

 private:
  void BeginBytes(std::uint16_t type, std::uint16_t flags, const void* header, std::size_t size);
  void EndNest(std::size_t at);
  void Append(const void* data, std::size_t size);
  void SetLength();

  std::vector<std::uint8_t> bytes_;
  std::size_t message_ = 0;  // where the last one begins
  std::uint32_t acknowledgements_ = 0;
};

}  // namespace leash::platform
