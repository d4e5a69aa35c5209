#include "platform/linux/mount_plan.h"

#include <linux/mount.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "base/path.h"

namespace leash::platform {
namespace {

using base::FileType;
using core::PathRule;
using core::RuleKind;
using wire::MountKind;

constexpr std::uint64_t kNoDevices = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
constexpr std::uint64_t kMaskAttributes = kNoDevices | MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC;

// Something that is known about a path: a rule, a link, or that the sandbox has its own thing there.
struct Node {
  std::string_view path;
  const PathRule* rule = nullptr;
  const std::string* link = nullptr;
  bool guarded = false;
};

// Directories that every sandbox has of its own, unless a user grants the host's.
enum class Own { kNothing, kProc, kDev, kPts, kShm, kSys, kTmp, kRun };
constexpr std::pair<std::string_view, Own> kOwn[] = {
    {"/dev", Own::kDev}, {"/dev/pts", Own::kPts}, {"/dev/shm", Own::kShm}, {"/proc", Own::kProc},
    {"/run", Own::kRun}, {"/sys", Own::kSys},     {"/tmp", Own::kTmp},
};

Own OwnAt(std::string_view path) {
  for (const auto& [name, own] : kOwn) {
    if (name == path) return own;
  }
  return Own::kNothing;
}

// Order of depth-first traversal: what is below a path comes right behind it.
bool Before(std::string_view a, std::string_view b) {
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    const auto rank = [](char c) { return c == '/' ? 0 : 1 + static_cast<unsigned char>(c); };
    return rank(x) < rank(y);
  });
}

// How things stand at a path: what the plan says there, and whether the host's directory is already attached.
struct Standing {
  Access access = Access::kNone;
  bool device = false;
  bool granted = false;  // by a user, not by the tier
  bool attached = false;
};

class Planner {
 public:
  Planner(const core::Plan& plan, const LandlockFeatures& features, const base::FileSystem& files)
      : features_(features), files_(files), allow_nested_(plan.security.allow_nested) {
    for (const PathRule& rule : plan.rules) nodes_.push_back({rule.path, &rule, nullptr});
    for (const auto& [path, target] : plan.links) nodes_.push_back({path, nullptr, &target});
    for (const std::string& path : plan.guarded) nodes_.push_back({path, nullptr, nullptr, true});
    for (const auto& [path, own] : kOwn) nodes_.push_back({path, nullptr, nullptr});
    std::sort(nodes_.begin(), nodes_.end(), [](const Node& a, const Node& b) { return Before(a.path, b.path); });
    // One node a path; a rule says more than a link.
    std::vector<Node> merged;
    for (const Node& node : nodes_) {
      if (merged.empty() || merged.back().path != node.path) {
        merged.push_back(node);
      } else {
        if (node.rule != nullptr) merged.back().rule = node.rule;
        if (node.link != nullptr) merged.back().link = node.link;
        merged.back().guarded = merged.back().guarded || node.guarded;
      }
    }
    nodes_ = std::move(merged);
  }

  MountPlan Run() {
    result_.root_rights = Rights(Access::kRead, false, true);
    Visit(nodes_, "/", {}, FileType::kDirectory);
    return std::move(result_);
  }

 private:
  using Nodes = std::span<const Node>;

  std::uint64_t Rights(Access access, bool device, bool directory) const {
    return LandlockRights(access, device, directory) & features_.fs;
  }

  Mount& Add(MountKind kind, std::string_view path) {
    Mount& mount = result_.mounts.emplace_back();
    mount.kind = kind;
    mount.target = path.substr(1);
    return mount;
  }

  void AddLink(std::string_view path, std::string_view target) { Add(MountKind::kSymlink, path).source = target; }

