// The filters of sandbox rules: which of the questions about an operation a rule is for.
//
// Not covered: how APFS compares names. The kernel hands a sandbox the name as the disk has it, and compares bytes; so
// does this. Expressions are matched by regexec(3), which knows more than the kernel does; what the two might read
// differently ({n,m}, \1, \w) is an error.
#pragma once

#include <regex.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "sbpl_operations.h"
#include "sbpl_question.h"
#include "sbpl_reader.h"

namespace leash::testing::sbpl {

using Parameters = std::map<std::string, std::string>;

struct Filter {
  enum class Kind { kText, kVnodeType, kTarget, kSocket, kAddress, kExtension, kAll, kAny, kNot };
  enum class Match { kExact, kPrefix, kBelow, kRegex };
  enum class Subject { kPath, kGlobalName, kLocalName, kName, kConnection, kSigner };

  Kind kind = Kind::kText;
  std::string name;                 // "subpath"
  std::vector<std::string> values;  // alternatives: strings, or the names of kinds
  std::string text;                 // as written, on one line
  Position at;

  Match match = Match::kExact;  // kText
  Subject subject = Subject::kName;
  std::vector<std::shared_ptr<const regex_t>> expressions;

  std::string protocol;    // kAddress: tcp, udp, ip or unix-socket
  std::string host = "*";  // or localhost
  std::string port = "*";  // or a number

  std::vector<Filter> children;  // kAll, kAny, kNot; of a unix socket: alternatives for its path

  bool IsPath() const { return kind == Kind::kText && subject == Subject::kPath; }
};

// Fails with a position: an unknown filter, a wrong argument, or a filter that an operation does not take.
absl::StatusOr<Filter> ParseFilter(const Node& node, const std::vector<const Operation*>& operations,
                                   const Parameters& parameters);

bool Matches(const Filter& filter, const Question& question);

// `filter` and all those inside it.
void Visit(const Filter& filter, const std::function<void(const Filter&)>& visit);

// Why this cannot be the path of a file as the kernel sees it; empty when it can.
std::string PathProblem(std::string_view path);

// Whether the path leads through one of the links at the root of macOS: /tmp, /var and /etc.
bool IsBehindLink(std::string_view path);
// Whether it is one of them.
bool IsLink(std::string_view path);

}  // namespace leash::testing::sbpl
