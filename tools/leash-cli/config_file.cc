// The one file that includes toml++. It is used without exceptions: a parse gives a table or an error.
#include "config_file.h"

#include <array>
#include <optional>
#include <span>
#include <utility>

#include "base/status.h"
#include "base/text.h"
#include "fmt/format.h"
#include "leash/isolation.h"
#include "path_expansion.h"
#include "values.h"

#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#include "toml++/toml.h"

namespace leash::cli {
namespace {

std::string_view TypeName(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "an integer";
    case toml::node_type::floating_point:
      return "a number with a fraction";
    case toml::node_type::boolean:
      return "a boolean";
    case toml::node_type::array:
      return "an array";
    case toml::node_type::table:
      return "a table";
    default:
      return "a date or time";
  }
}

std::string_view TextOf(const absl::Status& status) { return {status.message().data(), status.message().size()}; }

// Fills one ConfigFile. Each Read function takes the value of one key, `key` being its dotted name.
class Reader {
 public:
  Reader(ConfigFile& file, const base::Environment& environment) : file_(file), environment_(environment) {}

  absl::Status ReadRoot(const toml::table& root) {
    static constexpr std::array kRows = {
        Row{"isolation", &Reader::ReadIsolation},
        Row{"namespaces", &Reader::ReadNamespaces},
        Row{"network", &Reader::ReadNetwork},
        Row{"allow-domains", &Reader::ReadDomains},
        Row{"allow-addresses", &Reader::ReadAddresses},
        Row{"name-servers", &Reader::ReadNameServers},
        Row{"upstream-proxy", &Reader::ReadUpstreamProxy},
        Row{"resolve-locally", &Reader::ReadResolveLocally},
        Row{"listen", &Reader::ReadListen},
        Row{"audit-log", &Reader::ReadAuditLog},
        Row{"security", &Reader::ReadSecurity},
        Row{"paths", &Reader::ReadPaths},
        Row{"limits", &Reader::ReadLimits},
        Row{"workdir", &Reader::ReadWorkdir},
        Row{"env", &Reader::ReadEnv},
        Row{"report", &Reader::ReadReport},
        Row{"python", &Reader::ReadPython},
    };
    LEASH_RETURN_IF_ERROR(ReadRows(root, "", kRows));
    const Layer& layer = file_.layer;
    if (!layer.allow_domains.empty() && layer.network != NetworkMode::kAllowList) {
      return file_.ErrorAt(file_.lines["allow-domains"], "allow-domains needs network = \"allow-list\"");
    }
    const bool installs = !layer.python.packages.empty() || !layer.python.requirements.empty();
    if (installs || layer.network.value_or(NetworkMode::kDeny) != NetworkMode::kDeny) return absl::OkStatus();
    for (const auto& [key, used] : {std::pair{"allow-addresses", !layer.allow_addresses.empty()},
                                    std::pair{"name-servers", !layer.name_servers.empty()},
                                    std::pair{"upstream-proxy", layer.upstream_proxy.has_value()},
                                    std::pair{"resolve-locally", layer.resolve_locally.has_value()}}) {
      if (used) {
        return file_.ErrorAt(file_.lines[key], fmt::format("{} needs network = \"allow\" or \"allow-list\"", key));
      }
    }
    return absl::OkStatus();
  }

 private:
  using Read = absl::Status (Reader::*)(const toml::node& value, const std::string& key);
  struct Row {
    std::string_view name;
    Read read;
  };

  static std::uint32_t LineOf(const toml::node& node) { return node.source().begin.line; }

  absl::Status Error(const toml::node& node, const std::string& key, std::string_view problem) const {
    return file_.ErrorAt(LineOf(node), fmt::format("{}: {}", base::Printable(key), problem));
  }
  absl::Status WrongType(const toml::node& node, const std::string& key, std::string_view expected) const {
    return file_.ErrorAt(LineOf(node),
                         fmt::format("{} must be {}, not {}", base::Printable(key), expected, TypeName(node)));
  }

