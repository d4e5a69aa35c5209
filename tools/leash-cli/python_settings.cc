#include "python_settings.h"

#include <optional>
#include <utility>
#include <vector>

#include "base/text.h"
#include "fmt/format.h"
#include "nlohmann/json.hpp"

namespace leash::cli {
namespace {

// What is there already, as far as it can be told without making anything.
struct Found {
  bool made = false;  // the environment
  absl::StatusOr<PythonInterpreter> interpreter;
};

Found Find(const PythonLayer& python, const VenvConfig& venv) {
  const bool made = WantsVenv(python) && VenvManager::Open(venv.path).ok();
  if (!made) return {false, FindPython({.interpreter = python.interpreter, .venv = std::nullopt})};
  return {true, FindPython({.interpreter = std::nullopt,
                            .venv = venv.path,
                            .allow_pip_install = python.allow_pip_install.value_or(false)})};
}

std::string MessageOf(const absl::Status& status) { return {status.message().data(), status.message().size()}; }

std::string_view NameOf(VenvBackend backend) {
  switch (backend) {
    case VenvBackend::kAuto:
      return "auto";
    case VenvBackend::kUv:
      return "uv";
    case VenvBackend::kVenv:
      return "venv";
  }
  return "";
}

std::string List(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += fmt::format("{}{}", text.empty() ? "" : ", ", base::Printable(word));
  return text;
}

std::string InterpreterText(const absl::StatusOr<PythonInterpreter>& found) {
  if (!found.ok()) return fmt::format("  interpreter  none: {}\n", base::Printable(MessageOf(found.status())));
  std::string text = fmt::format("  interpreter  {}\n", base::Printable(found->path));
  if (found->base != found->path) text += fmt::format("  leads to     {}\n", base::Printable(found->base));
  if (!found->prefix.empty()) {
    text += fmt::format("  belongs to   {} ({})\n", base::Printable(found->prefix), base::Printable(found->version));
  }
  return text;
}

std::string InstallText(const VenvConfig& venv) {
  if (venv.packages.empty() && venv.requirements.empty()) return "";
  std::string text;
  if (!venv.packages.empty()) text += fmt::format("  packages     {}\n", List(venv.packages));
  if (!venv.requirements.empty()) text += fmt::format("  requirements {}\n", List(venv.requirements));
  text += fmt::format("  come from    {}\n", venv.no_index             ? "no index"
                                             : venv.index_urls.empty() ? "PyPI"
                                                                       : List(venv.index_urls));
  if (!venv.package_hosts.empty()) text += fmt::format("  and hosts    {}\n", List(venv.package_hosts));
  if (!venv.find_links.empty()) text += fmt::format("  directories  {}\n", List(venv.find_links));
  text += venv.allow_sdist.has_value() ? "  weakened     code of packages runs while they are built and installed\n"
                                       : "  kinds        wheels only\n";
  return text;
}

}  // namespace

bool WantsVenv(const PythonLayer& python) {
  return python.venv.has_value() || !python.packages.empty() || !python.requirements.empty() ||
         python.allow_pip_install.value_or(false);
}

bool SpeaksOfPython(const PythonLayer& python) { return python != PythonLayer(); }

VenvConfig VenvOf(const Settings& settings) {
  const PythonLayer& python = settings.python;
  VenvConfig venv;
  if (python.venv.has_value()) venv.path = *python.venv;
  venv.interpreter = python.interpreter;
  venv.packages = python.packages;
  venv.requirements = python.requirements;
  venv.system_site_packages = python.system_site_packages.value_or(false);
  if (python.use_uv.has_value()) venv.backend = *python.use_uv ? VenvBackend::kUv : VenvBackend::kVenv;
  venv.index_urls = python.index_urls;
  venv.package_hosts = python.package_hosts;
  venv.find_links = python.find_links;
  venv.no_index = python.no_index.value_or(false);
  if (python.allow_sdist.value_or(false)) venv.allow_sdist = unsafe::AllowSdist();
  venv.allow_addresses = settings.config.allow_addresses;
  venv.name_servers = settings.config.name_servers;
  venv.upstream_proxy = settings.config.upstream_proxy;
  venv.namespaces = settings.config.namespaces;
  venv.accept_degraded_kernel = settings.config.accept_degraded_kernel;
  return venv;
}

std::string PythonText(const Settings& settings) {
  const VenvConfig venv = VenvOf(settings);
  const Found found = Find(settings.python, venv);
  std::string text = "\npython: what 'leash python' has beside all this\n" + InterpreterText(found.interpreter);
  if (WantsVenv(settings.python)) {
    const bool writable = settings.python.allow_pip_install.value_or(false);
    text += fmt::format("  environment  {} ({}; {})\n", base::Printable(venv.path),
                        found.made ? "it is there" : "it is made first",
                        writable ? "weakened: programs may write it" : "programs read and run it");
    text += fmt::format("  made by      {}\n",
                        NameOf(venv.backend) == "auto" ? "uv if it is in PATH, else venv" : NameOf(venv.backend));
  }
  text += InstallText(venv);
  if (!found.interpreter.ok()) return text;
  for (const Grant& grant : found.interpreter->grants) {
    text += fmt::format("  {:<4} {}\n", FormatAccess(grant.access), base::Printable(grant.path));
  }
  for (const auto& [name, value] : found.interpreter->env) {
    text += fmt::format("  {}={}\n", name, base::Printable(value));
  }
  return text;
}

nlohmann::ordered_json PythonJson(const Settings& settings) {
  const VenvConfig venv = VenvOf(settings);
  const Found found = Find(settings.python, venv);
  nlohmann::ordered_json json;
  if (found.interpreter.ok()) {
    json["interpreter"] = found.interpreter->path;
    json["program"] = found.interpreter->base;
    json["prefix"] = found.interpreter->prefix;
    json["version"] = found.interpreter->version;
  } else {
    json["error"] = MessageOf(found.interpreter.status());
  }
  if (WantsVenv(settings.python)) {
    json["environment"] = {{"path", venv.path},
                           {"made", found.made},
                           {"writable", settings.python.allow_pip_install.value_or(false)},
                           {"backend", NameOf(venv.backend)},
                           {"system_site_packages", venv.system_site_packages}};
  }
  json["packages"] = venv.packages;
  json["requirements"] = venv.requirements;
  json["index_urls"] = venv.index_urls;
  json["package_hosts"] = venv.package_hosts;
  json["find_links"] = venv.find_links;
  json["no_index"] = venv.no_index;
  json["allow_sdist"] = venv.allow_sdist.has_value();
  json["paths"] = nlohmann::ordered_json::array();
  json["variables"] = nlohmann::ordered_json::object();
  if (!found.interpreter.ok()) return json;
  for (const Grant& grant : found.interpreter->grants) {
    json["paths"].push_back({{"path", grant.path}, {"access", FormatAccess(grant.access)}});
  }
  for (const auto& [name, value] : found.interpreter->env) json["variables"][name] = value;
  return json;
}

}  // namespace leash::cli
