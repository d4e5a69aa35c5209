// What a TLS client says before anything is encrypted: whom it wants to talk to (RFC 8446, 4.1.2).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace leash::net {

// More than any client sends, with post-quantum keys as well.
inline constexpr std::size_t kMostClientHelloBytes = 64 * 1024;

enum class ClientHelloStatus {
  kNeedMore,   // so far it may be one
  kNotTls,     // no TLS handshake record at the front; SSL 2 neither
  kMalformed,  // begins like TLS and breaks its rules, or is longer than kMostClientHelloBytes
  kDone,
};

struct ClientHello {
  ClientHelloStatus status = ClientHelloStatus::kNeedMore;
  // The rest is there for kDone alone.

  // RFC 6066, 3: as sent, not normalised; letters, digits, '-', '_' and '.', not empty. An IPv4 address
  // where the client breaks that rule. None: the extension is absent.
  std::optional<std::string> server_name;
  // The extension encrypted_client_hello (0xfe0d): server_name may be that of a front. No proof of it: browsers send
  // the extension with random bytes where they have no key (GREASE), and the two cannot be told apart.
  bool encrypted_client_hello = false;
};

// Looks at everything that a client has sent so far, from its first byte. Call again with more while it is kNeedMore;
// no status but kNeedMore changes with more bytes. The handshake message may be spread over any number of records.
//
// Malformed: an empty or oversized record, another record or message in between, anything behind the message in its
// last record, lengths that do not add up, an extension twice, and more or other than one host name in server_name.
ClientHello InspectClientHello(std::string_view bytes_so_far);

}  // namespace leash::net
