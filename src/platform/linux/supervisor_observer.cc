#include "platform/linux/supervisor_observer.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "absl/time/clock.h"
#include "base/file_system.h"
#include "base/path.h"
#include "fmt/format.h"
#include "platform/linux/bpf_interpreter.h"
#include "platform/linux/seccomp_filter.h"

namespace leash::platform {
namespace {

// Where a call has its path, and what it does there (violation.h has the words). `directory` is -1 for the current one.
struct PathCall {
  long number;
  int directory;
  unsigned path;
  std::string_view operation;  // empty: it depends on flags
  unsigned flags = 0;
};
constexpr PathCall kPathCalls[] = {
#if defined(SYS_open)
    {SYS_open, -1, 0, "", 1},        {SYS_creat, -1, 0, "write"},    {SYS_unlink, -1, 0, "remove"},
    {SYS_rmdir, -1, 0, "remove"},    {SYS_mkdir, -1, 0, "make"},     {SYS_rename, -1, 0, "remove"},
    {SYS_chmod, -1, 0, "write"},     {SYS_chown, -1, 0, "write"},    {SYS_lchown, -1, 0, "write"},
    {SYS_utime, -1, 0, "write"},     {SYS_utimes, -1, 0, "write"},   {SYS_futimesat, 0, 1, "write"},
#endif
    {SYS_openat, 0, 1, "", 2},       {SYS_execve, -1, 0, "execute"}, {SYS_truncate, -1, 0, "write"},
    {SYS_unlinkat, 0, 1, "remove"},  {SYS_mkdirat, 0, 1, "make"},
#if defined(SYS_renameat)
    {SYS_renameat, 0, 1, "remove"},
#endif
    {SYS_renameat2, 0, 1, "remove"}, {SYS_fchmodat, 0, 1, "write"},  {SYS_fchownat, 0, 1, "write"},
    {SYS_utimensat, 0, 1, "write"},
};

std::string LinkTarget(const std::string& link) {
  std::array<char, PATH_MAX> target;
  const ssize_t size = ::readlink(link.c_str(), target.data(), target.size());
  return size > 0 ? std::string(target.data(), static_cast<std::size_t>(size)) : "";
}

std::string_view OperationOf(int flags) {
  if ((flags & O_PATH) != 0) return "";
  if ((flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC)) != 0) return "write";
  return (flags & O_DIRECTORY) != 0 ? "list" : "read";
}

Access NeedOf(std::string_view operation) {
  if (operation == "execute") return Access::kReadExecute;
  return operation == "read" || operation == "list" ? Access::kRead : Access::kReadWrite;
}

// What a sandbox with namespaces has of its own under a name of the host's.
bool IsOwn(std::string_view path, std::string_view operation) {
  const auto below = [&](std::initializer_list<std::string_view> names) {
    return std::any_of(names.begin(), names.end(),
                       [&](std::string_view name) { return base::IsAtOrBelow(path, name); });
  };
  if (path == "/tmp" || path == "/run") return true;
  return below({"/dev"}) || (NeedOf(operation) == Access::kReadWrite && below({"/tmp", "/run"}));
}

std::string_view FamilyName(int family) {
  switch (family) {
    case AF_UNIX:
      return "AF_UNIX";
    case AF_INET:
      return "AF_INET";
    case AF_INET6:
      return "AF_INET6";
    case AF_NETLINK:
      return "AF_NETLINK";
    default:
      return "";
  }
}

}  // namespace

Observer::Verdict Observer::Look(const Caller& caller, bool started) const {
  const std::uint32_t action = RunFilter(filter_, caller.Data());
  if (action == SECCOMP_RET_USER_NOTIF) return Verdict::kPerform;
  if (action != SECCOMP_RET_ALLOW) {
    if (!started) return Verdict::kRefuse;
    const int number = caller.Number();
    const bool network = number == SYS_socket || number == SYS_connect || number == SYS_bind || number == SYS_listen;
    std::string object;
    if (number == SYS_socket) {
      object = FamilyName(caller.IntArgument(0));
      if (object.empty()) object = fmt::format("family {}", caller.IntArgument(0));
    }
    Report(caller, network ? ViolationKind::kNetwork : ViolationKind::kSystemCall, std::string(SystemCallName(number)),
           std::move(object));
    return Verdict::kRefuse;
  }
  if (!started) return Verdict::kLetGoOn;
  if (std::optional<Act> act = ActOf(caller); act.has_value() && IsRefused(*act)) {
    Report(caller, ViolationKind::kFile, std::move(act->operation), std::move(act->path));
  }
  return Verdict::kLetGoOn;
}

void Observer::Denied(const Caller& caller) const {
  std::optional<Act> act = ActOf(caller);
  if (!act.has_value()) {
    return Report(caller, ViolationKind::kSystemCall, std::string(SystemCallName(caller.Number())), "");
  }
  Report(caller, ViolationKind::kFile, std::move(act->operation), std::move(act->path));
}

// The path as text, absolute, through no link.
std::optional<Observer::Act> Observer::ActOf(const Caller& caller) const {
  const auto* call = std::find_if(std::begin(kPathCalls), std::end(kPathCalls),
                                  [&](const PathCall& one) { return one.number == caller.Number(); });
  if (call == std::end(kPathCalls)) return std::nullopt;
  Act act;
  act.operation = call->operation.empty() ? OperationOf(caller.IntArgument(call->flags)) : call->operation;
  if (act.operation.empty() || caller.ReadPath(caller.Argument(call->path), act.path) != 0 || act.path.empty()) {
    return std::nullopt;
  }
  if (act.path.front() != '/') {
    const int directory = call->directory < 0 ? AT_FDCWD : caller.IntArgument(static_cast<unsigned>(call->directory));
    const std::string start =
        LinkTarget(directory == AT_FDCWD ? fmt::format("/proc/{}/cwd", caller.Thread())
                                         : fmt::format("/proc/{}/fd/{}", caller.Thread(), directory));
    if (!start.starts_with('/')) return std::nullopt;
    act.path = base::JoinPath(start, act.path);
  }
  act.path = base::NormalizePath(act.path, "/");
  return act;
}

// By the plan, and by what is there on the host: a path that nobody has is not refused, but missing.
bool Observer::IsRefused(Act& act) const {
  if (base::IsAtOrBelow(act.path, "/proc")) return false;
  const base::FileSystem& files = base::HostFileSystem();
  const std::string canonical = base::CanonicalPrefix(files, act.path);
  const bool exists = files.TypeOf(canonical).has_value();
  if (act.operation == "write" && !exists) act.operation = "make";
  // The object of these is the directory.
  if (act.operation == "make" || act.operation == "remove") {
    if (act.operation == "remove" && !exists) return false;
    act.path = base::ParentOf(act.path);
  }
  const std::string object = base::CanonicalPrefix(files, act.path);
  if (!files.TypeOf(object).has_value()) return false;
  const Access have = core::Decide(plan_, object);
  if (namespaces_ && have == Access::kNone && IsOwn(object, act.operation)) return false;
  if (Includes(have, NeedOf(act.operation))) return false;
  return !audited_ || (namespaces_ && have == Access::kNone);
}

void Observer::Report(const Caller& caller, ViolationKind kind, std::string operation, std::string object) const {
  Violation violation;
  violation.kind = kind;
  violation.operation = std::move(operation);
  violation.object = std::move(object);
  violation.program = LinkTarget(fmt::format("/proc/{}/exe", caller.Thread()));
  violation.pid = caller.Process();
  violation.first = absl::Now();
  sink_->Report(std::move(violation));
}

}  // namespace leash::platform
