#include "config_discovery.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>
#include <vector>

#include "base/file_system.h"
#include "base/path.h"
#include "base/status.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "fmt/format.h"
#include "ruling.h"

namespace leash::cli {
namespace {

constexpr char kFileName[] = "leash.toml";
// No configuration is this long: what is has been named by mistake.
constexpr std::size_t kMaxFileSize = 1 << 20;

absl::Status Refuse(const std::string& path, std::string_view reason) {
  const std::string shown = base::Printable(path);
  return base::Error(ErrorCode::kConfigFile,
                     fmt::format("{}; --config {} uses the file all the same, --no-config ignores it", reason, shown));
}

absl::StatusOr<std::string> ReadToEnd(int fd, const std::string& path) {
  std::string text;
  std::array<char, 16384> buffer;
  while (true) {
    const ssize_t count = ::read(fd, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return base::ErrnoError(ErrorCode::kConfigFile, errno, "cannot read " + base::Printable(path));
    if (count == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(count));
    if (text.size() > kMaxFileSize) {
      return base::Error(ErrorCode::kConfigFile, fmt::format("{} is longer than 1 MiB", base::Printable(path)));
    }
  }
}

absl::Status CheckOwnership(const std::string& path, const struct stat& status, uid_t user) {
  const std::string shown = base::Printable(path);
  if (!S_ISREG(status.st_mode)) return Refuse(path, fmt::format("{} is not a regular file", shown));
  if (status.st_uid != 0 && status.st_uid != user) {
    return Refuse(path, fmt::format("{} belongs to another user (uid {})", shown, status.st_uid));
  }
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return Refuse(path, fmt::format("{} may be written by others (chmod go-w closes that)", shown));
  }
  return absl::OkStatus();
}

// nullopt: there is no such file.
absl::StatusOr<std::optional<FoundFile>> OpenFound(const std::string& directory, uid_t user) {
  const std::string path = base::JoinPath(directory, kFileName);
  // Not blocking: the name may be a FIFO's.
  const base::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
  if (!fd && errno == ENOENT) return std::nullopt;
  if (!fd && (errno == ELOOP || errno == ENXIO)) {  // a symbolic link, a socket
    return Refuse(path, fmt::format("{} is not a regular file", base::Printable(path)));
  }
  if (!fd) {
    return Refuse(path, fmt::format("cannot open {}: {}", base::Printable(path), base::ErrnoText(errno)));
  }
  struct stat status = {};
  if (::fstat(fd.get(), &status) != 0) return base::ErrnoError(ErrorCode::kIo, errno, "fstat " + path);
  LEASH_RETURN_IF_ERROR(CheckOwnership(path, status, user));
  LEASH_ASSIGN_OR_RETURN(std::string text, ReadToEnd(fd.get(), path));
  return FoundFile{path, directory, std::move(text)};
}

std::string Canonical(const std::string& path) { return base::CanonicalPrefix(base::HostFileSystem(), path); }

// Checks what a found file says, key by key.
class Judge {
 public:
  Judge(const ConfigFile& file, const Settings& settings) : file_(file), settings_(settings) {}

  absl::Status Run() const {
    LEASH_RETURN_IF_ERROR(CheckTier());
    LEASH_RETURN_IF_ERROR(CheckSecurity());
    LEASH_RETURN_IF_ERROR(CheckPython());
    LEASH_RETURN_IF_ERROR(CheckOutsideWriting());
    LEASH_RETURN_IF_ERROR(CheckProtections());
    LEASH_RETURN_IF_ERROR(CheckGuards());
    return CheckNotWritable();
  }

 private:
  absl::Status RefuseAt(const Origin& origin, std::string_view problem) const {
    return Refuse(file_.path,
                  fmt::format("{}:{}: {} {}", base::Printable(file_.path), origin.line, origin.key, problem));
  }
  Origin OriginOf(const std::string& key) const {
    const auto line = file_.lines.find(key);
    return {key, line == file_.lines.end() ? 0 : line->second};
  }
  absl::Status RefuseKey(const std::string& key, std::string_view problem) const {
    return RefuseAt(OriginOf(key), problem);
  }

