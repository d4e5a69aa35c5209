#include "core/program_lookup.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string_view>

#include "base/file_system.h"
#include "base/path.h"
#include "base/status.h"
#include "base/text.h"
#include "fmt/format.h"

namespace leash::core {
namespace {

absl::Status NotExecutable(const std::string& path, std::string_view why) {
  return base::Error(ErrorCode::kProgramNotExecutable, fmt::format("cannot run {}: {}", base::Printable(path), why));
}

// Ok, or why this file cannot be the program.
absl::Status CheckCandidate(const Plan& plan, const std::string& path) {
  struct stat info;
  if (::stat(path.c_str(), &info) != 0) {
    if (errno == EACCES) return NotExecutable(path, "Permission denied");
    if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP && errno != ENAMETOOLONG) {
      return base::ErrnoError(ErrorCode::kSpawnFailed, errno, fmt::format("cannot look at {}", base::Printable(path)));
    }
    return base::Error(ErrorCode::kProgramNotFound,
                       fmt::format("cannot run {}: no such program", base::Printable(path)));
  }
  if (S_ISDIR(info.st_mode)) return NotExecutable(path, "it is a directory");
  if (::access(path.c_str(), X_OK) != 0) return NotExecutable(path, base::ErrnoText(errno));
  const std::string canonical = base::CanonicalPrefix(base::HostFileSystem(), path);
  if (!Includes(Decide(plan, canonical), Access::kReadExecute)) {
    return NotExecutable(
        path, fmt::format("the sandbox may not execute {}; allow it with --executable {}", base::Printable(canonical),
                          base::Printable(std::string(base::ParentOf(canonical)))));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> FindProgram(const Plan& plan, const std::string& program, const std::string& search_path,
                                        const std::string& current_dir) {
  if (program.empty()) return base::Error(ErrorCode::kProgramNotFound, "cannot run '': the program's name is empty");
  if (program.find('/') != std::string::npos) {
    std::string path = program.front() == '/' ? program : base::JoinPath(current_dir, program);
    LEASH_RETURN_IF_ERROR(CheckCandidate(plan, path));
    return path;
  }
  // As execvp(3): the search goes on past a file that may not be executed, and remembers it.
  std::optional<absl::Status> refused;
  std::string_view rest = search_path;
  while (true) {
    const std::size_t colon = rest.find(':');
    const std::string_view directory = rest.substr(0, colon);
    const std::string at(directory.empty() ? std::string_view(current_dir) : directory);
    std::string path = base::JoinPath(at.front() == '/' ? at : base::JoinPath(current_dir, at), program);
    const absl::Status status = CheckCandidate(plan, path);
    if (status.ok()) return path;
    if (GetErrorCode(status) == ErrorCode::kSpawnFailed) return status;
    if (GetErrorCode(status) == ErrorCode::kProgramNotExecutable && !refused.has_value()) refused = status;
    if (colon == std::string_view::npos) break;
    rest.remove_prefix(colon + 1);
  }
  if (refused.has_value()) return *refused;
  return base::Error(ErrorCode::kProgramNotFound,
                     fmt::format("cannot run {}: no such program in {}; give its path, or set PATH with --env",
                                 base::Printable(program), base::Printable(search_path)));
}

}  // namespace leash::core
