#include "core/planner.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>

#include "base/path.h"
#include "base/status.h"
#include "base/text.h"
#include "core/rule_set.h"
#include "fmt/format.h"
#include "net/published_port.h"

namespace leash::core {
namespace {

class Planner {
 public:
  Planner(const SandboxConfig& config, const HostFacts& host) : config_(config), host_(host) {}

  absl::StatusOr<Plan> Run(bool network_denied) {
    plan_.isolation = config_.isolation;
    plan_.namespaces = config_.namespaces;
    plan_.network_denied = network_denied;
    plan_.identify_programs = config_.identify_programs;
    plan_.security = config_.security;
    plan_.scratch_dir = host_.scratch_dir;
    plan_.accept_degraded_kernel = config_.accept_degraded_kernel;
    plan_.report_violations = config_.report_violations;
    LEASH_RETURN_IF_ERROR(CheckHome());
    LEASH_RETURN_IF_ERROR(AddPublished());
    LEASH_RETURN_IF_ERROR(AddCalls());
    AddTier();
    AddDevices();
    LEASH_RETURN_IF_ERROR(AddGrants());
    LEASH_RETURN_IF_ERROR(AddDirectories());
    LEASH_RETURN_IF_ERROR(AddDenials());
    // Last, since they ask what is open.
    AddProtections();
    CloseScratchOfOthers();
    plan_.rules = rules_.Take();
    if (config_.security.protect_project_files) AddGuards();
    LEASH_RETURN_IF_ERROR(PlanEnvironment());
    LEASH_RETURN_IF_ERROR(PlanLimits());
    if (config_.security.allow_tcc_prompts && !host_.profile->has_consent_prompts) {
      plan_.notes.push_back("allow_tcc_prompts opens nothing here: this system has no consent dialog to defer to");
    }
    return std::move(plan_);
  }

 private:
  absl::Status AddPublished() {
    for (const PublishedPort& port : config_.listen) {
      LEASH_RETURN_IF_ERROR(net::CheckPublishedPort(port));
      if (plan_.network_denied || port.inside_port != kEgressPort) continue;
      return base::Error(
          ErrorCode::kInvalidArgument,
          fmt::format("port {} of the sandbox cannot be published: the egress proxy has it there", port.inside_port));
    }
    plan_.published = config_.listen;
    return absl::OkStatus();
  }

  // In leash's own directory, beside what the sandbox has of it.
  absl::Status AddCalls() {
    if (config_.ipc == nullptr) return absl::OkStatus();
    if (config_.security.allow_nested) {
      return base::Error(ErrorCode::kUnsupported,
                         "commands of the host (ipc) need a supervisor, which sandboxes inside a sandbox do without");
    }
    // Permissive opens everything that is the user's: to take the right to write out of one directory would close those
    // around it to new names, where Landlock alone decides.
    const Access access =
        config_.isolation == Isolation::kPermissive ? Access::kReadWriteExecute : Access::kReadExecute;
    rules_.Add({CommandNamesOf(host_.scratch_dir), access, RuleKind::kGrant, "commands of the host", false});
    plan_.call_socket = base::JoinPath(base::ParentOf(host_.scratch_dir), "calls");
    constexpr std::size_t kLongest = 107;  // unix(7): sun_path with its NUL
    if (plan_.call_socket.size() <= kLongest) return absl::OkStatus();
    return base::Error(ErrorCode::kInvalidArgument,
                       fmt::format("{} is too long for a socket: set TMPDIR to a shorter path", plan_.call_socket));
  }

  // Without a home there is nothing to protect in it by name, and no way to tell.
  absl::Status CheckHome() const {
    const auto& rows = host_.profile->protections;
    const bool needed = std::any_of(rows.begin(), rows.end(), [&](const ProtectedPath& row) {
      return row.path.starts_with('~') && config_.security.*row.flag;
    });
    if (!host_.home.empty() || !needed) return absl::OkStatus();
    return base::Error(ErrorCode::kInvalidArgument,
                       "cannot tell which directory to protect as home: HOME is not set to an absolute path, and "
                       "/etc/passwd does not know this user; set HOME");
  }

  // Calls `use` with the path that `pattern` stands for: itself, with "~" replaced; or each name that a trailing '*'
  // matches.
  template <typename Use>
  void Expand(std::string_view pattern, const Use& use) {
    std::string path(pattern);
    if (path.starts_with('~')) {
      if (host_.home.empty()) return;
      path.replace(0, 1, host_.home);
    }
    if (!path.ends_with('*')) return use(path);
    path.pop_back();
    const std::string directory(base::ParentOf(path));
    const std::string_view prefix = std::string_view(path).substr(path.rfind('/') + 1);
    const auto* entries = Listing(directory);
    if (entries == nullptr) return;
    for (const base::DirectoryEntry& entry : *entries) {
      if (entry.name.starts_with(prefix)) use(base::JoinPath(directory, entry.name));
    }
  }