  absl::Status CheckTier() const {
    constexpr std::string_view kNamedOnly = "is only taken from a file that was named";
    if (file_.layer.isolation == Isolation::kPermissive) {
      return RefuseKey("isolation", fmt::format("= \"permissive\" {}", kNamedOnly));
    }
    if (file_.layer.namespaces == Namespaces::kOff) {
      return RefuseKey("namespaces", fmt::format("= \"off\" {}", kNamedOnly));
    }
    if (file_.layer.network.value_or(NetworkMode::kDeny) != NetworkMode::kDeny) {
      return RefuseKey("network", fmt::format("other than \"deny\" {}", kNamedOnly));
    }
    if (!file_.layer.listen.empty()) return RefuseKey("listen", kNamedOnly);
    if (file_.layer.audit_log.has_value()) return RefuseKey("audit-log", kNamedOnly);
    if (file_.layer.best_effort_limits.value_or(false)) {
      return RefuseKey("limits.best-effort", fmt::format("= true {}", kNamedOnly));
    }
    if (!file_.layer.env_passthrough.empty()) return RefuseKey("env.passthrough", kNamedOnly);
    return absl::OkStatus();
  }

  absl::Status CheckSecurity() const {
    for (const auto& [toggle, on] : file_.layer.security) {
      if (on == toggle->protects) continue;
      return RefuseKey(fmt::format("security.{}", toggle->name),
                       fmt::format("= {} is only taken from a file that was named", on));
    }
    return absl::OkStatus();
  }

  // Packages may be asked for: wheels, from the index that is everybody's.
  absl::Status CheckPython() const {
    const PythonLayer& python = file_.layer.python;
    constexpr std::string_view kNamedOnly = "is only taken from a file that was named";
    if (python.allow_sdist.value_or(false)) {
      return RefuseKey("python.allow-sdist", fmt::format("= true {}", kNamedOnly));
    }
    if (python.allow_pip_install.value_or(false)) {
      return RefuseKey("python.allow-pip-install", fmt::format("= true {}", kNamedOnly));
    }
    if (!python.index_urls.empty()) return RefuseKey("python.index-urls", kNamedOnly);
    if (!python.package_hosts.empty()) return RefuseKey("python.package-hosts", kNamedOnly);
    // It would run while packages are installed, with a network.
    if (python.interpreter.has_value() && python.interpreter->find('/') != std::string::npos) {
      return RefuseKey("python.interpreter", fmt::format("is a path, which {}", kNamedOnly));
    }
    if (python.venv.has_value() && Canonical(*python.venv) == file_.directory) {
      return RefuseKey("python.venv", "is the file's own directory");
    }
    for (const auto& [key, path] : PythonPaths()) {
      if (IsOutside(path)) return RefuseKey(key, "is outside the file's own directory");
    }
    return absl::OkStatus();
  }

  std::vector<std::pair<std::string, std::string>> PythonPaths() const {
    const PythonLayer& python = file_.layer.python;
    std::vector<std::pair<std::string, std::string>> paths;
    if (python.venv.has_value()) paths.emplace_back("python.venv", *python.venv);
    for (const std::string& path : python.requirements) paths.emplace_back("python.requirements", path);
    for (const std::string& path : python.find_links) paths.emplace_back("python.find-links", path);
    return paths;
  }

  bool IsOutside(const std::string& path) const { return !base::IsAtOrBelow(Canonical(path), file_.directory); }

  absl::Status CheckOutsideWriting() const {
    constexpr std::string_view kOutside = "grants more than reading outside the file's own directory";
    for (std::size_t i = 0; i < file_.layer.grants.size(); ++i) {
      const Grant& grant = file_.layer.grants[i];
      if (grant.access != Access::kRead && IsOutside(grant.path)) return RefuseAt(file_.grant_origins[i], kOutside);
    }
    if (file_.layer.working_dir.has_value() && IsOutside(*file_.layer.working_dir)) {
      return RefuseKey("workdir.path", kOutside);
    }
    return absl::OkStatus();
  }

  // A grant on a protected path would turn the protection off under another name. Home directories as such are exempt:
  // that is where what a project needs lies, and the protections inside them stay.
  absl::Status CheckProtections() const {
    const SandboxConfig open = AllOpenButProtections();
    for (std::size_t i = 0; i < file_.layer.grants.size(); ++i) {
      LEASH_RETURN_IF_ERROR(CheckProtection(file_.layer.grants[i].path, open, file_.grant_origins[i]));
    }
    for (const auto& [key, path] : PythonPaths()) {
      LEASH_RETURN_IF_ERROR(CheckProtection(path, open, OriginOf(key)));
    }
    if (!file_.layer.working_dir.has_value()) return absl::OkStatus();
    return CheckProtection(*file_.layer.working_dir, open, OriginOf("workdir.path"));
  }

