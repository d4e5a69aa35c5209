// FindPython() and WithPython(): from what was asked for to what a sandbox is given.
#include "python/find_python.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/file_system.h"
#include "base/path.h"
#include "base/status.h"
#include "base/text.h"
#include "core/backend.h"
#include "fmt/format.h"
#include "leash/python.h"
#include "python/files.h"
#include "python/installation.h"

namespace leash {
namespace python {
namespace {

// What tells OpenSSL, requests, curl and pip where certificates are. The caller's are handed on: in many companies
// nothing answers with another.
constexpr std::array<std::string_view, 5> kCertificateVariables = {"SSL_CERT_FILE", "SSL_CERT_DIR",
                                                                   "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT"};

// Where systems keep them. An interpreter that was built elsewhere looks in the place of its own system.
constexpr std::array<std::string_view, 4> kBundles = {"/etc/ssl/certs/ca-certificates.crt",
                                                      "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
                                                      "/etc/ssl/cert.pem"};

absl::Status NoVenv(const std::string& path) {
  return base::Error(ErrorCode::kPathNotFound,
                     fmt::format("{} is no virtual environment: it has no pyvenv.cfg", base::Printable(path)));
}

class Finder {
 public:
  explicit Finder(const Surroundings& around) : around_(around) {}

  absl::StatusOr<PythonInterpreter> Find(const PythonConfig& config) {
    if (config.venv.has_value() && config.interpreter.has_value()) {
      return base::Error(ErrorCode::kInvalidArgument,
                         "an interpreter and a virtual environment exclude each other: the environment has its own");
    }
    if (config.venv.has_value()) {
      LEASH_ASSIGN_OR_RETURN(found_.path, InterpreterOf(*config.venv, config.allow_pip_install));
    } else if (config.interpreter.has_value()) {
      LEASH_ASSIGN_OR_RETURN(found_.path, LocateInterpreter(*config.interpreter, around_));
    } else {
      LEASH_ASSIGN_OR_RETURN(found_.path, LocateAnyInterpreter(around_));
    }
    LEASH_RETURN_IF_ERROR(Resolve(config.allow_pip_install ? Access::kReadWriteExecute : Access::kReadExecute));
    AddVariables();
    return std::move(found_);
  }

 private:
  absl::StatusOr<std::string> InterpreterOf(const std::string& venv, bool writable) const {
    const std::string path = venv.starts_with('/') ? venv : base::JoinPath(around_.current_dir, venv);
    if (writable) LEASH_RETURN_IF_ERROR(CheckNoLink(path));
    const std::optional<std::string> root = base::HostFileSystem().Canonical(path);
    if (!root.has_value()) {
      return base::Error(ErrorCode::kPathNotFound,
                         fmt::format("virtual environment {} does not exist", base::Printable(path)));
    }
    if (!IsFile(base::JoinPath(*root, "pyvenv.cfg"))) return NoVenv(path);
    for (const std::string_view name : {"bin/python", "bin/python3"}) {
      std::string program = base::JoinPath(*root, name);
      if (IsProgram(program)) return program;
    }
    return base::Error(ErrorCode::kPathNotFound,
                       fmt::format("virtual environment {} has no interpreter any more: what bin/python leads to is "
                                   "gone; make it anew",
                                   base::Printable(path)));
  }

  // From found_.path to the rest of what is on the disk.
  absl::Status Resolve(Access venv_access) {
    const std::optional<std::string> program = base::HostFileSystem().Canonical(found_.path);
    if (!program.has_value()) {
      return base::Error(ErrorCode::kProgramNotFound,
                         fmt::format("interpreter {} does not exist", base::Printable(found_.path)));
    }
    found_.base = *program;
    if (const std::optional<std::string> root = VenvOf(found_.path)) {
      LEASH_RETURN_IF_ERROR(ResolveVenv(*root, venv_access));
    }
    if (!IsElf(found_.base)) return NoInterpreter();
    const Installation installation = InstallationOf(found_.base);
    found_.prefix = installation.prefix;
    found_.version = installation.version;
    // Links that are met on the way must be there inside as well.
    for (const std::string& link : LinkChain(found_.path)) AddLink(link);
    for (Grant& grant : GrantsFor(installation, around_.home)) Add(std::move(grant));
    return absl::OkStatus();
  }

  // The environment may be a stranger's, brought along by a repository: nothing but an interpreter may come of where
  // its files lead.
  absl::Status ResolveVenv(const std::string& root, Access access) {
    found_.venv = base::HostFileSystem().Canonical(root);
    if (!found_.venv.has_value()) return NoVenv(root);
    if (HoldsHome(*found_.venv, around_.home)) {
      return base::Error(ErrorCode::kInvalidArgument,
                         fmt::format("{} holds your home directory, which is not opened as a virtual environment",
                                     base::Printable(*found_.venv)));
    }
    found_.grants.push_back({*found_.venv, access});
    LEASH_RETURN_IF_ERROR(ResolveBase());
    return IsInterpreterName(found_.base) ? absl::OkStatus() : NoInterpreter();
  }

