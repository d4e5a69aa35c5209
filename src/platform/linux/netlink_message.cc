#include "platform/linux/netlink_message.h"

#include <arpa/inet.h>

namespace leash::platform {

void NetlinkMessages::Append(const void* data, std::size_t size) {
  const std::size_t at = bytes_.size();
  bytes_.resize(at + NLMSG_ALIGN(size));  // the alignment of attributes is the same
  if (size > 0) std::memcpy(bytes_.data() + at, data, size);
}

void NetlinkMessages::SetLength() {
  const auto length = static_cast<std::uint32_t>(bytes_.size() - message_);
  std::memcpy(bytes_.data() + message_ + offsetof(nlmsghdr, nlmsg_len), &length, sizeof(length));
}

void NetlinkMessages::BeginBytes(std::uint16_t type, std::uint16_t flags, const void* header, std::size_t size) {
  message_ = bytes_.size();
  nlmsghdr head = {};
  head.nlmsg_type = type;
  head.nlmsg_flags = static_cast<std::uint16_t>(flags | NLM_F_REQUEST);
  Append(&head, sizeof(head));
  Append(header, size);
  SetLength();
  if ((flags & NLM_F_ACK) != 0) ++acknowledgements_;
}

void NetlinkMessages::Attribute(std::uint16_t type, std::span<const std::uint8_t> value) {
  nlattr head = {};
  head.nla_type = type;
  head.nla_len = static_cast<std::uint16_t>(NLA_HDRLEN + value.size());  // without the padding
  Append(&head, sizeof(head));
  Append(value.data(), value.size());
  SetLength();
}

void NetlinkMessages::Text(std::uint16_t type, std::string_view value) {
  std::vector<std::uint8_t> bytes(value.begin(), value.end());
  bytes.push_back(0);
  Attribute(type, bytes);
}

void NetlinkMessages::Number(std::uint16_t type, std::uint32_t value) {
  std::uint8_t bytes[sizeof(value)];
  std::memcpy(&bytes[0], &value, sizeof(value));
  Attribute(type, bytes);
}

void NetlinkMessages::NetworkNumber(std::uint16_t type, std::uint32_t value) { Number(type, htonl(value)); }

void NetlinkMessages::EndNest(std::size_t at) {
  const auto length = static_cast<std::uint16_t>(bytes_.size() - at);
  std::memcpy(bytes_.data() + at + offsetof(nlattr, nla_len), &length, sizeof(length));
}

}  // namespace leash::platform
