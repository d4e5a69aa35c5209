// What a sandboxed process asks of the kernel, as the evaluator of sandbox profiles wants it put.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace leash::testing::sbpl {

enum class FileKind { kRegular, kDirectory, kSymlink, kCharacterDevice, kBlockDevice, kFifo, kSocket, kTerminal };

enum class Protocol { kTcp, kUdp, kUnix };

struct Endpoint {
  Protocol protocol = Protocol::kTcp;
  std::string host = {};  // an address or "localhost"
  std::uint16_t port = 0;
  std::string path = {};  // of a unix socket
};

// Whom a signal is for, or about whom something is asked. A child is in the same sandbox: sandboxes are inherited.
enum class Target { kSelf, kSameSandbox, kChild, kProcessGroup, kOther };

// Only what the operation looks at needs to be given.
struct Question {
  std::string operation;  // never a wildcard
  // Of a file, as the kernel sees it: without links, so nothing below /tmp, /var or /etc.
  std::string path = {};
  FileKind kind = FileKind::kRegular;
  std::string extension = {};  // of the process for this file: com.apple.sandbox.pty for a terminal that it opened
  std::string name = {};  // of a Mach service, an IOKit class, a sysctl, a POSIX semaphore, a preference domain, ...
  bool is_local_name = false;   // of a Mach service: local-name rather than global-name
  std::string connection = {};  // IOKit
  // network-outbound needs the remote end, network-bind and network-inbound need the local one.
  std::optional<Endpoint> remote = std::nullopt;
  std::optional<Endpoint> local = std::nullopt;
  Target target = Target::kOther;
  std::string socket_domain = {};  // "AF_SYSTEM"
  std::string socket_type = {};    // "SOCK_DGRAM"
  std::uint64_t socket_protocol = 0;
  std::string signing_identifier = {};
};

}  // namespace leash::testing::sbpl
