#include "options.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <memory>
#include <optional>
#include <utility>

#include "base/environment.h"
#include "base/path.h"
#include "base/status.h"
#include "base/text.h"
#include "config_discovery.h"
#include "config_file.h"
#include "fmt/format.h"
#include "values.h"

namespace leash::cli {
namespace {

absl::Status OneOf(std::string_view value, std::string_view words) {
  return base::Error(ErrorCode::kInvalidArgument, fmt::format("'{}' is not one of {}", base::Printable(value), words));
}

template <typename T>
absl::Status Store(absl::StatusOr<T> value, std::optional<T>& target) {
  if (!value.ok()) return value.status();
  target = *std::move(value);
  return absl::OkStatus();
}

template <typename T>
absl::Status Append(absl::StatusOr<T> value, std::vector<T>& target) {
  if (!value.ok()) return value.status();
  target.push_back(*std::move(value));
  return absl::OkStatus();
}

absl::StatusOr<std::string> VariableName(const std::string& name) {
  if (base::IsEnvironmentName(name)) return name;
  return base::Error(ErrorCode::kInvalidArgument,
                     fmt::format("'{}' cannot be the name of a variable", base::Printable(name)));
}

absl::Status AddToggle(const Occurrence& flag, Layer& layer) {
  absl::StatusOr<bool> on = ParseBool(flag.value);
  if (!on.ok()) return on.status();
  layer.security.emplace_back(flag.option->toggle, *on);
  return absl::OkStatus();
}

absl::Status AddGrant(std::string path, Access access, Layer& layer) {
  layer.grants.push_back({std::move(path), access});
  return absl::OkStatus();
}

absl::Status AddPorts(std::string_view text, Layer& layer) {
  LEASH_ASSIGN_OR_RETURN(const std::vector<PublishedPort> ports, PublishedPort::Parse(text));
  layer.listen.insert(layer.listen.end(), ports.begin(), ports.end());
  return absl::OkStatus();
}

absl::Status ApplyPython(const Occurrence& flag, PythonLayer& python) {
  const std::string& value = flag.value;
  switch (flag.option->id) {
    case OptionId::kVenv:
      return Store<std::string>(value, python.venv);
    case OptionId::kPython:
      return Store<std::string>(value, python.interpreter);
    case OptionId::kPackage:
      return Append<std::string>(value, python.packages);
    case OptionId::kRequirements:
      return Append<std::string>(value, python.requirements);
    case OptionId::kSystemSitePackages:
      return Store(ParseBool(value), python.system_site_packages);
    case OptionId::kNoSystemSitePackages:
      return Store<bool>(false, python.system_site_packages);
    case OptionId::kUseUv:
      return Store(ParseBool(value), python.use_uv);
    case OptionId::kNoUseUv:
      return Store<bool>(false, python.use_uv);
    case OptionId::kAllowPipInstall:
      return Store(ParseBool(value), python.allow_pip_install);
    case OptionId::kNoAllowPipInstall:
      return Store<bool>(false, python.allow_pip_install);
    case OptionId::kAllowSdist:
      return Store(ParseBool(value), python.allow_sdist);
    case OptionId::kNoAllowSdist:
      return Store<bool>(false, python.allow_sdist);
    case OptionId::kIndexUrl:
      return Append<std::string>(value, python.index_urls);
    case OptionId::kPackageHost:
      return Append<std::string>(value, python.package_hosts);
    case OptionId::kFindLinks:
      return Append<std::string>(value, python.find_links);
    case OptionId::kNoIndex:
      return Store(ParseBool(value), python.no_index);
    default:
      return absl::OkStatus();
  }
}

absl::Status Apply(const Occurrence& flag, Layer& layer) {
  const std::string& value = flag.value;
  switch (flag.option->id) {
    case OptionId::kIsolation:
      layer.isolation = ParseIsolation(value);
      return layer.isolation.has_value() ? absl::OkStatus() : OneOf(value, "strict, default, permissive");
    case OptionId::kStrict:
      return Store<Isolation>(Isolation::kStrict, layer.isolation);
    case OptionId::kPermissive:
      return Store<Isolation>(Isolation::kPermissive, layer.isolation);
    case OptionId::kNamespaces:
      layer.namespaces = ParseNamespaces(value);
      return layer.namespaces.has_value() ? absl::OkStatus() : OneOf(value, "auto, require, off");
    case OptionId::kNetwork:
      layer.network = ParseNetworkMode(value);
      return layer.network.has_value() ? absl::OkStatus() : OneOf(value, "deny, allow, allow-list");
    case OptionId::kAllowDomain:
      return Append<std::string>(value, layer.allow_domains);
    case OptionId::kAllowAddress:
      return Append<std::string>(value, layer.allow_addresses);
    case OptionId::kNameServer:
      return Append<std::string>(value, layer.name_servers);
    case OptionId::kUpstreamProxy:
      return Store<std::string>(value, layer.upstream_proxy);
    case OptionId::kResolveLocally:
      return Store<bool>(true, layer.resolve_locally);
    case OptionId::kListen:
      return AddPorts(value, layer);
    case OptionId::kReadable:
      return AddGrant(value, Access::kRead, layer);
    case OptionId::kWritable:
      return AddGrant(value, Access::kReadWrite, layer);
    case OptionId::kExecutable:
      return AddGrant(value, Access::kReadExecute, layer);
    case OptionId::kGrant:
      return Append(ParseGrant(value), layer.grants);
    case OptionId::kDeny:
      return Append<std::string>(value, layer.denied);
    case OptionId::kToggle:
      return AddToggle(flag, layer);
    case OptionId::kNoToggle:
      return layer.security.emplace_back(flag.option->toggle, false), absl::OkStatus();
    case OptionId::kMaxMemory:
      return Store(ParseSize(value), layer.limits.memory_bytes);
    case OptionId::kMaxCpuTime:
      return Store(ParseTime(value), layer.limits.cpu_time);
    case OptionId::kMaxFileSize:
      return Store(ParseSize(value), layer.limits.file_size_bytes);
    case OptionId::kMaxProcesses:
      return Store(ParseCount(value), layer.limits.processes);
    case OptionId::kMaxOpenFiles:
      return Store(ParseCount(value), layer.limits.open_files);
    case OptionId::kTimeout:
      return Store(ParseTime(value), layer.limits.wall_time);
    case OptionId::kBestEffortLimits:
      return layer.best_effort_limits = true, absl::OkStatus();
    case OptionId::kWorkdir:
      return Store<std::string>(value, layer.working_dir);
    case OptionId::kKeep:
      return Store<bool>(true, layer.keep);
    case OptionId::kEnv:
      return Append(ParseAssignment(value), layer.env);
    case OptionId::kEnvPassthrough:
      return Append(VariableName(value), layer.env_passthrough);
    case OptionId::kAcceptDegraded:
      return layer.accept_degraded_kernel = true, absl::OkStatus();
    case OptionId::kReport:
      return Store<bool>(true, layer.report);
    case OptionId::kReportFile:
      return Store<std::string>(value, layer.report_file);
    case OptionId::kAuditLog:
      return Store<std::string>(value, layer.audit_log);
    default:
      return ApplyPython(flag, layer.python);
    case OptionId::kConfig:
    case OptionId::kNoConfig:
    case OptionId::kTty:
    case OptionId::kOnly:
    case OptionId::kList:
    case OptionId::kDirectory:
    case OptionId::kPlatform:
    case OptionId::kJson:
    case OptionId::kVerbose:
    case OptionId::kHelp:
    case OptionId::kVersion:
      break;  // not about the sandbox
  }
  return absl::OkStatus();
}

absl::StatusOr<ConfigFile> LoadNamed(const std::string& path, const std::string& current_dir) {
  LEASH_ASSIGN_OR_RETURN(const std::string text, ReadNamedFile(path));
  const std::string absolute = path.starts_with('/') ? path : base::JoinPath(current_dir, path);
  return ParseConfigFile(text, path, std::string(base::ParentOf(absolute)), base::Environment::OfProcess());
}

}  // namespace

absl::StatusOr<Layer> LayerOfFlags(const CommandLine& line) {
  Layer layer;
  for (const Occurrence& flag : line.options) {
    const absl::Status status = Apply(flag, layer);
    if (status.ok()) continue;
    const std::string_view message(status.message().data(), status.message().size());
    return base::Error(GetErrorCode(status), fmt::format("--{}: {}", flag.option->name, message));
  }
  return layer;
}

absl::StatusOr<Loaded> LoadSettings(const CommandLine& line) {
  LEASH_ASSIGN_OR_RETURN(const Layer flags, LayerOfFlags(line));
  LEASH_ASSIGN_OR_RETURN(const std::string current_dir, CurrentDirectory());
  Loaded loaded;
  const std::optional<std::string> named = line.Last(OptionId::kConfig);
  const bool no_config = line.Has(OptionId::kNoConfig);
  if (named.has_value() && no_config) {
    return base::Error(ErrorCode::kInvalidArgument, "--config and --no-config exclude each other");
  }
  if (named.has_value()) {
    LEASH_ASSIGN_OR_RETURN(const ConfigFile file, LoadNamed(*named, current_dir));
    LEASH_ASSIGN_OR_RETURN(loaded.settings, Combine(file.layer, flags, current_dir));
    loaded.config_path = file.path;
    return loaded;
  }
  std::optional<FoundFile> found;
  if (!no_config) {
    LEASH_ASSIGN_OR_RETURN(found, FindConfigFile(current_dir, ::geteuid()));
  }
  if (!found.has_value()) {
    LEASH_ASSIGN_OR_RETURN(loaded.settings, Combine(Layer(), flags, current_dir));
    return loaded;
  }
  LEASH_ASSIGN_OR_RETURN(const ConfigFile file,
                         ParseConfigFile(found->text, found->path, found->directory, base::Environment::OfProcess()));
  LEASH_ASSIGN_OR_RETURN(loaded.settings, Combine(file.layer, flags, current_dir));
  LEASH_RETURN_IF_ERROR(CheckFoundFile(file, loaded.settings));
  loaded.config_path = file.path;
  return loaded;
}

absl::StatusOr<std::string> CurrentDirectory() {
  const std::unique_ptr<char, decltype(&std::free)> path(::getcwd(nullptr, 0), &std::free);
  if (path == nullptr) return base::ErrnoError(ErrorCode::kIo, errno, "cannot tell the current directory");
  return std::string(path.get());
}

}  // namespace leash::cli
