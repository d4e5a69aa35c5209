#include "sbpl_filter.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <utility>

#include "base/status.h"
#include "base/text.h"
#include "fmt/format.h"

namespace leash::testing::sbpl {
namespace {

using Kind = Filter::Kind;
using Match = Filter::Match;
using Subject = Filter::Subject;
using Names = std::vector<std::string_view>;

struct TextRow {
  std::string_view name;
  Argument argument;
  Subject subject;
  Match match;
};
constexpr std::array kTextRows = {
    TextRow{"literal", kPath, Subject::kPath, Match::kExact},
    TextRow{"subpath", kPath, Subject::kPath, Match::kBelow},
    TextRow{"prefix", kPath, Subject::kPath, Match::kPrefix},
    TextRow{"regex", kPath, Subject::kPath, Match::kRegex},
    TextRow{"global-name", kMachName, Subject::kGlobalName, Match::kExact},
    TextRow{"global-name-prefix", kMachName, Subject::kGlobalName, Match::kPrefix},
    TextRow{"global-name-regex", kMachName, Subject::kGlobalName, Match::kRegex},
    TextRow{"local-name", kMachName, Subject::kLocalName, Match::kExact},
    TextRow{"local-name-prefix", kMachName, Subject::kLocalName, Match::kPrefix},
    TextRow{"local-name-regex", kMachName, Subject::kLocalName, Match::kRegex},
    TextRow{"iokit-user-client-class", kIokit, Subject::kName, Match::kExact},
    TextRow{"iokit-user-client-class-regex", kIokit, Subject::kName, Match::kRegex},
    TextRow{"iokit-registry-entry-class", kIokit, Subject::kName, Match::kExact},
    TextRow{"iokit-registry-entry-class-prefix", kIokit, Subject::kName, Match::kPrefix},
    TextRow{"iokit-connection", kIokit, Subject::kConnection, Match::kExact},
    TextRow{"sysctl-name", kSysctl, Subject::kName, Match::kExact},
    TextRow{"sysctl-name-prefix", kSysctl, Subject::kName, Match::kPrefix},
    TextRow{"sysctl-name-regex", kSysctl, Subject::kName, Match::kRegex},
    TextRow{"ipc-posix-name", kPosixIpc, Subject::kName, Match::kExact},
    TextRow{"ipc-posix-name-prefix", kPosixIpc, Subject::kName, Match::kPrefix},
    TextRow{"ipc-posix-name-regex", kPosixIpc, Subject::kName, Match::kRegex},
    TextRow{"control-name", kControlName, Subject::kName, Match::kExact},
    TextRow{"control-name-prefix", kControlName, Subject::kName, Match::kPrefix},
    TextRow{"preference-domain", kPreference, Subject::kName, Match::kExact},
    TextRow{"preference-domain-prefix", kPreference, Subject::kName, Match::kPrefix},
    TextRow{"preference-domain-regex", kPreference, Subject::kName, Match::kRegex},
    TextRow{"notification-name", kNotification, Subject::kName, Match::kExact},
    TextRow{"info-type", kInfoType, Subject::kName, Match::kExact},
    TextRow{"signing-identifier", kAnything, Subject::kSigner, Match::kExact},
};
// What stands inside (remote unix-socket ...) only.
constexpr std::array kSocketPathRows = {
    TextRow{"path-literal", kPath, Subject::kPath, Match::kExact},
    TextRow{"path-prefix", kPath, Subject::kPath, Match::kPrefix},
    TextRow{"path-regex", kPath, Subject::kPath, Match::kRegex},
};

const Names kVnodeTypes = {"REGULAR-FILE", "DIRECTORY", "SYMLINK", "CHARACTER-DEVICE",
                           "BLOCK-DEVICE", "FIFO",      "SOCKET",  "TTY"};  // in the order of FileKind
const Names kTargets = {"self", "same-sandbox", "children", "pgrp", "others"};
const Names kSocketDomains = {"AF_UNIX", "AF_LOCAL", "AF_INET", "AF_INET6", "AF_ROUTE", "AF_SYSTEM", "AF_NDRV"};
const Names kSocketTypes = {"SOCK_STREAM", "SOCK_DGRAM", "SOCK_RAW"};
const Names kProtocols = {"tcp", "udp", "ip", "unix-socket"};

template <typename Rows>
const TextRow* FindRow(const Rows& rows, std::string_view name) {
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const TextRow& row) { return row.name == name; });
  return found == rows.end() ? nullptr : &*found;
}