  absl::Status NoInterpreter() const {
    return base::Error(ErrorCode::kProgramNotExecutable,
                       fmt::format("{} leads to {}, which is no Python interpreter", base::Printable(found_.path),
                                   base::Printable(found_.base)));
  }

  // The interpreter that the environment was made with. bin/python is a link to it, or (venv --copies) a copy: then
  // only pyvenv.cfg knows.
  absl::Status ResolveBase() {
    const std::string cfg = base::JoinPath(*found_.venv, "pyvenv.cfg");
    const std::optional<std::string> text = ReadSmallFile(cfg);
    const std::optional<std::string> home = text.has_value() ? PyvenvValue(*text, "home") : std::nullopt;
    if (!home.has_value() || !home->starts_with('/')) {
      return base::Error(ErrorCode::kPathNotFound,
                         fmt::format("{} does not say where its interpreter is (home = ...)", base::Printable(cfg)));
    }
    const std::string own(std::string_view(found_.base).substr(found_.base.rfind('/') + 1));
    for (const std::string& name : {own, std::string("python3"), std::string("python")}) {
      const std::string program = base::JoinPath(*home, name);
      const std::optional<std::string> canonical = base::HostFileSystem().Canonical(program);
      if (!canonical.has_value() || !IsProgram(*canonical)) continue;
      if (base::IsAtOrBelow(found_.base, *found_.venv)) found_.base = *canonical;
      // A link that leads elsewhere than pyvenv.cfg says is believed: it is what is run.
      if (*canonical == found_.base) AddLink(program);
      return absl::OkStatus();
    }
    return base::Error(ErrorCode::kPathNotFound,
                       fmt::format("the interpreter that {} was made with is gone from {}; make it anew",
                                   base::Printable(*found_.venv), base::Printable(*home)));
  }

  void AddLink(const std::string& path) {
    const bool in_venv = found_.venv.has_value() && base::IsAtOrBelow(path, *found_.venv);
    if (!in_venv && !IsOpenInEveryTier(path, Access::kReadExecute)) Add({path, Access::kReadExecute});
  }

  void Add(Grant grant) {
    if (std::find(found_.grants.begin(), found_.grants.end(), grant) == found_.grants.end()) {
      found_.grants.push_back(std::move(grant));
    }
  }

  void AddVariables() {
    std::string search(core::HostBackend().Profile().search_path);
    const std::string directory(base::ParentOf(found_.path));
    const bool there = fmt::format(":{}:", search).find(fmt::format(":{}:", directory)) != std::string::npos;
    if (!there) search = fmt::format("{}:{}", directory, search);
    found_.env.emplace_back("PATH", std::move(search));
    if (found_.venv.has_value()) found_.env.emplace_back("VIRTUAL_ENV", *found_.venv);
    // What is read is seldom what may be written, and byte code beside a project's files is nobody's wish.
    found_.env.emplace_back("PYTHONDONTWRITEBYTECODE", "1");
    AddCertificates();
  }

  void AddCertificates() {
    bool told = false;
    for (const std::string_view name : kCertificateVariables) {
      const std::optional<std::string> path = around_.environment.Get(name);
      if (!path.has_value() || !path->starts_with('/')) continue;
      const std::optional<std::string> canonical = base::HostFileSystem().Canonical(*path);
      if (!canonical.has_value()) continue;
      if (name == "SSL_CERT_FILE" || name == "SSL_CERT_DIR") told = true;
      found_.env.emplace_back(name, *path);
      if (!IsOpenInEveryTier(*canonical, Access::kRead)) Add({*path, Access::kRead});
    }
    if (told || base::IsAtOrBelow(found_.base, "/usr")) return;
    const auto bundle =
        std::find_if(kBundles.begin(), kBundles.end(), [](std::string_view path) { return IsFile(std::string(path)); });
    if (bundle != kBundles.end()) found_.env.emplace_back("SSL_CERT_FILE", *bundle);
  }

  const Surroundings& around_;
  PythonInterpreter found_;
};

}  // namespace

absl::StatusOr<PythonInterpreter> FindPython(const PythonConfig& config, const Surroundings& around) {
  return Finder(around).Find(config);
}

}  // namespace python

absl::StatusOr<PythonInterpreter> FindPython(const PythonConfig& config) {
  return python::FindPython(config, python::Surroundings::OfProcess());
}

SandboxConfig WithPython(SandboxConfig config, const PythonInterpreter& interpreter) {
  // Before those of the configuration: of two grants on one path or two values of one variable, the later counts.
  config.grants.insert(config.grants.begin(), interpreter.grants.begin(), interpreter.grants.end());
  config.env.insert(config.env.begin(), interpreter.env.begin(), interpreter.env.end());
  return config;
}

}  // namespace leash
