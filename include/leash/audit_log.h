// What sandboxes did on the network, as lines of JSON in a file: for scripts, and to prove it later.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "leash/network_event.h"

namespace leash {

struct AuditLogOptions {
  // A file that would become larger is renamed to PATH.1 first, PATH.1 to PATH.2 and so on; the oldest goes.
  std::uint64_t max_bytes = std::uint64_t{64} << 20;
  int keep = 4;
};

// One line an event, each written at once and whole: nothing is lost when the process ends, and several may append to
// one file (which then must not be rotated by more than one). Every method may be called from any thread. The file
// should be where no sandbox can write: what a program can reach, it can change.
class AuditLog : public std::enable_shared_from_this<AuditLog> {
 public:
  // Appends to `path`, which is made with mode 0600 if need be. kIo when it cannot be opened.
  static absl::StatusOr<std::shared_ptr<AuditLog>> Open(std::string path, AuditLogOptions options = {});
  ~AuditLog();
  AuditLog(const AuditLog&) = delete;
  AuditLog& operator=(const AuditLog&) = delete;

  void Write(const std::string& sandbox, const NetworkEvent& event);
  // For SandboxConfig::on_network_event; keeps this alive. `sandbox` is any name for it.
  NetworkEventCallback ForSandbox(std::string sandbox);
  // Not ok when a line could not be written: the first reason. What follows is tried all the same.
  absl::Status status() const;

 private:
  struct Rep;
  explicit AuditLog(std::unique_ptr<Rep> rep);
  const std::unique_ptr<Rep> rep_;
};

// The line for an event, without its end. docs/network.md lists the members.
std::string NetworkEventJson(const std::string& sandbox, const NetworkEvent& event);

}  // namespace leash