  // Each directory is listed once. Null: it cannot be listed.
  const std::vector<base::DirectoryEntry>* Listing(const std::string& directory) {
    const auto [found, fresh] = listings_.try_emplace(directory);
    if (fresh) {
      if (auto entries = host_.files->List(directory); entries.ok()) found->second = *std::move(entries);
    }
    return found->second.has_value() ? &*found->second : nullptr;
  }

  // The canonical form of `path`, except that the last component is not followed. Looks at each directory once: the
  // tables name many files in few directories.
  std::string CanonicalName(std::string_view path) {
    if (path == "/") return "/";
    return base::JoinPath(CanonicalDirectory(base::ParentOf(path)), path.substr(path.rfind('/') + 1));
  }

  const std::string& CanonicalDirectory(std::string_view directory) {
    if (const auto known = canonical_.find(directory); known != canonical_.end()) return known->second;
    std::string name = CanonicalName(directory);
    if (host_.files->TypeOf(name) == base::FileType::kSymlink) name = base::CanonicalPrefix(*host_.files, name);
    return canonical_.emplace(directory, std::move(name)).first->second;
  }

  // A rule on an existing path, under its canonical name.
  void AddExisting(std::string_view pattern, Access access, RuleKind kind, std::string_view reason, bool device) {
    Expand(pattern, [&](const std::string& path) {
      std::optional<std::string> name = CanonicalName(path);
      const auto type = host_.files->TypeOf(*name);
      if (!type.has_value()) return;
      if (type == base::FileType::kSymlink) {
        std::string link = *std::move(name);
        name = host_.files->Canonical(link);
        if (name.has_value()) plan_.links.emplace_back(std::move(link), *name);
      }
      if (name.has_value()) rules_.Add({*std::move(name), access, kind, reason, device, Known(type)});
    });
  }

  // What a rule on a path of that type says about it.
  static std::optional<base::FileType> Known(std::optional<base::FileType> type) {
    return type == base::FileType::kSymlink ? std::nullopt : type;
  }

  // A closed path: both the name and what it leads to, existing or not.
  void AddClosed(std::string_view pattern, RuleKind kind, std::string_view reason) {
    Expand(pattern, [&](const std::string& path) {
      if (kind == RuleKind::kProtection && IsMissingInClosedHome(path)) return;
      const std::string name = CanonicalName(path);
      const auto type = host_.files->TypeOf(name);
      rules_.Add({name, Access::kNone, kind, reason, false, type});
      if (type == base::FileType::kSymlink) {
        rules_.Add({base::CanonicalPrefix(*host_.files, name), Access::kNone, kind, reason, false});
      }
    });
  }

  // Most protected paths do not exist, in a home directory that nothing opens. One listing tells, where asking for
  // each would take as long as the rest of the plan.
  bool IsMissingInClosedHome(std::string_view path) {
    if (host_.home.empty() || path.size() <= host_.home.size() + 1 || !base::IsAtOrBelow(path, host_.home))
      return false;
    if (rules_.IsOpen(host_.home)) return false;
    const auto* entries = Listing(host_.home);
    const std::string_view first = base::Components(path.substr(host_.home.size())).front();
    return entries != nullptr && std::none_of(entries->begin(), entries->end(),
                                              [&](const base::DirectoryEntry& entry) { return entry.name == first; });
  }

  void AddTier() {
    const auto add = [&](std::span<const TierPath> table) {
      for (const TierPath& row : table) {
        AddExisting(row.path, row.access, RuleKind::kTier, row.why, row.device);
      }
    };
    if (config_.isolation == Isolation::kPermissive) return add(host_.profile->permissive);
    add(host_.profile->strict);
    if (config_.isolation == Isolation::kDefault) add(host_.profile->open);
    rules_.SettleTier();
  }

  void AddProtections() {
    for (const ProtectedPath& row : host_.profile->protections) {
      if (config_.security.*row.flag) AddClosed(row.path, RuleKind::kProtection, row.flag_name);
    }
    if (!config_.limits.memory_bytes && !config_.limits.processes) return;
    for (const std::string_view path : host_.profile->limit_controls) {
      AddClosed(path, RuleKind::kProtection, "limits");
    }
  }

