#include "python/interpreter_search.h"

#include <unistd.h>

#include <vector>

#include "base/file_system.h"
#include "base/path.h"
#include "base/status.h"
#include "base/text.h"
#include "core/backend.h"
#include "core/planner.h"
#include "fmt/format.h"
#include "python/files.h"
#include "python/pyenv.h"

namespace leash::python {
namespace {

// Paths of PATH that are programs of this name, in order.
std::vector<std::string> InPath(std::string_view name, const Surroundings& around) {
  std::vector<std::string> found;
  const std::string path = around.environment.Get("PATH").value_or("/usr/local/bin:/usr/bin:/bin");
  for (std::string_view rest = path; !rest.empty();) {
    const std::string_view directory = base::TakePiece(rest, ":");
    if (!directory.starts_with('/')) continue;
    std::string program = base::JoinPath(directory, name);
    if (IsProgram(program)) found.push_back(std::move(program));
  }
  return found;
}

// A script that starts some interpreter, and only running it would tell which.
absl::Status CannotTell(const std::string& script) {
  return base::Error(ErrorCode::kProgramNotFound,
                     fmt::format("{} is no interpreter itself, and which it starts cannot be told without running it; "
                                 "name the interpreter by its own path",
                                 base::Printable(script)));
}

absl::StatusOr<std::string> LocateInPath(const std::string& name, const Surroundings& around) {
  for (const std::string& program : InPath(name, around)) {
    if (const std::optional<std::string> root = PyenvRootOf(program)) {
      if (auto real = PyenvProgram(*root, name, around.environment, around.current_dir)) return *std::move(real);
      continue;
    }
    if (!IsElf(program)) return CannotTell(program);
    return program;
  }
  return base::Error(ErrorCode::kProgramNotFound,
                     fmt::format("there is no Python interpreter '{}' in PATH", base::Printable(name)));
}

}  // namespace

Surroundings Surroundings::OfProcess() {
  core::HostFacts host = core::HostFactsOfProcess(core::HostBackend().Profile());
  return {std::move(host.environment), std::move(host.current_dir), std::move(host.home)};
}

absl::StatusOr<std::string> LocateInterpreter(const std::string& name, const Surroundings& around) {
  if (name.empty() || name.find('\0') != std::string::npos) {
    return base::Error(ErrorCode::kInvalidArgument, "the name of the interpreter is empty or has a NUL byte in it");
  }
  if (name.find('/') == std::string::npos) return LocateInPath(name, around);
  if (name.front() != '/' && around.current_dir.empty()) {
    return base::Error(ErrorCode::kIo, "the interpreter's path is relative, and the current directory cannot be told");
  }
  // Not resolved as text: ".." behind a symbolic link leads elsewhere.
  std::string path = name.front() == '/' ? name : base::JoinPath(around.current_dir, name);
  if (!base::HostFileSystem().Canonical(path).has_value()) {
    return base::Error(ErrorCode::kProgramNotFound,
                       fmt::format("interpreter {} does not exist", base::Printable(path)));
  }
  if (!IsProgram(path)) {
    return base::Error(ErrorCode::kProgramNotExecutable,
                       fmt::format("interpreter {} is no file that may be executed", base::Printable(path)));
  }
  if (const std::optional<std::string> root = PyenvRootOf(path)) {
    const std::string file = path.substr(path.rfind('/') + 1);
    if (auto real = PyenvProgram(*root, file, around.environment, around.current_dir)) return *std::move(real);
    return CannotTell(path);
  }
  if (!IsElf(path)) return CannotTell(path);
  return path;
}

absl::StatusOr<std::string> LocateAnyInterpreter(const Surroundings& around) {
  absl::StatusOr<std::string> found = LocateInPath("python3", around);
  if (found.ok()) return found;
  absl::StatusOr<std::string> other = LocateInPath("python", around);
  return other.ok() ? other : found;
}

std::optional<std::string> LocateProgram(std::string_view name, const Surroundings& around) {
  for (std::string& program : InPath(name, around)) {
    const std::optional<std::string> root = PyenvRootOf(program);
    if (!root.has_value()) return std::move(program);
    if (auto real = PyenvProgram(*root, std::string(name), around.environment, around.current_dir)) return real;
  }
  return std::nullopt;
}

}  // namespace leash::python
