// What one source (a configuration file, the command line) says about the sandbox, and how two are put together.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "leash/config.h"

namespace leash::cli {

enum class NetworkMode { kDeny, kAllow, kAllowList };
std::optional<NetworkMode> ParseNetworkMode(std::string_view name);

// A switch of SecurityConfig, under the name that flags and files use.
struct Toggle {
  std::string_view name;      // "protect-home"
  std::string_view negative;  // "no-protect-home"
  bool SecurityConfig::*field;
  bool protects;  // true: on is the tighter state
  std::string_view help;
};
std::span<const Toggle> Toggles();

// The section [python], and the options of `python`. Settings of VenvConfig, under the names of flags and files.
struct PythonLayer {
  std::optional<std::string> venv;
  std::optional<std::string> interpreter;
  std::vector<std::string> packages;
  std::vector<std::string> requirements;
  std::optional<bool> system_site_packages;
  std::optional<bool> use_uv;
  std::optional<bool> allow_pip_install;
  std::optional<bool> allow_sdist;
  std::vector<std::string> index_urls;
  std::vector<std::string> package_hosts;
  std::vector<std::string> find_links;
  std::optional<bool> no_index;

  bool operator==(const PythonLayer&) const = default;
};

// Unset and empty mean: not said here. Nothing has a default that could be taken for a choice.
struct Layer {
  std::optional<Isolation> isolation;
  std::optional<Namespaces> namespaces;
  std::optional<NetworkMode> network;
  std::vector<std::string> allow_domains;
  std::vector<std::string> allow_addresses;
  std::vector<std::string> name_servers;
  std::optional<std::string> upstream_proxy;
  std::optional<bool> resolve_locally;
  std::vector<PublishedPort> listen;
  std::vector<std::pair<const Toggle*, bool>> security;  // a later entry beats an earlier one
  std::vector<Grant> grants;
  std::vector<std::string> denied;
  ResourceLimits limits;
  std::optional<bool> best_effort_limits;
  std::optional<std::string> working_dir;
  std::optional<bool> keep;
  std::vector<std::string> env_passthrough;
  std::vector<std::pair<std::string, std::string>> env;
  bool accept_degraded_kernel = false;
  std::optional<bool> report;
  std::optional<std::string> report_file;
  std::optional<std::string> audit_log;
  PythonLayer python;
};

struct Settings {
  SandboxConfig config;
  NetworkMode network = NetworkMode::kDeny;
  std::vector<std::string> allow_domains;
  bool report = false;  // on stderr
  std::optional<std::string> report_file;
  std::optional<std::string> audit_log;
  PythonLayer python;  // of both layers
};

// Preset of the tier, then `file`, then `line`: single values of `line` win, lists are joined with the file's first.
// `current_dir` becomes the start directory, except in the strict tier and where a working directory is named.
// Errors: domains without an allow-list, an allow-list without domains, addresses, name servers or a proxy without a
// network.
absl::StatusOr<Settings> Combine(const Layer& file, const Layer& line, const std::string& current_dir);

}  // namespace leash::cli