  void AddDevices() {
    for (const DevicePath& row : host_.profile->devices) {
      if (!(config_.security.*row.flag)) continue;
      AddExisting(row.path, row.access, RuleKind::kGrant, row.flag_name, row.device);
    }
  }

  absl::StatusOr<std::string> ExistingPath(const std::string& path, std::string_view what) {
    LEASH_RETURN_IF_ERROR(CheckPath(path, what));
    // Text is resolved before links are only where there is no link to resolve: realpath decides about "..".
    const std::string absolute = path.front() == '/' ? path : base::JoinPath(host_.current_dir, path);
    std::optional<std::string> canonical = host_.files->Canonical(absolute);
    if (!canonical.has_value()) {
      const std::string shown = base::Printable(path);
      return base::Error(ErrorCode::kPathNotFound, path.front() == '/'
                                                       ? fmt::format("{} {} does not exist", what, shown)
                                                       : fmt::format("{} {} does not exist (looked for {})", what,
                                                                     shown, base::Printable(absolute)));
    }
    if (*canonical != absolute) AddLinksOnTheWay(absolute);
    return *std::move(canonical);
  }

  // A path that was given through symbolic links is to be reached through them inside as well.
  void AddLinksOnTheWay(const std::string& path) {
    std::string at = "/";  // canonical all the time
    for (const std::string_view component : base::Components(path)) {
      if (component == ".") continue;
      if (component == "..") {
        at = base::ParentOf(at);
        continue;
      }
      std::string next = base::JoinPath(at, component);
      if (host_.files->TypeOf(next) != base::FileType::kSymlink) {
        at = std::move(next);
        continue;
      }
      auto target = host_.files->Canonical(next);
      if (!target.has_value()) return;
      plan_.links.emplace_back(std::move(next), *target);
      at = *std::move(target);
    }
  }

