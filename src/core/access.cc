#include "leash/access.h"

#include "base/status.h"
#include "base/text.h"
#include "fmt/format.h"
#include "leash/isolation.h"

namespace leash {
namespace {

struct TierName {
  Isolation tier;
  std::string_view name;
};
constexpr TierName kTierNames[] = {
    {Isolation::kStrict, "strict"}, {Isolation::kDefault, "default"}, {Isolation::kPermissive, "permissive"}};

}  // namespace

absl::StatusOr<Access> ParseAccess(std::string_view text) {
  const auto wrong = [&](std::string_view why) {
    return base::Error(ErrorCode::kInvalidArgument,
                       fmt::format("access '{}': {}; use r, rw, rx or rwx", base::Printable(text), why));
  };
  bool read = false;
  bool write = false;
  bool execute = false;
  for (const char letter : text) {
    bool* seen = letter == 'r' ? &read : letter == 'w' ? &write : letter == 'x' ? &execute : nullptr;
    if (seen == nullptr) return wrong(fmt::format("unknown letter '{}'", base::Printable({&letter, 1})));
    if (*seen) return wrong(fmt::format("letter '{}' stands twice", letter));
    *seen = true;
  }
  if (!read) return wrong("'r' is missing");
  Access access = Access::kRead;
  if (write) access = access | Access::kReadWrite;
  if (execute) access = access | Access::kReadExecute;
  return access;
}

std::string FormatAccess(Access access) {
  if (access == Access::kNone) return "none";
  std::string text = "r";
  if (Includes(access, Access::kReadWrite)) text += 'w';
  if (Includes(access, Access::kReadExecute)) text += 'x';
  return text;
}

std::string_view NamespacesName(Namespaces namespaces) {
  switch (namespaces) {
    case Namespaces::kAuto:
      return "auto";
    case Namespaces::kRequire:
      return "require";
    case Namespaces::kOff:
      return "off";
  }
  return "unknown";
}

std::optional<Namespaces> ParseNamespaces(std::string_view name) {
  for (const Namespaces one : {Namespaces::kAuto, Namespaces::kRequire, Namespaces::kOff}) {
    if (NamespacesName(one) == name) return one;
  }
  return std::nullopt;
}

std::string_view IsolationName(Isolation isolation) {
  for (const TierName& row : kTierNames) {
    if (row.tier == isolation) return row.name;
  }
  return "unknown";
}

std::optional<Isolation> ParseIsolation(std::string_view name) {
  for (const TierName& row : kTierNames) {
    if (row.name == name) return row.tier;
  }
  return std::nullopt;
}

}  // namespace leash