absl::StatusOr<std::shared_ptr<const regex_t>> Compile(const Node& node, const std::string& text) {
  if (text.empty()) return ErrorAt(node.at, "an empty expression matches everything");
  if (text.size() > 1000) return ErrorAt(node.at, "this expression is too long");
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '{') return ErrorAt(node.at, "'{' in an expression: the kernel's matcher is not known to count");
    if (text[at] != '\\') continue;
    ++at;
    const char next = at < text.size() ? text[at] : 'a';
    if (std::isalnum(static_cast<unsigned char>(next)) != 0) {
      return ErrorAt(node.at, "a backslash in an expression stands in front of what has a meaning, such as '.'");
    }
  }
  auto expression = std::make_unique<regex_t>();
  if (::regcomp(expression.get(), text.c_str(), REG_EXTENDED | REG_NOSUB) != 0) {
    return ErrorAt(node.at, fmt::format("'{}' is no regular expression", base::Printable(text)));
  }
  return std::shared_ptr<const regex_t>(expression.release(), [](const regex_t* compiled) {
    ::regfree(const_cast<regex_t*>(compiled));
    delete compiled;
  });
}

class Parser {
 public:
  Parser(const std::vector<const Operation*>& operations, const Parameters& parameters)
      : operations_(operations), parameters_(parameters) {}

  absl::StatusOr<Filter> Parse(const Node& node) const {
    if (!node.IsList() || node.children.empty() || !node.children[0].IsSymbol()) {
      return ErrorAt(node.at, "here stands a filter, such as (subpath \"/usr\")");
    }
    Filter filter;
    filter.name = node.children[0].text;
    filter.text = node.text;
    filter.at = node.at;
    const std::string& name = filter.name;
    absl::Status status;
    if (name.starts_with("require-")) {
      status = ReadMeta(node, filter);
    } else if (const TextRow* row = FindRow(kTextRows, name)) {
      status = ReadText(node, *row, filter);
    } else if (name == "remote" || name == "local") {
      status = ReadAddress(node, filter);
    } else if (name == "extension") {
      status = ReadExtension(node, filter);
    } else {
      status = ReadNames(node, filter);
    }
    LEASH_RETURN_IF_ERROR(status);
    return filter;
  }

 private:
  absl::Status CheckApplies(const Node& node, Argument argument) const {
    if (argument == kAnything) return absl::OkStatus();
    for (const Operation* operation : operations_) {
      if ((operation->arguments & argument) != 0) continue;
      return ErrorAt(node.at, fmt::format("{} takes no filter '{}'", operation->name, node.children[0].text));
    }
    return absl::OkStatus();
  }

  absl::Status ReadMeta(const Node& node, Filter& filter) const {
    if (filter.name == "require-all") {
      filter.kind = Kind::kAll;
    } else if (filter.name == "require-any") {
      filter.kind = Kind::kAny;
    } else if (filter.name == "require-not") {
      filter.kind = Kind::kNot;
    } else {
      return Unknown(node);
    }
    const std::size_t count = node.children.size() - 1;
    if (filter.kind == Kind::kNot && count != 1) return ErrorAt(node.at, "require-not takes one filter");
    if (count == 0) return ErrorAt(node.at, fmt::format("{} takes filters", filter.name));
    for (std::size_t i = 1; i <= count; ++i) {
      LEASH_ASSIGN_OR_RETURN(Filter child, Parse(node.children[i]));
      filter.children.push_back(std::move(child));
    }
    return absl::OkStatus();
  }

  absl::Status ReadText(const Node& node, const TextRow& row, Filter& filter) const {
    LEASH_RETURN_IF_ERROR(CheckApplies(node, row.argument));
    filter.kind = Kind::kText;
    filter.match = row.match;
    filter.subject = row.subject;
    if (node.children.size() < 2) return ErrorAt(node.at, fmt::format("{} takes strings", filter.name));
    for (std::size_t i = 1; i < node.children.size(); ++i) {
      const Node& argument = node.children[i];
      LEASH_ASSIGN_OR_RETURN(std::string value, String(argument, row.match == Match::kRegex));
      LEASH_RETURN_IF_ERROR(CheckText(argument, row, value));
      if (row.match == Match::kRegex) {
        LEASH_ASSIGN_OR_RETURN(auto expression, Compile(argument, value));
        filter.expressions.push_back(std::move(expression));
      }
      filter.values.push_back(std::move(value));
    }
    return absl::OkStatus();
  }

