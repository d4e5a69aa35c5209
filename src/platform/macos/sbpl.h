// The language of macOS's sandbox, SBPL, as values: rules of operations and filters, and their text. A profile is never
// put together from pieces of text, so that no path can become a rule.
//
// There is no specification. What is used here is what Apple's own profiles in /System/Library/Sandbox/Profiles use: a
// later rule wins over an earlier one, the filters of a rule are alternatives, and a rule without filters holds where
// no rule with one does.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace leash::platform::macos {

// What is asked about one call. One with a star stands for several.
enum class Operation {
  kDarwinNotificationPost,
  kFileClone,
  kFileLink,
  kFileRead,
  kFileReadMetadata,
  kFileWrite,
  kFileWriteUnlink,
  kFileIoctl,
  kFileMapExecutable,
  kFileTestExistence,
  kIokitGetProperties,
  kIokitOpen,
  kIpcPosixSem,
  kIpcPosixShmRead,
  kMachCrossDomainLookup,
  kMachLookup,
  kNetworkBind,
  kNetworkInbound,
  kNetworkOutbound,
  kNvram,
  kProcessExec,
  kProcessFork,
  kProcessInfo,
  kProcessInfoCodesignature,
  kPseudoTty,
  kSignal,
  kSocketIoctl,
  kSysctlRead,
  kSystemPrivilege,
};

// What a rule is restricted to.
class Filter {
 public:
  static Filter Literal(std::string path) { return {"literal", std::move(path)}; }
  static Filter Subpath(std::string path) { return {"subpath", std::move(path)}; }  // itself and what is below
  // `path` and what is below it in whatever letter case: what does not exist yet could be made under another spelling
  // on a volume that takes them for the same.
  static Filter AnyCase(std::string_view path);
  static Filter Regex(std::string pattern) { return {"regex", std::move(pattern)}; }
  static Filter MachService(std::string_view name) { return {"global-name", std::string(name)}; }
  static Filter UserClient(std::string_view name) { return {"iokit-user-client-class", std::string(name)}; }
  static Filter Sysctl(std::string_view name) { return {"sysctl-name", std::string(name)}; }
  static Filter SysctlsBelow(std::string_view prefix) { return {"sysctl-name-prefix", std::string(prefix)}; }
  static Filter PosixName(std::string_view name) { return {"ipc-posix-name", std::string(name)}; }
  static Filter PosixNames(std::string pattern) { return {"ipc-posix-name-regex", std::move(pattern)}; }
  static Filter Extension(std::string_view name) { return {"extension", std::string(name)}; }
  static Filter RemoteTcp(std::uint16_t port);  // of this machine's loopback
  static Filter LocalTcp(std::uint16_t port);
  static Filter SameSandbox() { return {"target", "same-sandbox"}; }
  static Filter All(std::vector<Filter> parts);

  // Error: a NUL byte, which the language cannot say.
  absl::StatusOr<std::string> Text() const;

 private:
  Filter(std::string_view keyword, std::string value) : keyword_(keyword), value_(std::move(value)) {}

  std::string_view keyword_;
  std::string value_;
  std::vector<Filter> parts_;
};

enum class Verdict { kAllow, kDeny };

struct Rule {
  Verdict verdict = Verdict::kDeny;
  std::vector<Operation> operations;  // never empty
  std::vector<Filter> filters;        // none: whatever it is about
  std::string_view reason;            // one line for people, of leash's own words
};

class SandboxProfile {
 public:
  void Allow(std::vector<Operation> operations, std::vector<Filter> filters, std::string_view reason) {
    rules_.push_back({Verdict::kAllow, std::move(operations), std::move(filters), reason});
  }
  void Deny(std::vector<Operation> operations, std::vector<Filter> filters, std::string_view reason) {
    rules_.push_back({Verdict::kDeny, std::move(operations), std::move(filters), reason});
  }

  // For sandbox-exec(1): everything that no rule allows is denied. Error: kInvalidArgument for a name with a NUL byte.
  absl::StatusOr<std::string> Text() const;

 private:
  std::vector<Rule> rules_;
};

std::string_view OperationName(Operation operation);

}  // namespace leash::platform::macos