  void Attach(std::string_view path, const Standing& standing, FileType type) {
    Mount& mount = Add(MountKind::kBind, path);
    const bool directory = type == FileType::kDirectory;
    mount.source = path;
    if (!standing.attached && path != "/") {
      mount.flags = directory ? wire::kMakeDirectory : wire::kMakeFile;
      if (!below_cover_) mount.flags |= wire::kOwnTarget;
    }
    const bool devices = standing.device || base::IsAtOrBelow(path, "/dev");
    mount.attributes = devices ? MOUNT_ATTR_NOSUID : kNoDevices;
    if (!Includes(standing.access, Access::kReadWrite)) mount.attributes |= MOUNT_ATTR_RDONLY;
    // Landlock decides about execve(2). Of what may be written, nothing is mapped as code either; what may only be read
    // can hold the libraries of a virtual environment.
    const bool executable = Includes(standing.access, Access::kReadExecute);
    if (Includes(standing.access, Access::kReadWrite) && !executable) mount.attributes |= MOUNT_ATTR_NOEXEC;
    // The rule on an own root lets everything be read that is there.
    if (standing.access != Access::kRead || standing.device || !result_.own_root) {
      mount.rights = Rights(standing.access, standing.device, directory);
    }
  }

  static bool AnyOpen(Nodes nodes) {
    return std::any_of(nodes.begin(), nodes.end(), [](const Node& node) {
      return node.link != nullptr || (node.rule != nullptr && node.rule->access != Access::kNone);
    });
  }
  static bool AnyRuled(Nodes nodes) {
    return std::any_of(nodes.begin(), nodes.end(),
                       [](const Node& node) { return node.rule != nullptr || node.guarded; });
  }

  // `nodes` are those at and below `path`; `above` is how things stand in the directory that `path` is in.
  void Visit(Nodes nodes, const std::string& path, const Standing& above, std::optional<FileType> type) {
    Standing here = above;
    bool ruled = false;
    bool explicitly = false;
    if (!nodes.empty() && nodes.front().path == path) {
      const Node& node = nodes.front();
      nodes = nodes.subspan(1);
      if (node.rule != nullptr) {
        ruled = true;
        if (!type.has_value()) type = node.rule->type;
        explicitly = node.rule->kind == RuleKind::kGrant;
        here.access = node.rule->access;
        here.device = node.rule->device;
        here.granted = explicitly;
      } else if (node.guarded) {
        return VisitGuarded(path, above);
      } else if (node.link != nullptr) {
        if (!above.attached) AddLink(path, *node.link);
        return;
      }
    }
    if (const Own own = OwnAt(path); own != Own::kNothing && MakeOwn(own, nodes, path, here, explicitly)) return;
    if (here.access == Access::kNone) return VisitClosed(nodes, path, here, above, type);
    if (!type.has_value()) type = files_.TypeOf(path);
    if (!type.has_value()) {
      if (!above.attached || !Includes(above.access, Access::kReadWrite)) return;
      for (const Node& node : nodes) {
        if (node.guarded || (node.rule != nullptr && node.rule->access == Access::kNone)) {
          result_.unguarded.emplace_back(node.path);
        }
      }
      return;
    }
    if (above.attached) {
      // In a directory that may be written, a mount also pins the name: it can be neither moved nor removed, and so not
      // be replaced by something else on the way to a closed path, or to where commands start.
      const bool pinned = Includes(above.access, Access::kReadWrite) && (ruled || AnyRuled(nodes));
      if (pinned || here.access != above.access || here.device != above.device) Attach(path, here, *type);
    } else if (path != "/" || here.granted || Includes(here.access, Access::kReadWrite)) {
      if (!here.granted && *type == FileType::kDirectory && ClosesAName(nodes, path)) {
        return TakeApart(nodes, path, here);
      }
      if (path == "/") result_.own_root = false;
      Attach(path, here, *type);
      here.attached = true;
    } else {
      // The root of a tier is always taken apart: what is mounted on it is not all for the sandbox.
      return TakeApart(nodes, path, here);
    }
    VisitBelow(nodes, path, here);
  }

  // A name directly in `path` is closed. What is closed deeper is covered where it is: taking apart every directory on
  // the way to it would cost a mount for each of their names.
  static bool ClosesAName(Nodes nodes, const std::string& path) {
    return std::any_of(nodes.begin(), nodes.end(), [&](const Node& node) {
      return node.rule != nullptr && node.rule->access == Access::kNone && base::ParentOf(node.path) == path;
    });
  }

  // Stays as it is, in a directory that may be written.
  void VisitGuarded(const std::string& path, Standing here) {
    if (!here.attached || !Includes(here.access, Access::kReadWrite)) return;
    const std::optional<FileType> type = files_.TypeOf(path);
    if (!type.has_value() || type == FileType::kSymlink) {  // nothing that a mount could be made on
      result_.unguarded.push_back(path);
      return;
    }
    here.access = Includes(here.access, Access::kReadExecute) ? Access::kReadExecute : Access::kRead;
    Attach(path, here, *type);
  }

