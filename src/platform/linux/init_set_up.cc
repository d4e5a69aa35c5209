// The mount tree, top to bottom. Freestanding: system calls only.
#include "platform/linux/init_set_up.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cerrno>

#include "platform/linux/child_steps.h"
#include "platform/linux/landlock_uapi.h"
#include "platform/linux/raw_syscall.h"

namespace leash::platform::init {
namespace {

using wire::MountKind;
using wire::MountStep;
using wire::SetUpStage;

// Flags of mount(2), which <linux/mount.h> gives names that <sys/mount.h> has as well: only one can be included.
constexpr unsigned long kPrivateTree = MS_PRIVATE | MS_REC;
constexpr int kEmptyPath = 0x1000;  // AT_EMPTY_PATH
constexpr int kRecursive = 0x8000;  // AT_RECURSIVE
constexpr int kDetach = 2;          // MNT_DETACH

// Where the new root is put together: a directory that every system has and whose own content the sandbox never sees.
constexpr char kBuildSite[] = "/proc";

class Fd {
 public:
  explicit Fd(long fd) : fd_(fd) {}
  ~Fd() {
    if (fd_ >= 0) Sys(SYS_close, fd_);
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  long get() const { return fd_; }  // a negative errno when it could not be opened

 private:
  const long fd_;
};

// The same, name by name, where openat2(2) is refused: inside another sandbox of leash's, and in some containers.
long OpenByNames(long directory, const char* path) {
  constexpr int kFlags = O_PATH | O_CLOEXEC | O_NOFOLLOW;
  char name[256];
  long at = directory;
  while (true) {
    std::size_t length = 0;
    while (path[length] != '\0' && path[length] != '/' && length < sizeof(name) - 1) {
      name[length] = path[length];
      ++length;
    }
    name[length] = '\0';
    path += length;
    const bool last = *path == '\0';
    if (!last && *path != '/') return -ENAMETOOLONG;
    const long next = Sys(SYS_openat, at, &name[0], last ? kFlags : kFlags | O_DIRECTORY, 0);
    if (at != directory) Sys(SYS_close, at);
    if (next < 0 || last) return next;
    at = next;
    ++path;
  }
}

// Through no symbolic link and out of no root: what a path named when it was planned, or nothing. Planned paths have no
// empty name, no "." but alone, and no "..".
long OpenPath(long directory, const char* path) {
  open_how how = {};
  how.flags = O_PATH | O_CLOEXEC | O_NOFOLLOW;
  how.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH;
  const long opened = Sys(SYS_openat2, directory, path, &how, sizeof(how));
  return opened == -ENOSYS ? OpenByNames(directory, path) : opened;
}

class Builder {
 public:
  Builder(const wire::SetUpOrder& order, const char* arena) : order_(order), arena_(arena) {}