  // The prefix is that of a table's keys: "" or "paths.".
  absl::Status UnknownKey(const toml::key& key, std::string_view prefix,
                          std::span<const std::string_view> known) const {
    std::string message = fmt::format("unknown key '{}{}'", prefix, base::Printable(key.str()));
    const std::string_view nearest = base::Nearest(key.str(), known);
    if (!nearest.empty()) message += fmt::format("; did you mean '{}{}'?", prefix, nearest);
    return file_.ErrorAt(key.source().begin.line, message);
  }

  absl::Status ReadRows(const toml::table& table, std::string_view prefix, std::span<const Row> rows) {
    for (const auto& [key, value] : table) {
      const Row* found = nullptr;
      std::vector<std::string_view> names;
      for (const Row& row : rows) {
        names.push_back(row.name);
        if (key.str() == row.name) found = &row;
      }
      if (found == nullptr) return UnknownKey(key, prefix, names);
      const std::string dotted = fmt::format("{}{}", prefix, key.str());
      file_.lines[dotted] = key.source().begin.line;
      LEASH_RETURN_IF_ERROR((this->*found->read)(value, dotted));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> String(const toml::node& node, const std::string& key) const {
    const auto* text = node.as_string();
    if (text == nullptr) return WrongType(node, key, "a string");
    if (text->get().find('\0') != std::string::npos) return Error(node, key, "the text has a NUL byte in it");
    return text->get();
  }

  absl::StatusOr<bool> Boolean(const toml::node& node, const std::string& key) const {
    const auto* value = node.as_boolean();
    if (value == nullptr) return WrongType(node, key, "true or false");
    return value->get();
  }

  absl::StatusOr<const toml::table*> Table(const toml::node& node, const std::string& key) const {
    if (node.as_table() == nullptr) return WrongType(node, key, "a table");
    return node.as_table();
  }

  // Calls `each` with every element of an array of strings.
  template <typename Each>
  absl::Status Strings(const toml::node& node, const std::string& key, Each each) const {
    const toml::array* array = node.as_array();
    if (array == nullptr) return WrongType(node, key, "an array of strings");
    for (const toml::node& element : *array) {
      if (!element.is_string()) return WrongType(element, key, "an array of strings");
      LEASH_ASSIGN_OR_RETURN(const std::string text, String(element, key));
      if (absl::Status status = each(text, element); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> Path(std::string_view text, const toml::node& node, const std::string& key) const {
    absl::StatusOr<std::string> path = ExpandPath(text, file_.directory, environment_);
    if (!path.ok()) return Error(node, key, TextOf(path.status()));
    return path;
  }

  void AddGrant(Grant grant, const toml::node& node, const std::string& key) {
    file_.layer.grants.push_back(std::move(grant));
    file_.grant_origins.push_back({key, LineOf(node)});
  }

  absl::Status ReadIsolation(const toml::node& node, const std::string& key) {
    LEASH_ASSIGN_OR_RETURN(const std::string name, String(node, key));
    file_.layer.isolation = ParseIsolation(name);
    if (file_.layer.isolation.has_value()) return absl::OkStatus();
    return Error(node, key,
                 fmt::format("'{}' is not \"strict\", \"default\" or \"permissive\"", base::Printable(name)));
  }

  absl::Status ReadNamespaces(const toml::node& node, const std::string& key) {
    LEASH_ASSIGN_OR_RETURN(const std::string name, String(node, key));
    file_.layer.namespaces = ParseNamespaces(name);
    if (file_.layer.namespaces.has_value()) return absl::OkStatus();
    return Error(node, key, fmt::format("'{}' is not \"auto\", \"require\" or \"off\"", base::Printable(name)));
  }

  absl::Status ReadNetwork(const toml::node& node, const std::string& key) {
    LEASH_ASSIGN_OR_RETURN(const std::string name, String(node, key));
    file_.layer.network = ParseNetworkMode(name);
    if (file_.layer.network.has_value()) return absl::OkStatus();
    return Error(node, key, fmt::format("'{}' is not \"deny\", \"allow\" or \"allow-list\"", base::Printable(name)));
  }

  absl::Status ReadList(const toml::node& node, const std::string& key, std::vector<std::string>& list) {
    return Strings(node, key, [&](const std::string& text, const toml::node&) {
      list.push_back(text);
      return absl::OkStatus();
    });
  }
  absl::Status ReadDomains(const toml::node& node, const std::string& key) {
    return ReadList(node, key, file_.layer.allow_domains);
  }

  absl::Status ReadAddresses(const toml::node& node, const std::string& key) {
    return ReadList(node, key, file_.layer.allow_addresses);
  }
  absl::Status ReadNameServers(const toml::node& node, const std::string& key) {
    return ReadList(node, key, file_.layer.name_servers);
  }
  absl::Status ReadUpstreamProxy(const toml::node& node, const std::string& key) {
    LEASH_ASSIGN_OR_RETURN(file_.layer.upstream_proxy, String(node, key));
    return absl::OkStatus();
  }
  absl::Status ReadResolveLocally(const toml::node& node, const std::string& key) {
    LEASH_ASSIGN_OR_RETURN(file_.layer.resolve_locally, Boolean(node, key));
    return absl::OkStatus();
  }

  absl::Status ReadListen(const toml::node& node, const std::string& key) {
    return Strings(node, key, [&](const std::string& text, const toml::node& element) -> absl::Status {
      const absl::StatusOr<std::vector<PublishedPort>> ports = PublishedPort::Parse(text);
      if (!ports.ok()) return Error(element, key, TextOf(ports.status()));
      file_.layer.listen.insert(file_.layer.listen.end(), ports->begin(), ports->end());
      return absl::OkStatus();
    });
  }

  absl::Status ReadAuditLog(const toml::node& node, const std::string& key) {
    LEASH_ASSIGN_OR_RETURN(const std::string text, String(node, key));
    LEASH_ASSIGN_OR_RETURN(file_.layer.audit_log, Path(text, node, key));
    return absl::OkStatus();
  }

  absl::Status ReadSecurity(const toml::node& node, const std::string& key) {
    LEASH_ASSIGN_OR_RETURN(const toml::table* table, Table(node, key));
    for (const auto& [name, value] : *table) {
      const Toggle* found = nullptr;
      std::vector<std::string_view> names;
      for (const Toggle& toggle : Toggles()) {
        names.push_back(toggle.name);
        if (name.str() == toggle.name) found = &toggle;
      }
      if (found == nullptr) return UnknownKey(name, "security.", names);
      const std::string dotted = fmt::format("security.{}", name.str());
      file_.lines[dotted] = name.source().begin.line;
      LEASH_ASSIGN_OR_RETURN(const bool on, Boolean(value, dotted));
      file_.layer.security.emplace_back(found, on);
    }
    return absl::OkStatus();
  }

  absl::Status ReadPaths(const toml::node& node, const std::string& key) {
    static constexpr std::array kRows = {
        Row{"readable", &Reader::ReadReadable},
        Row{"writable", &Reader::ReadWritable},
        Row{"executable", &Reader::ReadExecutable},
        Row{"grants", &Reader::ReadGrants},
        Row{"deny", &Reader::ReadDeny},
    };
    LEASH_ASSIGN_OR_RETURN(const toml::table* table, Table(node, key));
    return ReadRows(*table, "paths.", kRows);
  }

  absl::Status ReadGranted(const toml::node& node, const std::string& key, Access access) {
    return Strings(node, key, [&](const std::string& text, const toml::node& element) -> absl::Status {
      LEASH_ASSIGN_OR_RETURN(std::string path, Path(text, element, key));
      AddGrant({std::move(path), access}, element, key);
      return absl::OkStatus();
    });
  }
  absl::Status ReadReadable(const toml::node& node, const std::string& key) {
    return ReadGranted(node, key, Access::kRead);
  }
  absl::Status ReadWritable(const toml::node& node, const std::string& key) {
    return ReadGranted(node, key, Access::kReadWrite);
  }
  absl::Status ReadExecutable(const toml::node& node, const std::string& key) {
    return ReadGranted(node, key, Access::kReadExecute);
  }

  absl::Status ReadGrants(const toml::node& node, const std::string& key) {
    return Strings(node, key, [&](const std::string& text, const toml::node& element) -> absl::Status {
      absl::StatusOr<Grant> grant = ParseGrant(text);
      if (!grant.ok()) return Error(element, key, TextOf(grant.status()));
      LEASH_ASSIGN_OR_RETURN(grant->path, Path(grant->path, element, key));
      AddGrant(*std::move(grant), element, key);
      return absl::OkStatus();
    });
  }

  absl::Status ReadDeny(const toml::node& node, const std::string& key) {
    return Strings(node, key, [&](const std::string& text, const toml::node& element) -> absl::Status {
      LEASH_ASSIGN_OR_RETURN(std::string path, Path(text, element, key));
      file_.layer.denied.push_back(std::move(path));
      return absl::OkStatus();
    });
  }

  absl::Status ReadLimits(const toml::node& node, const std::string& key) {
    static constexpr std::array kRows = {
        Row{"max-memory", &Reader::ReadMaxMemory},
        Row{"max-cpu-time", &Reader::ReadMaxCpuTime},
        Row{"timeout", &Reader::ReadTimeout},
        Row{"max-file-size", &Reader::ReadMaxFileSize},
        Row{"max-processes", &Reader::ReadMaxProcesses},
        Row{"max-open-files", &Reader::ReadMaxOpenFiles},
        Row{"best-effort", &Reader::ReadBestEffort},
    };
    LEASH_ASSIGN_OR_RETURN(const toml::table* table, Table(node, key));
    return ReadRows(*table, "limits.", kRows);
  }

  // An integer, or (with `parse`) a string that it reads.
  using ParseNumber = absl::StatusOr<std::uint64_t> (*)(std::string_view);
  absl::Status Number(const toml::node& node, const std::string& key, ParseNumber parse,
                      std::optional<std::uint64_t>& target) const {
    if (const auto* integer = node.as_integer()) {
      if (integer->get() < 0) return Error(node, key, "must not be negative");
      target = static_cast<std::uint64_t>(integer->get());
      return absl::OkStatus();
    }
    if (parse == nullptr) return WrongType(node, key, "an integer");
    if (!node.is_string()) return WrongType(node, key, "an integer or a string such as \"512M\"");
    const absl::StatusOr<std::uint64_t> number = parse(node.as_string()->get());
    if (!number.ok()) return Error(node, key, TextOf(number.status()));
    target = *number;
    return absl::OkStatus();
  }

  absl::Status Time(const toml::node& node, const std::string& key, std::optional<absl::Duration>& target) const {
    std::string text;
    if (const auto* integer = node.as_integer()) {
      text = fmt::format("{}s", integer->get());
    } else if (const auto* number = node.as_floating_point()) {
      text = fmt::format("{:.9f}s", number->get());
    } else if (const auto* string = node.as_string()) {
      text = string->get();
    } else {
      return WrongType(node, key, "a number of seconds or a string such as \"1m30s\"");
    }
    const absl::StatusOr<absl::Duration> time = ParseTime(text);
    if (!time.ok()) return Error(node, key, TextOf(time.status()));
    target = *time;
    return absl::OkStatus();
  }

  absl::Status ReadMaxMemory(const toml::node& node, const std::string& key) {
    return Number(node, key, ParseSize, file_.layer.limits.memory_bytes);
  }
  absl::Status ReadMaxFileSize(const toml::node& node, const std::string& key) {
    return Number(node, key, ParseSize, file_.layer.limits.file_size_bytes);
  }
  absl::Status ReadMaxProcesses(const toml::node& node, const std::string& key) {
    return Number(node, key, nullptr, file_.layer.limits.processes);
  }
  absl::Status ReadMaxOpenFiles(const toml::node& node, const std::string& key) {
    return Number(node, key, nullptr, file_.layer.limits.open_files);
  }
  absl::Status ReadMaxCpuTime(const toml::node& node, const std::string& key) {
    return Time(node, key, file_.layer.limits.cpu_time);
  }
  absl::Status ReadTimeout(const toml::node& node, const std::string& key) {
    return Time(node, key, file_.layer.limits.wall_time);
  }

  absl::Status ReadBestEffort(const toml::node& node, const std::string& key) {
    LEASH_ASSIGN_OR_RETURN(file_.layer.best_effort_limits, Boolean(node, key));
    return absl::OkStatus();
  }

  absl::Status ReadReport(const toml::node& node, const std::string& key) {
    LEASH_ASSIGN_OR_RETURN(file_.layer.report, Boolean(node, key));
    return absl::OkStatus();
  }

  absl::Status ReadWorkdir(const toml::node& node, const std::string& key) {
    static constexpr std::array kRows = {Row{"path", &Reader::ReadWorkdirPath}, Row{"keep", &Reader::ReadKeep}};
    LEASH_ASSIGN_OR_RETURN(const toml::table* table, Table(node, key));
    return ReadRows(*table, "workdir.", kRows);
  }
  absl::Status ReadWorkdirPath(const toml::node& node, const std::string& key) {
    LEASH_ASSIGN_OR_RETURN(const std::string text, String(node, key));
    LEASH_ASSIGN_OR_RETURN(file_.layer.working_dir, Path(text, node, key));
    return absl::OkStatus();
  }
  absl::Status ReadKeep(const toml::node& node, const std::string& key) {
    LEASH_ASSIGN_OR_RETURN(file_.layer.keep, Boolean(node, key));
    return absl::OkStatus();
  }

  absl::Status ReadEnv(const toml::node& node, const std::string& key) {
    static constexpr std::array kRows = {Row{"passthrough", &Reader::ReadPassthrough}, Row{"set", &Reader::ReadEnvSet}};
    LEASH_ASSIGN_OR_RETURN(const toml::table* table, Table(node, key));
    return ReadRows(*table, "env.", kRows);
  }
  absl::Status NotAName(std::string_view name, std::uint32_t line, const std::string& key) const {
    return file_.ErrorAt(line, fmt::format("{}: '{}' cannot be the name of a variable", key, base::Printable(name)));
  }
  absl::Status ReadPassthrough(const toml::node& node, const std::string& key) {
    return Strings(node, key, [&](const std::string& name, const toml::node& element) {
      if (!base::IsEnvironmentName(name)) return NotAName(name, LineOf(element), key);
      file_.layer.env_passthrough.push_back(name);
      return absl::OkStatus();
    });
  }
  absl::Status ReadEnvSet(const toml::node& node, const std::string& key) {
    LEASH_ASSIGN_OR_RETURN(const toml::table* table, Table(node, key));
    for (const auto& [name, value] : *table) {
      if (!base::IsEnvironmentName(name.str())) return NotAName(name.str(), name.source().begin.line, key);
      LEASH_ASSIGN_OR_RETURN(std::string text, String(value, fmt::format("{}.{}", key, name.str())));
      file_.layer.env.emplace_back(std::string(name.str()), std::move(text));
    }
    return absl::OkStatus();
  }

  absl::Status ReadPython(const toml::node& node, const std::string& key) {
    static constexpr std::array kRows = {
        Row{"venv", &Reader::ReadVenv},
        Row{"interpreter", &Reader::ReadInterpreter},
        Row{"packages", &Reader::ReadPackages},
        Row{"requirements", &Reader::ReadRequirements},
        Row{"system-site-packages", &Reader::ReadPythonSwitch<&PythonLayer::system_site_packages>},
        Row{"use-uv", &Reader::ReadPythonSwitch<&PythonLayer::use_uv>},
        Row{"allow-pip-install", &Reader::ReadPythonSwitch<&PythonLayer::allow_pip_install>},
        Row{"allow-sdist", &Reader::ReadPythonSwitch<&PythonLayer::allow_sdist>},
        Row{"index-urls", &Reader::ReadIndexUrls},
        Row{"package-hosts", &Reader::ReadPackageHosts},
        Row{"find-links", &Reader::ReadFindLinks},
        Row{"no-index", &Reader::ReadPythonSwitch<&PythonLayer::no_index>},
    };
    LEASH_ASSIGN_OR_RETURN(const toml::table* table, Table(node, key));
    return ReadRows(*table, "python.", kRows);
  }
  template <std::optional<bool> PythonLayer::*field>
  absl::Status ReadPythonSwitch(const toml::node& node, const std::string& key) {
    LEASH_ASSIGN_OR_RETURN(file_.layer.python.*field, Boolean(node, key));
    return absl::OkStatus();
  }
  absl::Status ReadVenv(const toml::node& node, const std::string& key) {
    LEASH_ASSIGN_OR_RETURN(const std::string text, String(node, key));
    LEASH_ASSIGN_OR_RETURN(file_.layer.python.venv, Path(text, node, key));
    return absl::OkStatus();
  }
  // A name is looked up in PATH; anything else is a path.
  absl::Status ReadInterpreter(const toml::node& node, const std::string& key) {
    LEASH_ASSIGN_OR_RETURN(std::string text, String(node, key));
    if (text.find('/') != std::string::npos) {
      LEASH_ASSIGN_OR_RETURN(text, Path(text, node, key));
    }
    file_.layer.python.interpreter = std::move(text);
    return absl::OkStatus();
  }
  absl::Status ReadPackages(const toml::node& node, const std::string& key) {
    return ReadList(node, key, file_.layer.python.packages);
  }
  absl::Status ReadIndexUrls(const toml::node& node, const std::string& key) {
    return ReadList(node, key, file_.layer.python.index_urls);
  }
  absl::Status ReadPackageHosts(const toml::node& node, const std::string& key) {
    return ReadList(node, key, file_.layer.python.package_hosts);
  }
  absl::Status ReadPathList(const toml::node& node, const std::string& key, std::vector<std::string>& list) {
    return Strings(node, key, [&](const std::string& text, const toml::node& element) -> absl::Status {
      LEASH_ASSIGN_OR_RETURN(std::string path, Path(text, element, key));
      list.push_back(std::move(path));
      return absl::OkStatus();
    });
  }
  absl::Status ReadRequirements(const toml::node& node, const std::string& key) {
    return ReadPathList(node, key, file_.layer.python.requirements);
  }
  absl::Status ReadFindLinks(const toml::node& node, const std::string& key) {
    return ReadPathList(node, key, file_.layer.python.find_links);
  }

  ConfigFile& file_;
  const base::Environment& environment_;
};

}  // namespace

absl::Status ConfigFile::ErrorAt(std::uint32_t line, std::string_view message) const {
  return base::Error(ErrorCode::kConfigFile, fmt::format("{}:{}: {}", base::Printable(path), line, message));
}

absl::StatusOr<ConfigFile> ParseConfigFile(std::string_view text, std::string path, std::string directory,
                                           const base::Environment& environment) {
  ConfigFile file;
  file.path = std::move(path);
  file.directory = std::move(directory);
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    const toml::source_position& at = parsed.error().source().begin;
    return base::Error(ErrorCode::kConfigFile, fmt::format("{}:{}:{}: {}", base::Printable(file.path), at.line,
                                                           at.column, parsed.error().description()));
  }
  LEASH_RETURN_IF_ERROR(Reader(file, environment).ReadRoot(parsed.table()));
  return file;
}

}  // namespace leash::cli
