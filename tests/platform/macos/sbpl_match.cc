// The second half of sbpl_filter.h: whether a filter holds for a question.
#include <algorithm>
#include <optional>
#include <string_view>

#include "sbpl_filter.h"

namespace leash::testing::sbpl {
namespace {

using Kind = Filter::Kind;
using Match = Filter::Match;
using Subject = Filter::Subject;

std::string_view PathOf(const Question& question) {
  const std::optional<Endpoint>& end = question.operation == "network-outbound" ? question.remote : question.local;
  return end.has_value() ? std::string_view(end->path) : std::string_view(question.path);
}

// Empty: the question has none.
std::string_view SubjectOf(Subject subject, const Question& question) {
  switch (subject) {
    case Subject::kPath:
      return PathOf(question);
    case Subject::kGlobalName:
      return question.is_local_name ? std::string_view() : question.name;
    case Subject::kLocalName:
      return question.is_local_name ? std::string_view(question.name) : std::string_view();
    case Subject::kName:
      return question.name;
    case Subject::kConnection:
      return question.connection;
    case Subject::kSigner:
      return question.signing_identifier;
  }
  return "";
}

bool TextMatches(const Filter& filter, std::string_view text) {
  if (text.empty()) return false;
  const std::string whole(text);
  for (std::size_t i = 0; i < filter.values.size(); ++i) {
    const std::string& value = filter.values[i];
    switch (filter.match) {
      case Match::kExact:
        if (text == value) return true;
        break;
      case Match::kPrefix:
        if (text.starts_with(value)) return true;
        break;
      case Match::kBelow:
        if (text == value || text.starts_with(value == "/" ? value : value + "/")) return true;
        break;
      case Match::kRegex:
        if (::regexec(filter.expressions[i].get(), whole.c_str(), 0, nullptr, 0) == 0) return true;
        break;
    }
  }
  return false;
}

std::string_view VnodeType(FileKind kind) {
  switch (kind) {
    case FileKind::kRegular:
      return "REGULAR-FILE";
    case FileKind::kDirectory:
      return "DIRECTORY";
    case FileKind::kSymlink:
      return "SYMLINK";
    case FileKind::kCharacterDevice:
      return "CHARACTER-DEVICE";
    case FileKind::kBlockDevice:
      return "BLOCK-DEVICE";
    case FileKind::kFifo:
      return "FIFO";
    case FileKind::kSocket:
      return "SOCKET";
    case FileKind::kTerminal:
      return "TTY";
  }
  return "";
}

bool VnodeMatches(std::string_view type, FileKind kind) {
  return type == VnodeType(kind) || (type == "CHARACTER-DEVICE" && kind == FileKind::kTerminal);
}

bool TargetMatches(std::string_view filter, Target target) {
  if (filter == "self") return target == Target::kSelf;
  if (filter == "others") return target != Target::kSelf;
  if (filter == "children") return target == Target::kChild;
  if (filter == "pgrp") return target == Target::kSelf || target == Target::kProcessGroup;
  return target == Target::kSelf || target == Target::kSameSandbox || target == Target::kChild;
}

bool SocketMatches(const Filter& filter, const Question& question) {
  const auto is_one = [&](std::string_view value) {
    return std::count(filter.values.begin(), filter.values.end(), value) != 0;
  };
  if (filter.name == "socket-type") return is_one(question.socket_type);
  if (filter.name == "socket-protocol") return is_one(std::to_string(question.socket_protocol));
  const bool is_unix = question.socket_domain == "AF_UNIX" || question.socket_domain == "AF_LOCAL";
  return is_unix ? is_one("AF_UNIX") || is_one("AF_LOCAL") : is_one(question.socket_domain);
}

bool ProtocolMatches(std::string_view filter, Protocol protocol) {
  switch (protocol) {
    case Protocol::kTcp:
      return filter == "tcp" || filter == "ip";
    case Protocol::kUdp:
      return filter == "udp" || filter == "ip";
    case Protocol::kUnix:
      return filter == "unix-socket";
  }
  return false;
}

// Measured on macOS 15 and 27: 127.0.0.1, ::1 and 0.0.0.0, and not 127.0.0.2. So a server that listens on all
// interfaces may do so under a rule about localhost, until somebody shows that it may not.
bool IsLocalhost(std::string_view host) {
  return host == "localhost" || host == "127.0.0.1" || host == "::1" || host == "0.0.0.0" || host == "::";
}

bool AddressMatches(const Filter& filter, const Question& question) {
  const std::optional<Endpoint>& end = filter.name == "remote" ? question.remote : question.local;
  if (!end.has_value()) {
    // The local end of what connects is not chosen yet, and a filter about it keeps nothing in.
    const bool connects = filter.name == "local" && question.operation == "network-outbound";
    return connects && question.remote.has_value() && ProtocolMatches(filter.protocol, question.remote->protocol);
  }
  if (!ProtocolMatches(filter.protocol, end->protocol)) return false;
  if (end->protocol == Protocol::kUnix) {
    return filter.children.empty() || std::any_of(filter.children.begin(), filter.children.end(),
                                                  [&](const Filter& path) { return TextMatches(path, end->path); });
  }
  return (filter.host == "*" || IsLocalhost(end->host)) &&
         (filter.port == "*" || filter.port == std::to_string(end->port));
}

}  // namespace

bool Matches(const Filter& filter, const Question& question) {
  const auto holds = [&](const Filter& child) { return Matches(child, question); };
  switch (filter.kind) {
    case Kind::kText:
      return TextMatches(filter, SubjectOf(filter.subject, question));
    case Kind::kVnodeType:
      return std::any_of(filter.values.begin(), filter.values.end(),
                         [&](const std::string& type) { return VnodeMatches(type, question.kind); });
    case Kind::kTarget:
      return TargetMatches(filter.values[0], question.target);
    case Kind::kSocket:
      return SocketMatches(filter, question);
    case Kind::kAddress:
      return AddressMatches(filter, question);
    case Kind::kExtension:
      return std::count(filter.values.begin(), filter.values.end(), question.extension) != 0;
    case Kind::kAll:
      return std::all_of(filter.children.begin(), filter.children.end(), holds);
    case Kind::kAny:
      return std::any_of(filter.children.begin(), filter.children.end(), holds);
    case Kind::kNot:
      return !holds(filter.children[0]);
  }
  return false;
}

}  // namespace leash::testing::sbpl
