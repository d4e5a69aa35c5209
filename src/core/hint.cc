#include "core/hint.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/path.h"
#include "base/text.h"
#include "fmt/format.h"

namespace leash::core {
namespace {

// What each operation on a file needs. Without access: nothing gives it, and `why_not` says so.
struct Need {
  std::string_view operation;
  Access access;
  std::string_view why_not;
};
constexpr std::array kNeeds = {
    Need{"read", Access::kRead, ""},
    Need{"list", Access::kRead, ""},
    Need{"execute", Access::kReadExecute, ""},
    Need{"write", Access::kReadWrite, ""},
    Need{"make", Access::kReadWrite, ""},
    Need{"remove", Access::kReadWrite, ""},
    Need{"move", Access::kNone, "between directories with different rights; one grant above both makes them the same"},
    Need{"device command", Access::kNone, "device commands work only on devices that a switch opens"},
    Need{"make socket", Access::kNone, "nothing allows unix sockets"},
    Need{"make device", Access::kNone, "nothing allows making device nodes"},
};

Hint Because(std::string_view why) { return {std::nullopt, nullptr, std::string(why)}; }

class FileHint {
 public:
  FileHint(const std::string& path, const Need& need, const Plan& plan, const PlatformProfile& profile)
      : path_(path), need_(need), plan_(plan), profile_(profile), rule_(DecidingRule(plan, path)) {}

  Hint Make() const {
    Hint hint = ByRule();
    // A directory above something closed loses these without namespaces, whatever is granted: see core/carve_out.h.
    const bool of_directory = need_.operation == "list" || need_.operation == "make" || need_.operation == "remove";
    const PathRule* closed = of_directory && hint.grant.has_value() ? ClosedBelow() : nullptr;
    if (closed == nullptr) return hint;
    hint.text += fmt::format("{}without namespaces not while {} is closed", hint.text.empty() ? "" : "; ",
                             base::Printable(closed->path));
    return hint;
  }

 private:
  Hint ByRule() const {
    if (const DevicePath* device = Device()) return {std::nullopt, device->flag, "a device"};
    if (need_.access == Access::kNone) return Because(need_.why_not);
    if (rule_ == nullptr) return {WithGrant(Access::kNone), nullptr, "nothing opens it"};
    if (Includes(rule_->access, need_.access)) return RefusedAlthoughOpen();
    switch (rule_->kind) {
      case RuleKind::kDeny:
        return Denied();
      case RuleKind::kProtection:
        return Protected();
      case RuleKind::kTier:
        return {WithGrant(Access::kNone), nullptr, std::string(rule_->reason)};
      case RuleKind::kGrant:
        return {WithGrant(rule_->access), nullptr, fmt::format("{}: {}", rule_->reason, FormatAccess(rule_->access))};
    }
    return {};
  }

  const PathRule* ClosedBelow() const {
    for (const PathRule& rule : plan_.rules) {
      const bool stays = rule.kind == RuleKind::kDeny || rule.kind == RuleKind::kProtection;
      if (stays && rule.path != path_ && base::IsAtOrBelow(rule.path, path_)) return &rule;
    }
    return nullptr;
  }

  // What a grant above gives here is given up by one on the object itself, unless that says it again.
  std::optional<Grant> WithGrant(Access have) const { return Grant{path_, have | need_.access}; }

  const DevicePath* Device() const {
    for (const DevicePath& row : profile_.devices) {
      const bool prefix = row.path.ends_with('*');
      const std::string_view name = prefix ? row.path.substr(0, row.path.size() - 1) : row.path;
      const bool matches = prefix ? path_.starts_with(name) : base::IsAtOrBelow(path_, name);
      const bool given = rule_ != nullptr && rule_->reason == row.flag_name;
      if (matches && !given && (need_.access == Access::kNone || Includes(row.access, need_.access))) return &row;
    }
    return nullptr;
  }

  // A mechanism holds more than the plan says: see docs/threat-model.md.
  Hint RefusedAlthoughOpen() const {
    for (const std::string& guarded : plan_.guarded) {
      if (!base::IsAtOrBelow(path_, guarded)) continue;
      return {Grant{guarded, Access::kReadWrite}, &SecurityConfig::protect_project_files, "protect_project_files"};
    }
    if (const PathRule* closed = ClosedBelow(); closed != nullptr) {
      return Because(fmt::format("{} is closed: without namespaces the directories above it lose this too",
                                 base::Printable(closed->path)));
    }
    return Because("the rules allow it; a mechanism does not");
  }

  Hint Denied() const {
    if (rule_->reason == "leash's own") return Because(rule_->reason);
    if (rule_->path == path_) return Because("denied by name");
    return {WithGrant(Access::kNone), nullptr, fmt::format("{} is denied by name", base::Printable(rule_->path))};
  }

  Hint Protected() const {
    const auto row = std::find_if(profile_.protections.begin(), profile_.protections.end(),
                                  [&](const ProtectedPath& one) { return one.flag_name == rule_->reason; });
    if (rule_->reason == "limits") return Because("closed while memory or processes are limited");
    Hint hint = {WithGrant(Access::kNone), nullptr, std::string(rule_->reason)};
    if (row != profile_.protections.end() && row->flag != nullptr && OpenWithout(rule_->reason))
      hint.setting = row->flag;
    return hint;
  }

  bool OpenWithout(std::string_view protection) const {
    Plan without;
    for (const PathRule& rule : plan_.rules) {
      if (rule.kind != RuleKind::kProtection || rule.reason != protection) without.rules.push_back(rule);
    }
    return Includes(Decide(without, path_), need_.access);
  }

  const std::string& path_;
  const Need& need_;
  const Plan& plan_;
  const PlatformProfile& profile_;
  const PathRule* const rule_;
};

}  // namespace

Hint HintFor(const Violation& violation, const Plan& plan, const PlatformProfile& profile) {
  switch (violation.kind) {
    case ViolationKind::kFile: {
      const auto need = std::find_if(kNeeds.begin(), kNeeds.end(),
                                     [&](const Need& one) { return one.operation == violation.operation; });
      if (need == kNeeds.end()) return {};
      if (!violation.object.starts_with('/')) return Because("which file is not known");
      return FileHint(violation.object, *need, plan, profile).Make();
    }
    case ViolationKind::kNetwork:
      if (violation.object == "AF_UNIX") {
        return Because("unix sockets are closed; without namespaces, those of one sandbox's programs are not");
      }
      if (HasSockets(plan)) return Because("not part of the network that a sandbox can have");
      return Because("the network is denied: a network policy opens single hosts");
    case ViolationKind::kSystemCall:
      return Because("nothing allows this system call");
    case ViolationKind::kProcess:
      return Because("nothing allows reaching processes outside");
    case ViolationKind::kOther:
      break;
  }
  return {};
}

}  // namespace leash::core