  SetUpResult Run() {
    SetUpResult result;
    const auto failed = [&](SetUpStage stage, long error) {
      result.stage = stage;
      result.error = error;
      return result;
    };
    // Mounts of the host must not appear in here, nor ours there.
    long error = Sys(SYS_mount, 0, "/", 0, kPrivateTree, 0);
    if (error < 0) return failed(SetUpStage::kRoot, error);
    old_root_ = Sys(SYS_openat, AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (old_root_ < 0) return failed(SetUpStage::kRoot, old_root_);
    if ((error = MakeRuleset()) < 0) return failed(SetUpStage::kRuleset, error);
    if (order_.masks && (error = MakeMasks()) < 0) return failed(SetUpStage::kRoot, error);
    if (order_.root_options != 0 && (error = MakeRoot()) < 0) return failed(SetUpStage::kRoot, error);

    const auto* steps = reinterpret_cast<const MountStep*>(arena_ + order_.steps);
    for (std::uint32_t i = 0; i < order_.step_count; ++i) {
      result.step = i;
      if ((error = Take(steps[i])) < 0) return failed(SetUpStage::kStep, error);
    }
    if ((error = Finish()) < 0) return failed(SetUpStage::kPivot, error);
    if (order_.egress.wanted) {
      result.egress = SetUpEgress(order_.egress, arena_);
      if (result.egress.stage != SetUpStage::kNone) return failed(result.egress.stage, result.egress.error);
    }
    if ((error = DropPrivileges()) < 0) return failed(SetUpStage::kPrivileges, error);
    result.ruleset = static_cast<int>(ruleset_);
    return result;
  }

 private:
  const char* Text(wire::Offset offset) const { return arena_ + offset; }

  long MakeRuleset() {
    landlock::RulesetAttr attr;
    attr.handled_access_fs = order_.landlock_fs;
    attr.handled_access_net = order_.landlock_net;
    attr.scoped = order_.landlock_scoped;
    return ruleset_ = Sys(landlock::kSysCreateRuleset, &attr, sizeof(attr), 0);
  }

  long AddRule(long fd, std::uint64_t rights) {
    if (rights == 0) return 0;
    landlock::PathBeneathAttr rule;
    rule.allowed_access = rights;
    rule.parent_fd = static_cast<int>(fd);
    return Sys(landlock::kSysAddRule, ruleset_, landlock::kRulePathBeneath, &rule, 0);
  }

  long MakeRoot() {
    long error =
        Sys(SYS_mount, "leash", kBuildSite, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, Text(order_.root_options));
    if (error >= 0) error = Sys(SYS_chdir, kBuildSite);
    if (error < 0) return error;
    const Fd root(OpenPath(AT_FDCWD, "."));
    return root.get() < 0 ? root.get() : AddRule(root.get(), order_.root_rights);
  }

  long Make(const MountStep& step) {
    if ((step.flags & wire::kMakeDirectory) != 0) return Sys(SYS_mkdirat, AT_FDCWD, Text(step.target), step.mode);
    if ((step.flags & wire::kMakeFile) != 0) return Sys(SYS_mknodat, AT_FDCWD, Text(step.target), S_IFREG | 0444, 0);
    return 0;
  }

  static long SetAttributes(const MountStep& step, long tree) {
    mount_attr attributes = {};
    attributes.attr_set = step.attributes;
    attributes.propagation = MS_PRIVATE;
    return Sys(SYS_mount_setattr, tree, "", kEmptyPath | kRecursive, &attributes, sizeof(attributes));
  }

  // Attaches a tree that is not attached yet, with its attributes set first: it is never seen without them.
  long Attach(const MountStep& step, long tree) {
    if (tree < 0) return tree;
    const Fd owned(tree);
    long error = SetAttributes(step, tree);
    if (error >= 0) error = Make(step);
    if (error >= 0) error = MoveTo(step, tree);
    return error < 0 ? error : AddRule(tree, step.rights);
  }

  long MoveTo(const MountStep& step, long tree) {
    if ((step.flags & wire::kOwnTarget) != 0) {
      return Sys(SYS_move_mount, tree, "", AT_FDCWD, Text(step.target), MOVE_MOUNT_F_EMPTY_PATH);
    }
    const Fd target(OpenPath(AT_FDCWD, Text(step.target)));
    if (target.get() < 0) return target.get();
    return Sys(SYS_move_mount, tree, "", target.get(), "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
  }

  long Clone(long directory, const char* path, int flags) {
    return Sys(SYS_open_tree, directory, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW | flags);
  }

  long Bind(const MountStep& step) {
    const char* source = Text(step.source) + 1;  // without its slash: relative to the old root
    if (*source == '\0') return Attach(step, Clone(old_root_, "", kEmptyPath | kRecursive));
    const Fd at(OpenPath(old_root_, source));
    if (at.get() == -ENOENT && (step.flags & wire::kMayBeMissing) != 0) return 0;
    return at.get() < 0 ? at.get() : Attach(step, Clone(at.get(), "", kEmptyPath | kRecursive));
  }

  // The host's whole tree as the root, when there is no tmpfs: attached at the building site like any other.
  long BindRoot(const MountStep& step) {
    const Fd tree(Clone(old_root_, "", kEmptyPath | kRecursive));
    if (tree.get() < 0) return tree.get();
    long error = SetAttributes(step, tree.get());
    if (error >= 0) error = Sys(SYS_move_mount, tree.get(), "", AT_FDCWD, kBuildSite, MOVE_MOUNT_F_EMPTY_PATH);
    if (error >= 0) error = Sys(SYS_chdir, kBuildSite);
    return error < 0 ? error : AddRule(tree.get(), step.rights);
  }

  long Private(const MountStep& step) {
    long error = Make(step);
    if (error >= 0) error = Sys(SYS_fchmodat, AT_FDCWD, Text(step.target), step.mode);
    if (error < 0) return error;
    MountStep rest = step;
    rest.flags = 0;
    return Attach(rest, Clone(AT_FDCWD, Text(step.target), 0));
  }

  // A file system of the kernel's, made here.
  long New(const MountStep& step, const char* type, const char* option, const char* value) {
    const Fd context(Sys(SYS_fsopen, type, FSOPEN_CLOEXEC));
    if (context.get() < 0) return context.get();
    long error = 0;
    if (option != nullptr) error = Sys(SYS_fsconfig, context.get(), FSCONFIG_SET_STRING, option, value, 0);
    if (error >= 0) error = Sys(SYS_fsconfig, context.get(), FSCONFIG_CMD_CREATE, 0, 0, 0);
    if (error < 0) return error;
    return Attach(step, Sys(SYS_fsmount, context.get(), FSMOUNT_CLOEXEC, step.attributes));
  }

  // Masks are mounts of one empty directory and one empty file that nobody may open. They are on a file system that is
  // hidden below the new root, so that nothing needs to be made on the host.
  long MakeMasks() {
    long error = Sys(SYS_mount, "leash", kBuildSite, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700");
    if (error < 0) return error;
    masks_ = Sys(SYS_openat, AT_FDCWD, kBuildSite, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (masks_ < 0) return masks_;
    error = Sys(SYS_mkdirat, masks_, "d", 0);
    return error < 0 ? error : Sys(SYS_mknodat, masks_, "f", S_IFREG, 0);
  }

  long Take(const MountStep& step) {
    switch (step.kind) {
      case MountKind::kDirectory:
        return Sys(SYS_mkdirat, AT_FDCWD, Text(step.target), step.mode);
      case MountKind::kSymlink:
        return Sys(SYS_symlinkat, Text(step.source), AT_FDCWD, Text(step.target));
      case MountKind::kBind:
        return *Text(step.target) == '\0' ? BindRoot(step) : Bind(step);
      case MountKind::kPrivate:
        return Private(step);
      case MountKind::kTmpfs:
        return New(step, "tmpfs", "mode", step.mode == 01777 ? "1777" : "0755");
      case MountKind::kProc:
        return New(step, "proc", nullptr, nullptr);
      case MountKind::kDevpts:
        return New(step, "devpts", "ptmxmode", "0666");
      case MountKind::kMaskDirectory:
        return Attach(step, Clone(masks_, "d", 0));
      case MountKind::kMaskFile:
        return Attach(step, Clone(masks_, "f", 0));
    }
    return -EINVAL;
  }

  // The new root becomes the root, closed to writing, and the old one goes with all that hangs on it.
  long Finish() {
    long error = 0;
    if (order_.root_options != 0) {
      mount_attr attributes = {};
      attributes.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
      error = Sys(SYS_mount_setattr, AT_FDCWD, ".", 0, &attributes, sizeof(attributes));
    }
    // The old root is mounted on top of the new one by this, and is what "." then unmounts.
    if (error >= 0) error = Sys(SYS_pivot_root, ".", ".");
    if (error >= 0) error = Sys(SYS_umount2, ".", kDetach);
    if (error >= 0) error = Sys(SYS_chdir, "/");
    Sys(SYS_close, old_root_);
    if (masks_ >= 0) Sys(SYS_close, masks_);
    return error;
  }

  // Nothing that comes after needs any. The init process keeps its own secrets from those it starts.
  static long DropPrivileges() {
    long error = DropAllCapabilities();
    if (error >= 0) error = Sys(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (error >= 0) error = Sys(SYS_prctl, PR_SET_DUMPABLE, 0, 0, 0, 0);
    return error;
  }

  const wire::SetUpOrder& order_;
  const char* const arena_;
  long old_root_ = -1;
  long ruleset_ = -1;
  long masks_ = -1;
};

}  // namespace

long EnterNamespaces() {
  return Sys(SYS_unshare, CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP);
}

SetUpResult SetUp(const wire::SetUpOrder& order, const char* arena) { return Builder(order, arena).Run(); }

}  // namespace leash::platform::init