  static absl::Status CheckText(const Node& node, const TextRow& row, const std::string& value) {
    if (value.empty()) return ErrorAt(node.at, fmt::format("{} takes no empty string", row.name));
    if (row.subject != Subject::kPath || row.match == Match::kRegex) return absl::OkStatus();
    // A prefix may end anywhere, so also behind a slash.
    const std::string whole = row.match == Match::kPrefix ? value + "x" : value;
    const std::string problem = PathProblem(whole);
    return problem.empty() ? absl::OkStatus() : ErrorAt(node.at, problem);
  }

  // A string, or (param "NAME").
  absl::StatusOr<std::string> String(const Node& node, bool may_be_regex) const {
    if (node.kind == Node::Kind::kString) return node.text;
    if (node.kind == Node::Kind::kRegex) {
      if (may_be_regex) return node.text;
      return ErrorAt(node.at, "here stands a string, not a regular expression");
    }
    if (!node.IsForm("param")) return ErrorAt(node.at, "here stands a string or (param \"NAME\")");
    if (node.children.size() != 2 || node.children[1].kind != Node::Kind::kString) {
      return ErrorAt(node.at, "param takes one string");
    }
    const auto found = parameters_.find(node.children[1].text);
    if (found == parameters_.end()) {
      return ErrorAt(node.at, fmt::format("no parameter '{}' was given", base::Printable(node.children[1].text)));
    }
    if (found->second.find('\0') != std::string::npos) return ErrorAt(node.at, "a NUL byte ends a string early");
    return found->second;
  }

  absl::Status ReadExtension(const Node& node, Filter& filter) const {
    filter.kind = Kind::kExtension;
    if (node.children.size() < 2) return ErrorAt(node.at, "extension takes strings");
    for (std::size_t i = 1; i < node.children.size(); ++i) {
      LEASH_ASSIGN_OR_RETURN(std::string value, String(node.children[i], false));
      if (value.empty()) return ErrorAt(node.children[i].at, "extension takes no empty string");
      filter.values.push_back(std::move(value));
    }
    return absl::OkStatus();
  }

  // Filters whose arguments are names of the language.
  absl::Status ReadNames(const Node& node, Filter& filter) const {
    if (filter.name == "socket-protocol") return ReadSocketProtocol(node, filter);
    if (filter.name == "vnode-type") return TakeNames(node, kVnode, Kind::kVnodeType, kVnodeTypes, filter);
    if (filter.name == "target") return TakeNames(node, Argument::kTarget, Kind::kTarget, kTargets, filter);
    if (filter.name == "socket-domain") return TakeNames(node, kSocket, Kind::kSocket, kSocketDomains, filter);
    if (filter.name == "socket-type") return TakeNames(node, kSocket, Kind::kSocket, kSocketTypes, filter);
    return Unknown(node);
  }

  static absl::Status Unknown(const Node& node) {
    return ErrorAt(node.at, fmt::format("unknown filter '{}'", node.children[0].text));
  }

  absl::Status TakeNames(const Node& node, Argument argument, Kind kind, const Names& names, Filter& filter) const {
    LEASH_RETURN_IF_ERROR(CheckApplies(node, argument));
    filter.kind = kind;
    if (node.children.size() < 2) return ErrorAt(node.at, fmt::format("{} takes names", filter.name));
    if (kind == Kind::kTarget && node.children.size() > 2) return ErrorAt(node.at, "target takes one name");
    for (std::size_t i = 1; i < node.children.size(); ++i) {
      const Node& argument_node = node.children[i];
      const bool known = argument_node.IsSymbol() && std::count(names.begin(), names.end(), argument_node.text) != 0;
      if (!known) return ErrorAt(argument_node.at, fmt::format("{} takes: {}", filter.name, fmt::join(names, " ")));
      filter.values.push_back(argument_node.text);
    }
    return absl::OkStatus();
  }

  absl::Status ReadSocketProtocol(const Node& node, Filter& filter) const {
    LEASH_RETURN_IF_ERROR(CheckApplies(node, kSocket));
    filter.kind = Kind::kSocket;
    if (node.children.size() != 2 || node.children[1].kind != Node::Kind::kNumber) {
      return ErrorAt(node.at, "socket-protocol takes one number");
    }
    filter.values.push_back(std::to_string(node.children[1].number));
    return absl::OkStatus();
  }