  void VisitClosed(Nodes nodes, const std::string& path, Standing here, const Standing& above,
                   std::optional<FileType> type) {
    const bool open_below = AnyOpen(nodes);
    if (!above.attached) {
      if (!open_below && path != "/") return;
      if (path != "/") Add(MountKind::kDirectory, path);
      return VisitBelow(nodes, path, here);
    }
    if (!type.has_value()) type = files_.TypeOf(path);
    if (!type.has_value()) {
      if (Includes(above.access, Access::kReadWrite)) result_.unguarded.push_back(path);
      return;
    }
    if (type == FileType::kSymlink) {  // what it leads to has a rule of its own; the link itself could be replaced
      if (Includes(above.access, Access::kReadWrite)) result_.unguarded.push_back(path);
      return;
    }
    if (!open_below) {
      Add(type == FileType::kDirectory ? MountKind::kMaskDirectory : MountKind::kMaskFile, path).attributes =
          kMaskAttributes;
      return;
    }
    // Filled by what follows. Where the directory around it may be written, so may this: in memory, seen by nobody
    // else.
    Add(MountKind::kTmpfs, path).attributes = kNoDevices | MOUNT_ATTR_NOEXEC;
    here.attached = false;
    const bool outer = std::exchange(below_cover_, true);
    VisitBelow(nodes, path, here);
    below_cover_ = outer;
  }

  // Calls `visit` with each name directly below `path` and the nodes at and below it.
  template <typename Use>
  static void ForEachChild(Nodes nodes, const std::string& path, const Use& visit) {
    const std::size_t skip = path == "/" ? 1 : path.size() + 1;
    while (!nodes.empty()) {
      const std::string_view first = nodes.front().path;
      const std::string_view child = first.substr(0, std::min(first.find('/', skip), first.size()));
      std::size_t count = 0;
      while (count < nodes.size() && base::IsAtOrBelow(nodes[count].path, child)) ++count;
      visit(std::string(child), nodes.first(count));
      nodes = nodes.subspan(count);
    }
  }

  void VisitBelow(Nodes nodes, const std::string& path, const Standing& here) {
    ForEachChild(nodes, path, [&](const std::string& child, Nodes below) { Visit(below, child, here, std::nullopt); });
  }

  // An open directory with closed names in it: its open names, one by one.
  void TakeApart(Nodes nodes, const std::string& path, const Standing& here) {
    if (path != "/") Add(MountKind::kDirectory, path);
    std::map<std::string, Nodes> known;
    ForEachChild(nodes, path, [&](const std::string& child, Nodes below) { known.emplace(child, below); });
    if (const auto entries = files_.List(path); entries.ok()) {
      for (const base::DirectoryEntry& entry : *entries) {
        const std::string child = base::JoinPath(path, entry.name);
        const auto found = known.find(child);
        if (found != known.end()) {
          Visit(found->second, child, here, entry.type);
          known.erase(found);
        } else if (entry.type == FileType::kSymlink) {
          if (const auto target = files_.Canonical(child)) AddLink(child, *target);
        } else {
          const std::size_t before = result_.mounts.size();
          Visit({}, child, here, entry.type);
          // Nobody asked for this name: it may have gone by the time it is attached.
          if (result_.mounts.size() > before) result_.mounts[before].flags |= wire::kMayBeMissing;
        }
      }
    }
    for (const auto& [child, below] : known) Visit(below, child, here, std::nullopt);
  }

  // False: there is the host's instead.
  bool MakeOwn(Own own, Nodes nodes, const std::string& path, const Standing& here, bool explicitly) {
    const bool outer = std::exchange(below_cover_, below_cover_ || here.attached);
    const bool made = FillOwn(own, nodes, path, here, explicitly);
    below_cover_ = outer;
    return made;
  }

  // The settings of the kernel and its devices belong to root by owner alone: where everything may be written, not
  // they.
  bool LeaveUnwritten(Nodes nodes, const std::string& path, Standing here, bool explicitly) {
    if (explicitly || !Includes(here.access, Access::kReadWrite)) return false;
    if (!files_.TypeOf(path).has_value()) return true;
    here.access = Access::kRead;
    Attach(path, here, FileType::kDirectory);
    here.attached = true;
    VisitBelow(nodes, path, here);
    return true;
  }

