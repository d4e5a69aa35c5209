#include "platform/linux/supervisor_rules.h"

#include <sys/stat.h>

#include <algorithm>

#include "base/path.h"

namespace leash::platform {
namespace {

constexpr std::string_view kDeleted = " (deleted)";

// The mark of a removed name can as well be the end of a name: then both readings must agree.
Access AccessOf(const core::Plan& plan, std::string_view path) {
  const Access access = core::Decide(plan, path);
  if (!path.ends_with(kDeleted)) return access;
  path.remove_suffix(kDeleted.size());
  return path.empty() ? Access::kNone : access & core::Decide(plan, path);
}

bool IsGuarded(const core::Plan& plan, std::string_view path) {
  return std::any_of(plan.guarded.begin(), plan.guarded.end(),
                     [&](const std::string& guarded) { return base::IsAtOrBelow(path, guarded); });
}

// Not "(unreachable)/...", which is a file that has a path elsewhere.
bool HasNoPath(const FileFacts& file) {
  if (S_ISFIFO(file.mode) || S_ISSOCK(file.mode))
    return file.path.starts_with("pipe:[") || file.path.starts_with("socket:[");
  return S_ISREG(file.mode) && !file.linked;
}

}  // namespace

bool MayChange(const core::Plan& plan, const FileFacts& file) {
  if (S_ISCHR(file.mode) || S_ISBLK(file.mode)) return false;
  if (HasNoPath(file)) return true;
  return file.path.starts_with('/') && Includes(AccessOf(plan, file.path), Access::kReadWrite) &&
         !IsGuarded(plan, file.path);
}

bool MayWatch(const core::Plan& plan, const FileFacts& file) {
  if (HasNoPath(file)) return true;
  return file.path.starts_with('/') && Includes(AccessOf(plan, file.path), Access::kRead);
}

bool MayMakeSocket(const core::Plan& plan, std::string_view path) {
  return path.starts_with('/') && Includes(AccessOf(plan, path), Access::kReadWrite) && !IsGuarded(plan, path);
}

bool MayConnect(const core::Plan& plan, const Peer& peer) {
  if (peer.own) return true;
  const core::PathRule* rule = core::DecidingRule(plan, peer.path);
  if (rule == nullptr || !Includes(rule->access, Access::kReadWrite)) return false;
  if (base::IsAtOrBelow(peer.path, plan.scratch_dir)) return true;
  return rule->kind == core::RuleKind::kGrant && rule->path == peer.path;
}

}  // namespace leash::platform