  // What is guarded in a directory that may be written stays so: a file that opens .git/hooks by name, or .git, or has
  // packages installed there, would go around that.
  absl::Status CheckGuards() const {
    std::vector<std::pair<std::string, Origin>> opened;
    for (std::size_t i = 0; i < file_.layer.grants.size(); ++i) {
      const Grant& grant = file_.layer.grants[i];
      if (Includes(grant.access, Access::kReadWrite)) opened.emplace_back(grant.path, file_.grant_origins[i]);
    }
    if (file_.layer.working_dir.has_value()) opened.emplace_back(*file_.layer.working_dir, OriginOf("workdir.path"));
    if (file_.layer.python.venv.has_value()) opened.emplace_back(*file_.layer.python.venv, OriginOf("python.venv"));
    for (const auto& [path, origin] : opened) LEASH_RETURN_IF_ERROR(CheckGuard(Canonical(path), origin));
    return absl::OkStatus();
  }

  // Against what would be guarded in each directory from the file's own down, were that open.
  absl::Status CheckGuard(const std::string& path, const Origin& origin) const {
    LEASH_ASSIGN_OR_RETURN(const std::vector<std::string> still, GuardedWhenOpen(path));
    for (std::string_view at = path; at != file_.directory && at != "/";) {
      at = base::ParentOf(at);
      LEASH_ASSIGN_OR_RETURN(const std::vector<std::string> guarded, GuardedWhenOpen(std::string(at)));
      for (const std::string& one : guarded) {
        if (!base::IsAtOrBelow(one, path) && !base::IsAtOrBelow(path, one)) continue;
        if (std::find(still.begin(), still.end(), one) != still.end()) continue;
        return RefuseAt(origin, fmt::format("opens {}, which protect_project_files guards", base::Printable(one)));
      }
    }
    return absl::OkStatus();
  }

  static absl::StatusOr<std::vector<std::string>> GuardedWhenOpen(const std::string& path) {
    if (!base::HostFileSystem().Canonical(path).has_value()) return std::vector<std::string>();
    SandboxConfig open;
    open.grants = {{path, Access::kReadWrite}};
    return GuardedIn(open);
  }

  // A plan holds a protection only where something is open that it closes: so everything is, but for what the
  // protections close, and what the command line opened by name is open already.
  SandboxConfig AllOpenButProtections() const {
    SandboxConfig open;
    open.isolation = Isolation::kPermissive;
    open.security = settings_.config.security;
    open.security.protect_user_home = false;
    const auto from_file = static_cast<std::ptrdiff_t>(file_.layer.grants.size());
    open.grants.assign(settings_.config.grants.begin() + from_file, settings_.config.grants.end());
    return open;
  }

  absl::Status CheckProtection(const std::string& path, const SandboxConfig& open, const Origin& origin) const {
    LEASH_ASSIGN_OR_RETURN(const Ruling ruling, RulingOn(path, open, settings_.network));
    if (ruling.kind != "protection") return absl::OkStatus();
    return RefuseAt(origin, fmt::format("opens {}, which {} closes", base::Printable(path), ruling.reason));
  }

  // The owner of a file may change its mode, so owning it is enough.
  static bool UserControls(const std::string& path) {
    struct stat status = {};
    if (::lstat(path.c_str(), &status) == 0 && status.st_uid == ::geteuid()) return true;
    return ::faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) == 0;
  }

  // The file, its directory, or a directory above that could be put aside with it.
  absl::Status CheckNotWritable() const {
    std::string path = base::JoinPath(file_.directory, kFileName);
    for (bool is_file = true;; is_file = false) {
      LEASH_ASSIGN_OR_RETURN(const Ruling ruling, RulingOn(path, settings_.config, settings_.network));
      const bool writable = Includes(ruling.access, Access::kReadWrite);
      if (writable && UserControls(path)) {
        return Refuse(file_.path, fmt::format("{} is not used: the sandbox may write {}", base::Printable(file_.path),
                                              is_file ? "it" : base::Printable(path)));
      }
      if (path == "/" || (!writable && !is_file)) return absl::OkStatus();
      path = std::string(base::ParentOf(path));
    }
  }

  const ConfigFile& file_;
  const Settings& settings_;
};

}  // namespace

absl::StatusOr<std::optional<FoundFile>> FindConfigFile(const std::string& current_dir, uid_t user) {
  std::string directory = current_dir;
  while (true) {
    LEASH_ASSIGN_OR_RETURN(std::optional<FoundFile> found, OpenFound(directory, user));
    if (found.has_value() || directory == "/") return found;
    directory = std::string(base::ParentOf(directory));
  }
}

absl::StatusOr<std::string> ReadNamedFile(const std::string& path) {
  const base::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd) return base::ErrnoError(ErrorCode::kConfigFile, errno, "cannot open " + base::Printable(path));
  return ReadToEnd(fd.get(), path);
}

absl::Status CheckFoundFile(const ConfigFile& file, const Settings& settings) { return Judge(file, settings).Run(); }

}  // namespace leash::cli