  // Nothing of the host's below it can be granted: it is another namespace's.
  void AddProc(const std::string& path, std::uint16_t flags) {
    Mount& mount = Add(MountKind::kProc, path);
    mount.flags = flags;
    mount.attributes = kNoDevices | MOUNT_ATTR_NOEXEC;
    // A sandbox inside writes its identity maps there, and gets a /proc of its own only where this one hides nothing.
    if (allow_nested_) return;
    mount.attributes |= MOUNT_ATTR_RDONLY;
    if (!result_.own_root) mount.rights = Rights(Access::kRead, false, true);
    // What speaks of the whole machine, or commands it.
    for (const char* name : {"kallsyms", "kcore", "key-users", "keys", "kmsg", "sysrq-trigger", "timer_list"}) {
      const std::string file = base::JoinPath(path, name);
      if (files_.TypeOf(file).has_value()) Add(MountKind::kMaskFile, file).attributes = kMaskAttributes;
    }
  }

  bool FillOwn(Own own, Nodes nodes, const std::string& path, const Standing& here, bool explicitly) {
    const bool open = here.access != Access::kNone;
    if (own == Own::kSys) return LeaveUnwritten(nodes, path, here, explicitly);
    // Open to writing is the root of the permissive tier alone, also where a closed name has it taken apart.
    const bool hosts = explicitly || here.attached || Includes(here.access, Access::kReadWrite);
    if (own != Own::kProc && own != Own::kPts && open && hosts) return false;
    if (here.attached && !files_.TypeOf(path).has_value()) return true;
    const std::uint16_t make = here.attached ? 0 : static_cast<std::uint16_t>(wire::kMakeDirectory);
    Standing inside;  // nothing of the host's
    switch (own) {
      case Own::kNothing:
        return false;
      case Own::kProc:
        AddProc(path, make);
        return true;
      case Own::kPts: {
        Mount& mount = Add(MountKind::kDevpts, path);
        mount.flags = make;
        mount.attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;
        mount.rights = Rights(Access::kReadWrite, true, true);
        return true;
      }
      case Own::kSys:
        return false;
      case Own::kTmp:
      case Own::kShm: {
        Mount& mount = Add(here.attached ? MountKind::kTmpfs : MountKind::kPrivate, path);
        mount.flags = make;
        mount.mode = 01777;
        mount.attributes = kNoDevices | MOUNT_ATTR_NOEXEC;
        mount.rights = Rights(Access::kReadWrite, false, true);
        break;
      }
      case Own::kRun:
      case Own::kDev:
        if (here.attached) {
          Mount& mount = Add(MountKind::kTmpfs, path);
          mount.attributes = kNoDevices | MOUNT_ATTR_NOEXEC;
          mount.rights = Rights(Access::kRead, false, true);
        } else {
          Add(MountKind::kDirectory, path);
        }
        if (own == Own::kRun) break;
        AddLink("/dev/fd", "/proc/self/fd");
        AddLink("/dev/stdin", "/proc/self/fd/0");
        AddLink("/dev/stdout", "/proc/self/fd/1");
        AddLink("/dev/stderr", "/proc/self/fd/2");
        AddLink("/dev/ptmx", "pts/ptmx");
        // The controlling terminal of whoever opens it, if there is one.
        Attach("/dev/tty", {Access::kReadWrite, true, false, false}, FileType::kDevice);
        nodes = Without(nodes, "/dev/tty");
        break;
    }
    VisitBelow(nodes, path, inside);
    return true;
  }

  Nodes Without(Nodes nodes, std::string_view path) {
    kept_.assign(nodes.begin(), nodes.end());
    std::erase_if(kept_, [&](const Node& node) { return node.path == path; });
    return kept_;
  }

  const LandlockFeatures& features_;
  const base::FileSystem& files_;
  const bool allow_nested_;
  std::vector<Node> nodes_;
  std::vector<Node> kept_;
  bool below_cover_ = false;  // the way leads through a directory of the host's
  MountPlan result_;
};

}  // namespace

MountPlan PlanMounts(const core::Plan& plan, const LandlockFeatures& features, const base::FileSystem& files) {
  return Planner(plan, features, files).Run();
}

}  // namespace leash::platform
