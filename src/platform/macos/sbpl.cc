#include "platform/macos/sbpl.h"

#include <cctype>

#include "base/status.h"
#include "base/text.h"
#include "fmt/format.h"

namespace leash::platform::macos {
namespace {

// A string of the language. Bytes above ASCII stand for themselves, as in the names of files.
std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      quoted += fmt::format("\\x{:02x}", byte);
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

// #"..." knows no escapes: a quote, or what is not seen, is matched by any one character.
std::string RawPattern(std::string_view pattern) {
  std::string raw = "#\"";
  for (const char c : pattern) raw += c == '"' || static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '.' : c;
  return raw + '"';
}

bool IsPattern(std::string_view keyword) { return keyword == "regex" || keyword.ends_with("-regex"); }

}  // namespace

std::string_view OperationName(Operation operation) {
  switch (operation) {
    case Operation::kDarwinNotificationPost:
      return "darwin-notification-post";
    case Operation::kFileClone:
      return "file-clone";
    case Operation::kFileLink:
      return "file-link";
    case Operation::kFileRead:
      return "file-read*";
    case Operation::kFileReadMetadata:
      return "file-read-metadata";
    case Operation::kFileWrite:
      return "file-write*";
    case Operation::kFileWriteUnlink:
      return "file-write-unlink";
    case Operation::kFileIoctl:
      return "file-ioctl";
    case Operation::kFileMapExecutable:
      return "file-map-executable";
    case Operation::kFileTestExistence:
      return "file-test-existence";
    case Operation::kIokitGetProperties:
      return "iokit-get-properties";
    case Operation::kIokitOpen:
      return "iokit-open*";
    case Operation::kIpcPosixSem:
      return "ipc-posix-sem*";
    case Operation::kIpcPosixShmRead:
      return "ipc-posix-shm-read*";
    case Operation::kMachCrossDomainLookup:
      return "mach-cross-domain-lookup";
    case Operation::kMachLookup:
      return "mach-lookup";
    case Operation::kNetworkBind:
      return "network-bind";
    case Operation::kNetworkInbound:
      return "network-inbound";
    case Operation::kNetworkOutbound:
      return "network-outbound";
    case Operation::kNvram:
      return "nvram*";
    case Operation::kProcessExec:
      return "process-exec*";
    case Operation::kProcessFork:
      return "process-fork";
    case Operation::kProcessInfo:
      return "process-info*";
    case Operation::kProcessInfoCodesignature:
      return "process-info-codesignature";
    case Operation::kPseudoTty:
      return "pseudo-tty";
    case Operation::kSignal:
      return "signal";
    case Operation::kSocketIoctl:
      return "socket-ioctl";
    case Operation::kSysctlRead:
      return "sysctl-read";
    case Operation::kSystemPrivilege:
      return "system-privilege";
  }
  return "";
}

Filter Filter::AnyCase(std::string_view path) {
  std::string pattern = "^";
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalpha(byte) != 0) {
      pattern += fmt::format("[{}{}]", static_cast<char>(std::tolower(byte)), static_cast<char>(std::toupper(byte)));
    } else if (std::string_view("\\^$.|?*+()[]{}").find(c) != std::string_view::npos) {
      pattern += '\\';
      pattern += c;
    } else if (byte < 0x80) {
      pattern += c;
    } else if (!pattern.ends_with(".+")) {
      pattern += ".+";  // other letters have cases and forms of their own
    }
  }
  return Regex(pattern + "(/|$)");
}

Filter Filter::RemoteTcp(std::uint16_t port) { return {"remote tcp", fmt::format("localhost:{}", port)}; }
Filter Filter::LocalTcp(std::uint16_t port) { return {"local tcp", fmt::format("localhost:{}", port)}; }

Filter Filter::All(std::vector<Filter> parts) {
  Filter all("require-all", "");
  all.parts_ = std::move(parts);
  return all;
}

absl::StatusOr<std::string> Filter::Text() const {
  if (value_.find('\0') != std::string::npos) {
    return base::Error(ErrorCode::kInvalidArgument, fmt::format("{} has a NUL byte in it", base::Printable(value_)));
  }
  if (!parts_.empty()) {
    std::string text = "(" + std::string(keyword_);
    for (const Filter& part : parts_) {
      LEASH_ASSIGN_OR_RETURN(const std::string one, part.Text());
      text += " " + one;
    }
    return text + ")";
  }
  if (keyword_ == "target") return fmt::format("(target {})", value_);
  return fmt::format("({} {})", keyword_, IsPattern(keyword_) ? RawPattern(value_) : Quoted(value_));
}

absl::StatusOr<std::string> SandboxProfile::Text() const {
  std::string text = "(version 1)\n(deny default)\n";
  std::string_view reason;
  for (const Rule& rule : rules_) {
    if (rule.reason != reason) text += fmt::format("\n; {}\n", rule.reason);
    reason = rule.reason;
    text += rule.verdict == Verdict::kAllow ? "(allow" : "(deny";
    for (const Operation operation : rule.operations) text += fmt::format(" {}", OperationName(operation));
    for (const Filter& filter : rule.filters) {
      LEASH_ASSIGN_OR_RETURN(const std::string one, filter.Text());
      text += rule.filters.size() == 1 ? " " + one : "\n  " + one;
    }
    text += ")\n";
  }
  return text;
}

}  // namespace leash::platform::macos