  absl::Status CheckPath(const std::string& path, std::string_view what) const {
    if (path.empty()) return base::Error(ErrorCode::kInvalidArgument, fmt::format("{} is an empty path", what));
    if (path.find('\0') != std::string::npos) {
      return base::Error(ErrorCode::kInvalidArgument,
                         fmt::format("{} {} has a NUL byte in it", what, base::Printable(path)));
    }
    if (path.front() != '/' && host_.current_dir.empty()) {
      return base::Error(ErrorCode::kIo, fmt::format("{} {} is relative, and the current directory cannot be told",
                                                     what, base::Printable(path)));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> ExistingDirectory(const std::string& path, std::string_view what) {
    LEASH_ASSIGN_OR_RETURN(std::string canonical, ExistingPath(path, what));
    if (host_.files->TypeOf(canonical) != base::FileType::kDirectory) {
      return base::Error(ErrorCode::kInvalidArgument,
                         fmt::format("{} {} is not a directory", what, base::Printable(path)));
    }
    return canonical;
  }

  absl::Status AddDirectories() {
    rules_.Add({host_.scratch_dir, Access::kReadWrite, RuleKind::kGrant, "scratch directory", false});
    // What holds the scratch directory (and its owner's lock) is leash's. Permissive leaves it open: closing it
    // would close its parents to new names as well.
    if (config_.isolation != Isolation::kPermissive) {
      rules_.Add(
          {std::string(base::ParentOf(host_.scratch_dir)), Access::kNone, RuleKind::kDeny, "leash's own", false});
    }
    plan_.working_dir = host_.scratch_dir;
    if (config_.working_dir.has_value()) {
      LEASH_ASSIGN_OR_RETURN(plan_.working_dir, ExistingDirectory(*config_.working_dir, "working directory"));
      users_.push_back(plan_.working_dir);
      AddOwn(plan_.working_dir, Access::kReadWrite, "working directory");
    }
    plan_.start_dir = plan_.working_dir;
    if (config_.start_dir.has_value()) {
      LEASH_ASSIGN_OR_RETURN(plan_.start_dir, ExistingDirectory(*config_.start_dir, "start directory"));
      AddOwn(plan_.start_dir, Access::kRead, "start directory");
    }
    return absl::OkStatus();
  }

  // A directory that is granted by the way: it takes nothing from a grant above that was asked for.
  void AddOwn(const std::string& path, Access access, std::string_view reason) {
    const PathRule* rule = rules_.Deciding(path);
    if (rule != nullptr && rule->kind == RuleKind::kGrant) access = access | rule->access;
    rules_.Add({path, access, RuleKind::kGrant, reason, false});
  }

  absl::Status AddGrants() {
    for (const Grant& grant : config_.grants) {
      if (grant.access == Access::kNone) {
        return base::Error(ErrorCode::kInvalidArgument,
                           fmt::format("granted path {} has no access; use denied paths to close one", grant.path));
      }
      LEASH_ASSIGN_OR_RETURN(std::string path, ExistingPath(grant.path, "granted path"));
      users_.push_back(path);
      rules_.Add({std::move(path), grant.access, RuleKind::kGrant, "granted", false});
    }
    return absl::OkStatus();
  }

  absl::Status AddDenials() {
    for (const std::string& path : config_.denied) {
      LEASH_RETURN_IF_ERROR(CheckPath(path, "denied path"));
      const std::string absolute = path.front() == '/' ? path : base::JoinPath(host_.current_dir, path);
      AddClosed(base::NormalizePath(absolute, "/"), RuleKind::kDeny, "denied");
      // ".." behind a symbolic link leads elsewhere than the text says: both stay closed.
      if (const auto canonical = host_.files->Canonical(absolute)) AddClosed(*canonical, RuleKind::kDeny, "denied");
    }
    return absl::OkStatus();
  }

  // Somebody who grants the temporary directory does not mean the other sandboxes in it.
  void CloseScratchOfOthers() {
    const std::string root(base::ParentOf(base::ParentOf(host_.scratch_dir)));
    if (config_.isolation == Isolation::kPermissive || !rules_.IsOpen(root)) return;
    AddClosed(base::JoinPath(root, "leash-*"), RuleKind::kProtection, "another sandbox");
  }

  // In each directory that a user granted for writing.
  void AddGuards() {
    const auto granted_at_or_below = [&](const std::string& path) {
      return std::any_of(plan_.rules.begin(), plan_.rules.end(), [&](const PathRule& rule) {
        return rule.kind == RuleKind::kGrant && base::IsAtOrBelow(rule.path, path);
      });
    };
    const auto add = [&](std::string path) {
      if (granted_at_or_below(path) || Decide(plan_, path) == Access::kNone) return;
      plan_.guarded.push_back(std::move(path));
    };
    for (const PathRule& rule : plan_.rules) {
      const bool by_user = std::find(users_.begin(), users_.end(), rule.path) != users_.end();
      if (!by_user || !Includes(rule.access, Access::kReadWrite)) continue;
      if (host_.files->TypeOf(rule.path) != base::FileType::kDirectory) continue;
      const std::string git = base::JoinPath(rule.path, ".git");
      const auto git_type = host_.files->TypeOf(git);
      // In a linked worktree .git is a file that says where the repository is.
      if (git_type.has_value() && git_type != base::FileType::kDirectory) add(git);
      for (const GuardedName& row : host_.profile->guarded) {
        Expand(base::JoinPath(rule.path, row.path), [&](const std::string& path) {
          if (CanonicalName(path) == path) add(path);
        });
      }
      if (git_type == base::FileType::kDirectory) AddGuardsOfSubmodules(base::JoinPath(git, "modules"), add);
    }
    std::sort(plan_.guarded.begin(), plan_.guarded.end());
    plan_.guarded.erase(std::unique(plan_.guarded.begin(), plan_.guarded.end()), plan_.guarded.end());
  }

  template <typename Add>
  void AddGuardsOfSubmodules(const std::string& modules, const Add& add) {
    const auto* entries = Listing(modules);
    if (entries == nullptr) return;
    for (const base::DirectoryEntry& entry : *entries) {
      if (entry.type != base::FileType::kDirectory) continue;
      const std::string module = base::JoinPath(modules, entry.name);
      add(base::JoinPath(module, "hooks"));
      add(base::JoinPath(module, "config"));
    }
  }

  absl::Status PlanEnvironment() {
    base::Environment environment;
    for (const auto& [name, value] : host_.environment.variables()) {
      const auto wanted = [&](std::string_view pattern) {
        if (!pattern.ends_with('*')) return name == pattern;
        return name.starts_with(pattern.substr(0, pattern.size() - 1));
      };
      const auto& names = host_.profile->environment_names;
      if (std::any_of(names.begin(), names.end(), wanted)) environment.Set(name, value);
    }
    environment.Set("PATH", host_.profile->search_path);
    environment.Set("HOME", host_.scratch_dir);
    environment.Set("TMPDIR", host_.scratch_dir);
    environment.Set("LEASH", "1");
    for (const std::string& name : config_.env_passthrough) {
      LEASH_RETURN_IF_ERROR(CheckName(name));
      if (const auto value = host_.environment.Get(name)) environment.Set(name, *value);
    }
    if (!plan_.call_socket.empty()) {
      environment.Set("LEASH_IPC", plan_.call_socket);
      environment.Set("PATH", fmt::format("{}:{}", CommandNamesOf(host_.scratch_dir), *environment.Get("PATH")));
    }
    for (const auto& [name, value] : config_.env) {
      LEASH_RETURN_IF_ERROR(CheckName(name));
      if (value.find('\0') != std::string::npos) {
        return base::Error(ErrorCode::kInvalidArgument, fmt::format("variable {} has a NUL byte in its value", name));
      }
      environment.Set(name, value);
    }
    if (!plan_.network_denied) NameProxy(environment);
    plan_.environment.assign(environment.variables().begin(), environment.variables().end());
    return absl::OkStatus();
  }

  // Every connection comes to the proxy anyway. A program that knows of it sends it names in place of addresses, and is
  // told in words what was refused. A variable that the user has set, in whichever case, stays as it is.
  static void NameProxy(base::Environment& environment) {
    struct Row {
      std::string_view upper, lower;
      std::string value;
    };
    const std::string authority = fmt::format("127.0.0.1:{}", kEgressPort);
    const Row rows[] = {{"HTTP_PROXY", "http_proxy", "http://" + authority},
                        {"HTTPS_PROXY", "https_proxy", "http://" + authority},
                        {"ALL_PROXY", "all_proxy", "socks5h://" + authority},
                        {"NO_PROXY", "no_proxy", "localhost,127.0.0.1,::1"}};
    for (const Row& row : rows) {
      if (environment.Get(row.upper).has_value() || environment.Get(row.lower).has_value()) continue;
      environment.Set(row.upper, row.value);
      environment.Set(row.lower, row.value);
    }
    // Node.js looks at the others only then.
    if (!environment.Get("NODE_USE_ENV_PROXY").has_value()) environment.Set("NODE_USE_ENV_PROXY", "1");
  }

  static absl::Status CheckName(const std::string& name) {
    if (base::IsEnvironmentName(name)) return absl::OkStatus();
    return base::Error(ErrorCode::kInvalidArgument,
                       fmt::format("'{}' cannot be the name of an environment variable", base::Printable(name)));
  }

  absl::Status PlanLimits() {
    plan_.limits = config_.limits;
    plan_.best_effort_limits = config_.best_effort_limits;
    const auto positive = [](std::string_view name, const std::optional<absl::Duration>& value) -> absl::Status {
      if (!value.has_value() || *value > absl::ZeroDuration()) return absl::OkStatus();
      return base::Error(ErrorCode::kInvalidArgument, fmt::format("the limit on {} must be more than zero", name));
    };
    LEASH_RETURN_IF_ERROR(positive("processor time", config_.limits.cpu_time));
    return positive("wall-clock time", config_.limits.wall_time);
  }

  const SandboxConfig& config_;
  const HostFacts& host_;
  RuleSet rules_;
  std::vector<std::string> users_;  // paths that the user granted, or named as working directory
  std::map<std::string, std::string, std::less<>> canonical_;
  std::map<std::string, std::optional<std::vector<base::DirectoryEntry>>> listings_;
  Plan plan_;
};

}  // namespace

namespace {

// The home directory in /etc/passwd; empty when it does not know the user. Read directly: getpwuid(3) loads libraries
// of the name service, which a static program cannot.
std::string HomeByUserDatabase() {
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen("/etc/passwd", "re"), &std::fclose);
  if (file == nullptr) return "";
  std::array<char, 4096> buffer;
  passwd entry;
  passwd* found = nullptr;
  while (::fgetpwent_r(file.get(), &entry, buffer.data(), buffer.size(), &found) == 0) {
    if (entry.pw_uid == ::geteuid()) return entry.pw_dir;
  }
  return "";
}

}  // namespace

std::string CommandNamesOf(std::string_view scratch_dir) {
  return base::JoinPath(base::ParentOf(scratch_dir), "commands");
}

HostFacts HostFactsOfProcess(const PlatformProfile& profile) {
  HostFacts host;
  host.files = &base::HostFileSystem();
  host.profile = &profile;
  host.environment = base::Environment::OfProcess();
  std::string home = host.environment.Get("HOME").value_or("");
  if (!home.starts_with('/')) home = HomeByUserDatabase();
  if (home.starts_with('/')) host.home = base::CanonicalPrefix(*host.files, home);
  if (char* current = ::getcwd(nullptr, 0); current != nullptr) {
    host.current_dir = current;
    std::free(current);
  }
  return host;
}

absl::StatusOr<Plan> MakePlan(const SandboxConfig& config, bool network_denied, const HostFacts& host) {
  return Planner(config, host).Run(network_denied);
}

}  // namespace leash::core
