#include "layer.h"

#include <algorithm>
#include <array>

#include "base/status.h"
#include "fmt/format.h"

namespace leash::cli {
namespace {

constexpr std::array kToggles = {
    Toggle{"protect-home", "no-protect-home", &SecurityConfig::protect_user_home, true, "close home directories"},
    Toggle{"protect-credentials", "no-protect-credentials", &SecurityConfig::protect_credentials, true,
           "close ssh and gpg keys, password stores, git and agent credentials"},
    Toggle{"protect-cloud-config", "no-protect-cloud-config", &SecurityConfig::protect_cloud_config, true,
           "close configuration of cloud, cluster and container tools"},
    Toggle{"protect-browser-data", "no-protect-browser-data", &SecurityConfig::protect_browser_data, true,
           "close browser profiles"},
    Toggle{"protect-keychain", "no-protect-keychain", &SecurityConfig::protect_keychain, true,
           "close the desktop's secret stores"},
    Toggle{"protect-shell-history", "no-protect-shell-history", &SecurityConfig::protect_shell_history, true,
           "close history files"},
    Toggle{"protect-package-credentials", "no-protect-package-credentials",
           &SecurityConfig::protect_package_credentials, true, "close credentials of package managers"},
    Toggle{"protect-project-files", "no-protect-project-files", &SecurityConfig::protect_project_files, true,
           "keep git hooks, shell, editor and agent settings in writable directories as they are"},
    Toggle{"allow-gpu", "no-allow-gpu", &SecurityConfig::allow_gpu, false, "open GPU devices"},
    Toggle{"allow-npu", "no-allow-npu", &SecurityConfig::allow_npu, false, "open NPU devices"},
    Toggle{"allow-hardware", "no-allow-hardware", &SecurityConfig::allow_hardware, false,
           "open USB, input, video and sound devices"},
    Toggle{"allow-tty", "no-allow-tty", &SecurityConfig::allow_tty_write, false,
           "stay in the caller's session and keep the controlling terminal"},
    Toggle{"allow-nested", "no-allow-nested", &SecurityConfig::allow_nested, false,
           "let programs make sandboxes of their own inside (bwrap, leash); leaves Landlock's file rules out"},
    Toggle{"allow-tcc-prompts", "no-allow-tcc-prompts", &SecurityConfig::allow_tcc_prompts, false,
           "macOS: leave guarded folders to its consent dialog"},
};

template <typename T>
std::optional<T> Later(const std::optional<T>& first, const std::optional<T>& second) {
  return second.has_value() ? second : first;
}

template <typename T>
std::vector<T> Joined(const std::vector<T>& first, const std::vector<T>& second) {
  std::vector<T> result = first;
  result.insert(result.end(), second.begin(), second.end());
  return result;
}

ResourceLimits JoinedLimits(const ResourceLimits& file, const ResourceLimits& line) {
  return {.memory_bytes = Later(file.memory_bytes, line.memory_bytes),
          .cpu_time = Later(file.cpu_time, line.cpu_time),
          .wall_time = Later(file.wall_time, line.wall_time),
          .file_size_bytes = Later(file.file_size_bytes, line.file_size_bytes),
          .open_files = Later(file.open_files, line.open_files),
          .processes = Later(file.processes, line.processes)};
}

PythonLayer JoinedPython(const PythonLayer& file, const PythonLayer& line) {
  return {.venv = Later(file.venv, line.venv),
          .interpreter = Later(file.interpreter, line.interpreter),
          .packages = Joined(file.packages, line.packages),
          .requirements = Joined(file.requirements, line.requirements),
          .system_site_packages = Later(file.system_site_packages, line.system_site_packages),
          .use_uv = Later(file.use_uv, line.use_uv),
          .allow_pip_install = Later(file.allow_pip_install, line.allow_pip_install),
          .allow_sdist = Later(file.allow_sdist, line.allow_sdist),
          // The first takes the place of PyPI, so those of the line are not to come second.
          .index_urls = line.index_urls.empty() ? file.index_urls : line.index_urls,
          .package_hosts = Joined(file.package_hosts, line.package_hosts),
          .find_links = Joined(file.find_links, line.find_links),
          .no_index = Later(file.no_index, line.no_index)};
}

// A flag that means nothing without a network; empty: none.
std::string_view FirstOfNetwork(const Layer& line) {
  if (!line.allow_addresses.empty()) return "--allow-address";
  if (!line.name_servers.empty()) return "--name-server";
  if (line.upstream_proxy.has_value()) return "--upstream-proxy";
  return line.resolve_locally.has_value() ? "--resolve-locally" : "";
}

// A domain that nothing will read is a misunderstanding, and so is an allow-list that allows nothing. A file's domains
// are dropped without a word when the line overrides the file's network: that is what overriding means.
absl::Status SetNetwork(const Layer& file, const Layer& line, Settings& settings) {
  settings.network = Later(file.network, line.network).value_or(NetworkMode::kDeny);
  // Packages have a network of their own to come by.
  const PythonLayer python = JoinedPython(file.python, line.python);
  const bool installs = !python.packages.empty() || !python.requirements.empty();
  if (settings.network != NetworkMode::kDeny || installs) {
    settings.config.allow_addresses = Joined(file.allow_addresses, line.allow_addresses);
    settings.config.name_servers = line.name_servers.empty() ? file.name_servers : line.name_servers;
    settings.config.upstream_proxy = Later(file.upstream_proxy, line.upstream_proxy).value_or("environment");
    settings.config.resolve_locally = Later(file.resolve_locally, line.resolve_locally).value_or(false);
  } else if (const std::string_view flag = FirstOfNetwork(line); !flag.empty()) {
    return base::Error(ErrorCode::kInvalidArgument, fmt::format("{} needs --network allow or allow-list", flag));
  }
  if (settings.network == NetworkMode::kAllowList) {
    settings.allow_domains = Joined(file.allow_domains, line.allow_domains);
    if (!settings.allow_domains.empty()) return absl::OkStatus();
    return base::Error(ErrorCode::kInvalidArgument, "--network allow-list needs at least one --allow-domain");
  }
  if (!line.allow_domains.empty()) {
    return base::Error(ErrorCode::kInvalidArgument, "--allow-domain needs --network allow-list");
  }
  return absl::OkStatus();
}

// Said twice is no error; but two that are to be free are two.
std::vector<PublishedPort> AllPorts(const Layer& file, const Layer& line) {
  std::vector<PublishedPort> ports;
  for (const PublishedPort& port : Joined(file.listen, line.listen)) {
    const bool known = std::find(ports.begin(), ports.end(), port) != ports.end();
    if (!known || port.host_port == 0) ports.push_back(port);
  }
  return ports;
}

}  // namespace

std::optional<NetworkMode> ParseNetworkMode(std::string_view name) {
  if (name == "deny") return NetworkMode::kDeny;
  if (name == "allow") return NetworkMode::kAllow;
  if (name == "allow-list") return NetworkMode::kAllowList;
  return std::nullopt;
}

std::span<const Toggle> Toggles() { return kToggles; }

absl::StatusOr<Settings> Combine(const Layer& file, const Layer& line, const std::string& current_dir) {
  Settings settings;
  LEASH_RETURN_IF_ERROR(SetNetwork(file, line, settings));
  SandboxConfig& config = settings.config;
  config.isolation = Later(file.isolation, line.isolation).value_or(Isolation::kDefault);
  config.namespaces = Later(file.namespaces, line.namespaces).value_or(Namespaces::kAuto);
  config.security =
      config.isolation == Isolation::kPermissive ? SecurityConfig::Permissive() : SecurityConfig::Strict();
  for (const auto& [toggle, on] : Joined(file.security, line.security)) config.security.*(toggle->field) = on;
  config.listen = AllPorts(file, line);
  config.grants = Joined(file.grants, line.grants);
  config.denied = Joined(file.denied, line.denied);
  config.limits = JoinedLimits(file.limits, line.limits);
  config.best_effort_limits = Later(file.best_effort_limits, line.best_effort_limits).value_or(false);
  config.working_dir = Later(file.working_dir, line.working_dir);
  config.keep_scratch = Later(file.keep, line.keep).value_or(false);
  config.env_passthrough = Joined(file.env_passthrough, line.env_passthrough);
  config.env = Joined(file.env, line.env);
  config.accept_degraded_kernel = file.accept_degraded_kernel || line.accept_degraded_kernel;
  settings.report = Later(file.report, line.report).value_or(false);
  settings.report_file = Later(file.report_file, line.report_file);
  settings.audit_log = Later(file.audit_log, line.audit_log);
  settings.python = JoinedPython(file.python, line.python);
  config.report_violations = settings.report || settings.report_file.has_value();
  const bool stands_elsewhere = config.isolation == Isolation::kStrict || config.working_dir.has_value();
  if (!stands_elsewhere) config.start_dir = current_dir;
  return settings;
}

}  // namespace leash::cli