  absl::Status ReadAddress(const Node& node, Filter& filter) const {
    LEASH_RETURN_IF_ERROR(CheckApplies(node, kNetwork));
    filter.kind = Kind::kAddress;
    const bool has_protocol = node.children.size() > 1 && node.children[1].IsSymbol() &&
                              std::count(kProtocols.begin(), kProtocols.end(), node.children[1].text) != 0;
    if (!has_protocol) return ErrorAt(node.at, fmt::format("{} takes tcp, udp, ip or unix-socket", filter.name));
    filter.protocol = node.children[1].text;
    if (filter.protocol == "unix-socket") return ReadSocketPaths(node, filter);
    if (node.children.size() == 2) return absl::OkStatus();
    if (node.children.size() > 3) return ErrorAt(node.children[3].at, "one address is enough");
    LEASH_ASSIGN_OR_RETURN(const std::string address, String(node.children[2], false));
    return ReadHostAndPort(node.children[2], address, filter);
  }

  static absl::Status ReadHostAndPort(const Node& node, const std::string& address, Filter& filter) {
    const std::size_t colon = address.rfind(':');
    if (colon == std::string::npos) return ErrorAt(node.at, "port missing in network address");
    filter.host = address.substr(0, colon);
    filter.port = address.substr(colon + 1);
    if (filter.host != "*" && filter.host != "localhost") {
      return ErrorAt(node.at, "host must be * or localhost in network address");
    }
    if (filter.port == "*") return absl::OkStatus();
    std::uint16_t port = 0;
    const char* const end = filter.port.data() + filter.port.size();
    const auto [stop, error] = std::from_chars(filter.port.data(), end, port);
    const bool plain = error == std::errc() && stop == end && port != 0 && filter.port[0] != '0';
    return plain ? absl::OkStatus() : ErrorAt(node.at, "invalid port in network address");
  }

  absl::Status ReadSocketPaths(const Node& node, Filter& filter) const {
    for (std::size_t i = 2; i < node.children.size(); ++i) {
      const Node& child = node.children[i];
      if (!child.IsList() || child.children.empty()) return ErrorAt(child.at, "unix-socket takes filters of paths");
      const TextRow* row = FindRow(kSocketPathRows, child.children[0].text);
      if (row == nullptr) row = FindRow(kTextRows, child.children[0].text);
      if (row == nullptr || row->subject != Subject::kPath) {
        return ErrorAt(child.at, "unix-socket takes filters of paths");
      }
      Filter path;
      path.name = row->name;
      path.text = child.text;
      path.at = child.at;
      LEASH_RETURN_IF_ERROR(ReadText(child, *row, path));
      filter.children.push_back(std::move(path));
    }
    return absl::OkStatus();
  }

  const std::vector<const Operation*>& operations_;
  const Parameters& parameters_;
};

}  // namespace

absl::StatusOr<Filter> ParseFilter(const Node& node, const std::vector<const Operation*>& operations,
                                   const Parameters& parameters) {
  return Parser(operations, parameters).Parse(node);
}

void Visit(const Filter& filter, const std::function<void(const Filter&)>& visit) {
  visit(filter);
  for (const Filter& child : filter.children) Visit(child, visit);
}

std::string PathProblem(std::string_view path) {
  if (path.empty()) return "an empty path";
  const std::string shown = base::Printable(path);
  if (path[0] != '/') return fmt::format("'{}' is a relative path", shown);
  if (path == "/") return "";
  const std::string closed = std::string(path) + "/";
  for (const std::string_view piece : {"//", "/./", "/../"}) {
    if (closed.find(piece) == std::string::npos) continue;
    return fmt::format("'{}' is not as the kernel writes paths: it {}", shown,
                       path.ends_with('/') ? "ends in a slash" : fmt::format("holds {}", piece));
  }
  return "";
}

bool IsLink(std::string_view path) { return path == "/tmp" || path == "/var" || path == "/etc"; }

bool IsBehindLink(std::string_view path) {
  return path.starts_with("/tmp/") || path.starts_with("/var/") || path.starts_with("/etc/");
}

}  // namespace leash::testing::sbpl
