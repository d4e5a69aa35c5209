// VenvManager: making virtual environments and installing into them, each step in a sandbox.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/file_system.h"
#include "base/path.h"
#include "base/remove_tree.h"
#include "base/status.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "fmt/format.h"
#include "leash/python.h"
#include "python/build_sandbox.h"
#include "python/files.h"
#include "python/find_python.h"
#include "python/interpreter_search.h"
#include "python/requirement.h"

namespace leash {
namespace python {
namespace {

absl::StatusOr<std::string> AbsolutePath(const std::string& path, const Surroundings& around, std::string_view what) {
  if (path.empty() || path.find('\0') != std::string::npos) {
    return base::Error(ErrorCode::kInvalidArgument, fmt::format("the path of {} is empty or has a NUL byte", what));
  }
  if (path.front() == '/') return path;
  if (!around.current_dir.empty()) return base::JoinPath(around.current_dir, path);
  return base::Error(ErrorCode::kIo,
                     fmt::format("{} is relative, and the current directory cannot be told", base::Printable(path)));
}

// lib/python3.11/site-packages; empty: there is none.
std::string SitePackagesIn(const std::string& venv) {
  for (const std::string_view lib : {"lib", "lib64"}) {
    const std::string directory = base::JoinPath(venv, lib);
    const auto entries = base::HostFileSystem().List(directory);
    if (!entries.ok()) continue;
    for (const base::DirectoryEntry& entry : *entries) {
      if (!entry.name.starts_with("python") && !entry.name.starts_with("pypy")) continue;
      std::string path = base::JoinPath(directory, entry.name + "/site-packages");
      if (IsDirectory(path)) return path;
    }
  }
  return "";
}

bool IsVenv(const std::string& path) {
  return IsFile(base::JoinPath(path, "pyvenv.cfg")) && IsProgram(base::JoinPath(path, "bin/python")) &&
         !SitePackagesIn(path).empty();
}

bool IsEmpty(const std::string& path) {
  const auto entries = base::HostFileSystem().List(path);
  return entries.ok() && entries->empty();
}

// The directory of the environment, held for this process alone as long as this object lives.
class VenvDirectory {
 public:
  // Makes it if need be.
  static absl::StatusOr<VenvDirectory> Hold(const std::string& path, bool make) {
    LEASH_RETURN_IF_ERROR(CheckNoLink(path));
    VenvDirectory held;
    held.made_ = make && ::mkdir(path.c_str(), 0755) == 0;
    if (make && !held.made_ && errno != EEXIST) {
      const ErrorCode code = errno == ENOENT ? ErrorCode::kPathNotFound : ErrorCode::kIo;
      return base::ErrnoError(code, errno, fmt::format("cannot make the directory {}", base::Printable(path)));
    }
    held.fd_.reset(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!held.fd_) {
      const ErrorCode code = errno == ENOTDIR ? ErrorCode::kInvalidArgument : ErrorCode::kPathNotFound;
      return base::ErrnoError(code, errno,
                              fmt::format("cannot open the virtual environment {}", base::Printable(path)));
    }
    while (::flock(held.fd_.get(), LOCK_EX) != 0) {
      if (errno != EINTR) {
        return base::ErrnoError(ErrorCode::kIo, errno, fmt::format("cannot lock {}", base::Printable(path)));
      }
    }
    const std::optional<std::string> canonical = base::HostFileSystem().Canonical(path);
    if (!canonical.has_value()) {
      return base::Error(ErrorCode::kPathNotFound, fmt::format("{} has gone", base::Printable(path)));
    }
    held.path_ = *canonical;
    return held;
  }

  const std::string& path() const { return path_; }
  // What a failed start has left behind.
  void TakeBack() const {
    base::RemoveContents(fd_.get(), path_).IgnoreError();
    if (made_) ::rmdir(path_.c_str());
  }

