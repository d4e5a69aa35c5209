#include "net/client_hello.h"

#include <bitset>
#include <cstdint>

#include "net/wire.h"

namespace leash::net {
namespace {

// RFC 8446: 5.1, 4, 4.2.
constexpr std::uint8_t kHandshakeRecord = 22;
constexpr std::uint8_t kMajorVersion = 3;  // of SSL 3 and every TLS
constexpr std::size_t kRecordHeaderBytes = 5;
constexpr std::size_t kMostRecordBytes = 16 * 1024;
constexpr std::uint8_t kClientHelloMessage = 1;
constexpr std::size_t kMessageHeaderBytes = 4;
constexpr std::uint16_t kServerNameExtension = 0;
constexpr std::uint16_t kAlpnExtension = 16;
constexpr std::uint16_t kEncryptedClientHelloExtension = 0xfe0d;
constexpr std::uint8_t kHostName = 0;

// The handshake message out of its records.
struct Message {
  ClientHelloStatus status = ClientHelloStatus::kNeedMore;
  std::string bytes;  // for kDone, with its header
};

// Of what follows a whole record header.
std::size_t RecordLength(std::string_view bytes) {
  return static_cast<std::size_t>(ByteAt(bytes, 3) << 8 | ByteAt(bytes, 4));
}

ClientHelloStatus CheckRecordHeader(std::string_view bytes, bool first) {
  const ClientHelloStatus wrong = first ? ClientHelloStatus::kNotTls : ClientHelloStatus::kMalformed;
  if (!bytes.empty() && ByteAt(bytes, 0) != kHandshakeRecord) return wrong;
  if (bytes.size() > 1 && ByteAt(bytes, 1) != kMajorVersion) return wrong;
  if (bytes.size() < kRecordHeaderBytes) return ClientHelloStatus::kNeedMore;
  const std::size_t length = RecordLength(bytes);
  if (length == 0 || length > kMostRecordBytes) return ClientHelloStatus::kMalformed;
  return ClientHelloStatus::kDone;
}

// Whether `message` can become a ClientHello that is not too long; kDone when it is whole.
ClientHelloStatus CheckMessage(std::string_view message) {
  if (!message.empty() && ByteAt(message, 0) != kClientHelloMessage) return ClientHelloStatus::kMalformed;
  if (message.size() < kMessageHeaderBytes) return ClientHelloStatus::kNeedMore;
  WireReader header(message.substr(1, kMessageHeaderBytes - 1));
  const std::size_t size = kMessageHeaderBytes + header.Number(3);
  if (size > kMostClientHelloBytes || message.size() > size) return ClientHelloStatus::kMalformed;
  return message.size() == size ? ClientHelloStatus::kDone : ClientHelloStatus::kNeedMore;
}

Message Reassemble(std::string_view bytes) {
  Message message;
  for (bool first = true;; first = false) {
    const ClientHelloStatus header = CheckRecordHeader(bytes, first);
    if (header != ClientHelloStatus::kDone) return {header, {}};
    const std::size_t length = RecordLength(bytes);
    bytes.remove_prefix(kRecordHeaderBytes);
    const bool whole = bytes.size() >= length;
    message.bytes += bytes.substr(0, length);
    message.status = CheckMessage(message.bytes);
    // A message that seems whole may be the front of a record that holds more.
    if (message.status == ClientHelloStatus::kDone && !whole) return {ClientHelloStatus::kMalformed, {}};
    if (message.status != ClientHelloStatus::kNeedMore || !whole) return message;
    bytes.remove_prefix(length);
  }
}

// RFC 6066, 3. There is one kind of name only, and one name a kind.
bool ReadServerName(std::string_view data, ClientHello& hello) {
  WireReader extension(data);
  WireReader names(extension.Vector(2, 1));
  const std::size_t type = names.Number(1);
  const std::string_view name = names.Vector(2, 1);
  if (!extension.done() || !names.done() || type != kHostName) return false;
  if (!IsPlainHost(name)) return false;
  hello.server_name = name;
  return true;
}

// RFC 7301, 3.1. What the client offers is not asked for; a list that can be read in two ways is refused all the same.
bool IsProtocolList(std::string_view data) {
  WireReader extension(data);
  WireReader names(extension.Vector(2, 2));
  while (names.ok() && !names.empty()) names.Vector(1, 1);
  return extension.done() && names.ok();
}

bool ReadExtensions(std::string_view data, ClientHello& hello) {
  std::bitset<65536> seen;
  for (WireReader extensions(data); !extensions.empty();) {
    const std::size_t type = extensions.Number(2);
    const std::string_view content = extensions.Vector(2, 0);
    if (!extensions.ok() || seen.test(type)) return false;
    seen.set(type);
    if (type == kServerNameExtension && !ReadServerName(content, hello)) return false;
    if (type == kAlpnExtension && !IsProtocolList(content)) return false;
    if (type == kEncryptedClientHelloExtension) hello.encrypted_client_hello = true;
  }
  return true;
}

// RFC 8446, 4.1.2; before TLS 1.3 (RFC 5246, 7.4.1.2) the same, and without extensions perhaps.
bool ReadMessage(std::string_view message, ClientHello& hello) {
  WireReader body(message.substr(kMessageHeaderBytes));
  if (body.Number(2) >> 8 != kMajorVersion) return false;
  body.Take(32);                                    // random
  if (body.Vector(1, 0).size() > 32) return false;  // legacy_session_id
  const std::string_view suites = body.Vector(2, 2);
  body.Vector(1, 1);  // legacy_compression_methods
  if (!body.ok() || suites.size() % 2 != 0) return false;
  if (body.empty()) return true;
  const std::string_view extensions = body.Vector(2, 0);
  return body.done() && ReadExtensions(extensions, hello);
}

}  // namespace

ClientHello InspectClientHello(std::string_view bytes_so_far) {
  ClientHello hello;
  const Message message = Reassemble(bytes_so_far.substr(0, kMostClientHelloBytes));
  hello.status = message.status;
  if (hello.status == ClientHelloStatus::kNeedMore && bytes_so_far.size() >= kMostClientHelloBytes) {
    hello.status = ClientHelloStatus::kMalformed;
  }
  if (hello.status != ClientHelloStatus::kDone || ReadMessage(message.bytes, hello)) return hello;
  hello = {};
  hello.status = ClientHelloStatus::kMalformed;
  return hello;
}

}  // namespace leash::net
