// Python that just works in a sandbox: finding an interpreter and what it needs, and virtual environments.
//
//   auto venv = leash::VenvManager::Create({.path = "/tmp/my-venv", .packages = {"requests", "numpy"}});
//   auto config = leash::SandboxConfig::Builder().Python(venv->Python()).Build();
//   auto sandbox = leash::CreateSandbox(config);
//   auto output = sandbox->RunPython("import sys; print(sys.version)");
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "leash/config.h"
#include "leash/isolation.h"
#include "leash/python_config.h"
#include "leash/unsafe/sdist.h"

namespace leash {

// An interpreter of this machine, and what a sandbox needs for it to run.
struct PythonInterpreter {
  std::string path;                 // absolute; what is started. In a virtual environment its bin/python, unresolved:
                                    // that is how Python knows where it belongs
  std::string base;                 // the program itself, canonical
  std::string prefix;               // the installation that the program belongs to, canonical: sys.base_prefix
  std::string version;              // "3.11": that of its standard library
  std::optional<std::string> venv;  // canonical
  std::vector<Grant> grants;        // none for what every tier can read
  // VIRTUAL_ENV, PATH, PYTHONDONTWRITEBYTECODE and where certificates are.
  std::vector<std::pair<std::string, std::string>> env;
};

// Finds it by looking, without running anything: in PATH, through symbolic links, the shims of pyenv (whose version it
// reads as pyenv does: PYENV_VERSION, .python-version, the global one) and the pyvenv.cfg of virtual environments.
//
// Not covered: shims of other version managers, and a pyenv version that names a plugin's own scheme. Name the
// interpreter by its path then. Reads the process's environment.
//
// Errors: kProgramNotFound (no such interpreter, or a shim that leads to none), kPathNotFound (`venv` is no virtual
// environment, or the interpreter it was made with is gone), kProgramNotExecutable (no ELF file; for an environment
// also: one that is not called as interpreters are), kInvalidArgument (an environment that holds the home directory, or
// one to be written that is named by a symbolic link).
absl::StatusOr<PythonInterpreter> FindPython(const PythonConfig& config);

// `config` with what the interpreter needs: its grants, and its variables, which those of `config` beat.
// Sandbox::Create() does this for SandboxConfig::python; Explain() is given the result.
SandboxConfig WithPython(SandboxConfig config, const PythonInterpreter& interpreter);

enum class VenvBackend {
  kAuto,  // uv if it is in PATH, else venv
  kUv,
  kVenv,  // the venv module of the interpreter, and the pip that it brings along
};

// What a virtual environment is to be, and how packages come into it. Plain data.
struct VenvConfig {
  // Relative to the process's current directory. Its parent must exist. Never a symbolic link: a repository could bring
  // one along that leads to another environment.
  std::string path = ".leash-venv";
  // The interpreter to make it with, as PythonConfig::interpreter. Has no effect on an environment that is there.
  std::optional<std::string> interpreter;
  // Requirements: "requests", "numpy>=2,<3". A URL or a requirement with one needs `allow_sdist`, and its host
  // `package_hosts`. Not a path: the sandbox that installs sees none of the caller's.
  std::vector<std::string> packages;
  // Files of requirements. One that includes another does not find it: name both.
  std::vector<std::string> requirements;
  bool system_site_packages = false;
  VenvBackend backend = VenvBackend::kAuto;
  // Package indexes: the first takes the place of PyPI, the others come beside it. http and https.
  std::vector<std::string> index_urls;
  // Hosts beside those of `index_urls` that files are fetched from, as AllowList patterns. PyPI's own is known.
  std::vector<std::string> package_hosts;
  // Directories with files of packages. Relative to the process's current directory.
  std::vector<std::string> find_links;
  // Ask no index: `find_links` has everything. There is no network then.
  bool no_index = false;
  // Build packages that have no wheel. Unset: only wheels are installed, and none of what is being installed runs. What
  // the environment has already is another matter: Python runs *.pth files of installed packages when it starts, so
  // they run in that sandbox too.
  std::optional<unsafe::AllowSdist> allow_sdist;
  // How leash reaches the index: as in SandboxConfig.
  std::vector<std::string> allow_addresses;
  std::vector<std::string> name_servers;
  std::string upstream_proxy = "environment";
  leash::Namespaces namespaces = leash::Namespaces::kAuto;
  bool accept_degraded_kernel = false;
  // Of each program that is run: uv, pip.
  absl::Duration timeout = absl::Minutes(30);
  // A descriptor of the caller's that what uv and pip say goes to as it comes. -1: it is collected, and the end of it
  // is in the error if there is one.
  int progress_fd = -1;
};

// A virtual environment. Everything that makes or changes one runs in a sandbox of its own: it writes that directory
// alone, reads the system and the interpreter, has none of the caller's variables but those of the locale, and reaches
// the hosts of the index alone.
//
// A value. Two processes may call Create() for one path at once: the second waits for the first.
class VenvManager {
 public:
  // Makes the environment unless it is there, and then installs what is missing of `packages` and `requirements`. One
  // that could not be made is removed again.
  // Errors: kProgramNotFound (no interpreter, or VenvBackend::kUv without uv), kPathNotFound (the parent, a file of
  // requirements), kInvalidArgument (a requirement or URL that cannot be one, something else at `path`), kTimeout, kIo
  // (uv, venv or pip failed; the message ends with what they said), and those of Sandbox::Create().
  static absl::StatusOr<VenvManager> Create(const VenvConfig& config);

  // One that is there. `config` says how packages are installed later; its `path`, `packages` and `requirements` are
  // not looked at.
  // Errors: kPathNotFound.
  static absl::StatusOr<VenvManager> Open(const std::string& path, VenvConfig config = {});

  // Installs what is missing of them. Blocks. Nothing is started when all are there: a requirement that is a name alone
  // is there with any version, one with "==" with that version.
  absl::Status Install(const std::vector<std::string>& packages, const std::vector<std::string>& requirements = {});

  // Absolute and canonical.
  const std::string& path() const { return config_.path; }
  std::string python_path() const { return config_.path + "/bin/python"; }
  // lib/python3.11/site-packages in it.
  const std::string& site_packages_path() const { return site_packages_; }
  // For SandboxConfig::python.
  PythonConfig Python() const { return {.interpreter = std::nullopt, .venv = config_.path}; }

 private:
  VenvManager(VenvConfig config, std::string site_packages)
      : config_(std::move(config)), site_packages_(std::move(site_packages)) {}

  VenvConfig config_;  // with `path` made canonical
  std::string site_packages_;
};

}  // namespace leash