 private:
  base::UniqueFd fd_;
  std::string path_;
  bool made_ = false;
};

// Builds need a directory to execute things in: the private one is not for that. Inside the environment, which they may
// write anyway.
class BuildDirectory {
 public:
  static absl::StatusOr<std::unique_ptr<BuildDirectory>> Make(const std::string& venv) {
    std::string path = base::JoinPath(venv, ".leash-build-XXXXXX");
    if (::mkdtemp(path.data()) == nullptr) {
      return base::ErrnoError(ErrorCode::kIo, errno,
                              fmt::format("cannot make a directory in {}", base::Printable(venv)));
    }
    return std::unique_ptr<BuildDirectory>(new BuildDirectory(std::move(path)));
  }
  ~BuildDirectory() {
    // What is there may have been replaced by a link: it is not followed.
    const base::UniqueFd fd(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (fd) base::RemoveContents(fd.get(), path_).IgnoreError();
    if (::rmdir(path_.c_str()) != 0) ::unlink(path_.c_str());
  }
  BuildDirectory(const BuildDirectory&) = delete;
  BuildDirectory& operator=(const BuildDirectory&) = delete;
  const std::string& path() const { return path_; }

 private:
  explicit BuildDirectory(std::string path) : path_(std::move(path)) {}

  const std::string path_;
};

absl::StatusOr<std::optional<std::string>> Uv(const VenvConfig& config, const Surroundings& around) {
  std::optional<std::string> uv;
  if (config.backend != VenvBackend::kVenv) uv = LocateProgram("uv", around);
  if (uv.has_value() || config.backend != VenvBackend::kUv) return uv;
  return base::Error(ErrorCode::kProgramNotFound, "there is no uv in PATH");
}

// The programs that read them stand elsewhere, where no other directory on the way need exist.
absl::Status MakeAbsolute(std::vector<std::string>& paths, const Surroundings& around) {
  for (std::string& path : paths) {
    LEASH_ASSIGN_OR_RETURN(path, AbsolutePath(path, around, "a directory of packages"));
    path = base::HostFileSystem().Canonical(path).value_or(path);
  }
  return absl::OkStatus();
}

absl::Status CheckConfig(const VenvConfig& config) {
  for (const std::string& url : config.index_urls) {
    LEASH_RETURN_IF_ERROR(HostOfIndex(url).status());
    if (config.allow_sdist.has_value() && url.find('@') != std::string::npos) {
      return base::Error(ErrorCode::kInvalidArgument,
                         "an index with a password and packages that are built exclude each other: what is built "
                         "would see the password");
    }
  }
  return absl::OkStatus();
}

absl::Status MakeVenv(const VenvConfig& config, const Surroundings& around) {
  LEASH_ASSIGN_OR_RETURN(const std::optional<std::string> uv, Uv(config, around));
  LEASH_ASSIGN_OR_RETURN(const PythonInterpreter interpreter,
                         FindPython({.interpreter = config.interpreter, .venv = std::nullopt}, around));
  BuildTask task = {.config = &config,
                    .interpreter = &interpreter,
                    .uv = uv,
                    .programs = {},
                    .what = fmt::format("make the virtual environment {}", base::Printable(config.path))};
  if (uv.has_value()) {
    task.programs = {*uv, "venv", "--offline", "--python", interpreter.path};
  } else {
    task.programs = {interpreter.path, "-m", "venv"};
  }
  if (config.system_site_packages) task.programs.emplace_back("--system-site-packages");
  task.programs.push_back(config.path);
  return RunBuild(task);
}

void AddIndexArguments(const VenvConfig& config, bool uv, std::vector<std::string>& words) {
  if (!config.allow_sdist.has_value()) words.insert(words.end(), {"--only-binary", ":all:"});
  if (config.no_index) words.emplace_back("--no-index");
  const char* option = "--index-url";
  for (const std::string& url : config.index_urls) {
    words.insert(words.end(), {option, url});
    option = "--extra-index-url";
    // Without it, pip passes an http index over. uv does not.
    const absl::StatusOr<std::string> host = HostOfIndex(url);
    if (!uv && host.ok() && url.starts_with("http://")) words.insert(words.end(), {"--trusted-host", *host});
  }
  for (const std::string& directory : config.find_links) words.insert(words.end(), {"--find-links", directory});
}

// What of it is not there, with the lines of those files that need looking at.
struct Missing {
  std::vector<std::string> packages;
  std::vector<std::string> files;
};

absl::StatusOr<Missing> MissingOf(const std::vector<std::string>& packages, const std::vector<std::string>& files,
                                  const VenvConfig& config, const std::string& site_packages) {
  const bool elsewhere = config.allow_sdist.has_value();
  Missing missing;
  for (const std::string& package : packages) {
    LEASH_RETURN_IF_ERROR(CheckRequirement(package, elsewhere));
    if (!IsInstalled(package, site_packages)) missing.packages.push_back(package);
  }
  for (const std::string& path : files) {
    const std::optional<std::string> text = ReadSmallFile(path);
    if (!text.has_value()) {
      return base::Error(ErrorCode::kPathNotFound,
                         fmt::format("cannot read the requirements file {}", base::Printable(path)));
    }
    LEASH_ASSIGN_OR_RETURN(const std::vector<std::string> lines, RequirementsIn(*text, path, elsewhere));
    const bool all = std::all_of(lines.begin(), lines.end(),
                                 [&](const std::string& line) { return IsInstalled(line, site_packages); });
    // What was looked at is handed on, never the file: pip would split and decode its lines in ways of its own. An
    // empty comment comes first, so that nothing after it is taken for a byte order mark.
    if (!all) missing.files.push_back(fmt::format("#\n{}\n", fmt::join(lines, "\n")));
  }
  return missing;
}

// An environment that uv has made has no pip.
absl::Status EnsurePip(const VenvConfig& config, const PythonInterpreter& interpreter,
                       const std::string& site_packages) {
  if (IsDirectory(base::JoinPath(site_packages, "pip"))) return absl::OkStatus();
  return RunBuild({.config = &config,
                   .interpreter = &interpreter,
                   .uv = std::nullopt,
                   .programs = {interpreter.path, "-m", "ensurepip"},
                   .what = fmt::format("put pip into {}", base::Printable(config.path))});
}

absl::Status InstallInto(const VenvConfig& config, const Missing& missing, const std::string& site_packages,
                         const Surroundings& around) {
  if (missing.packages.empty() && missing.files.empty()) return absl::OkStatus();
  LEASH_RETURN_IF_ERROR(CheckConfig(config));
  LEASH_ASSIGN_OR_RETURN(const std::optional<std::string> uv, Uv(config, around));
  LEASH_ASSIGN_OR_RETURN(PythonInterpreter interpreter,
                         FindPython({.interpreter = std::nullopt, .venv = config.path}, around));
  if (!uv.has_value()) LEASH_RETURN_IF_ERROR(EnsurePip(config, interpreter, site_packages));
  BuildTask task = {.config = &config,
                    .interpreter = &interpreter,
                    .uv = uv,
                    .network = !config.no_index,
                    .programs = {},
                    .files = missing.files,
                    .what = fmt::format("install packages into {}", base::Printable(config.path))};
  if (uv.has_value()) {
    task.programs = {*uv, "pip", "install", "--python", interpreter.path};
  } else {
    task.programs = {interpreter.path, "-m", "pip", "install"};
  }
  AddIndexArguments(config, uv.has_value(), task.programs);
  for (std::size_t i = 0; i < missing.files.size(); ++i) {
    task.programs.insert(task.programs.end(), {"-r", fmt::format("{{scratch}}/{}", i)});
  }
  if (!missing.packages.empty()) task.programs.emplace_back("--");
  task.programs.insert(task.programs.end(), missing.packages.begin(), missing.packages.end());
  if (!config.allow_sdist.has_value()) return RunBuild(task);
  LEASH_ASSIGN_OR_RETURN(const std::unique_ptr<BuildDirectory> builds, BuildDirectory::Make(config.path));
  interpreter.env.emplace_back("TMPDIR", builds->path());
  interpreter.env.emplace_back("UV_CACHE_DIR", base::JoinPath(builds->path(), "uv"));  // has what builds are built with
  return RunBuild(task);
}

}  // namespace
}  // namespace python

absl::StatusOr<VenvManager> VenvManager::Create(const VenvConfig& config) {
  const python::Surroundings around = python::Surroundings::OfProcess();
  LEASH_ASSIGN_OR_RETURN(const std::string path, python::AbsolutePath(config.path, around, "the virtual environment"));
  LEASH_RETURN_IF_ERROR(python::CheckConfig(config));
  VenvConfig made = config;
  LEASH_RETURN_IF_ERROR(python::MakeAbsolute(made.find_links, around));
  {
    LEASH_ASSIGN_OR_RETURN(const python::VenvDirectory directory, python::VenvDirectory::Hold(path, true));
    made.path = directory.path();
    if (!python::IsVenv(made.path)) {
      const bool empty = python::IsEmpty(made.path);
      // With pyvenv.cfg it is what somebody's killed attempt has left: venv goes on with it.
      if (!empty && !python::IsFile(base::JoinPath(made.path, "pyvenv.cfg"))) {
        return base::Error(ErrorCode::kInvalidArgument,
                           fmt::format("{} is there and is no virtual environment", base::Printable(path)));
      }
      if (absl::Status status = python::MakeVenv(made, around); !status.ok()) {
        if (empty) directory.TakeBack();
        return status;
      }
      if (!python::IsVenv(made.path)) {
        return base::Error(ErrorCode::kIo,
                           fmt::format("{} is no complete virtual environment; remove it", base::Printable(path)));
      }
    }
  }
  VenvManager manager(made, python::SitePackagesIn(made.path));
  LEASH_RETURN_IF_ERROR(manager.Install(config.packages, config.requirements));
  return manager;
}

absl::StatusOr<VenvManager> VenvManager::Open(const std::string& path, VenvConfig config) {
  const python::Surroundings around = python::Surroundings::OfProcess();
  LEASH_ASSIGN_OR_RETURN(const std::string absolute, python::AbsolutePath(path, around, "the virtual environment"));
  const std::optional<std::string> canonical = base::HostFileSystem().Canonical(absolute);
  if (!canonical.has_value() || !python::IsVenv(*canonical)) {
    return base::Error(ErrorCode::kPathNotFound, fmt::format("{} is no virtual environment", base::Printable(path)));
  }
  config.path = *canonical;
  LEASH_RETURN_IF_ERROR(python::MakeAbsolute(config.find_links, around));
  return VenvManager(std::move(config), python::SitePackagesIn(*canonical));
}

absl::Status VenvManager::Install(const std::vector<std::string>& packages,
                                  const std::vector<std::string>& requirements) {
  LEASH_ASSIGN_OR_RETURN(const python::VenvDirectory held, python::VenvDirectory::Hold(config_.path, false));
  LEASH_ASSIGN_OR_RETURN(const python::Missing missing,
                         python::MissingOf(packages, requirements, config_, site_packages_));
  return python::InstallInto(config_, missing, site_packages_, python::Surroundings::OfProcess());
}

}  // namespace leash
