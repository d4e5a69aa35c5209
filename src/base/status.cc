#include "base/status.h"

#include <array>
#include <charconv>
#include <optional>
#include <system_error>

#include "absl/strings/cord.h"

namespace leash {
namespace {

constexpr char kPayloadUrl[] = "type.leash/ErrorCode";

struct CodeRow {
  ErrorCode code;
  std::string_view name;
  absl::StatusCode canonical;
};

constexpr std::array kCodes = {
    CodeRow{ErrorCode::kUnknown, "unknown", absl::StatusCode::kUnknown},
    CodeRow{ErrorCode::kInvalidArgument, "invalid_argument", absl::StatusCode::kInvalidArgument},
    CodeRow{ErrorCode::kPathNotFound, "path_not_found", absl::StatusCode::kNotFound},
    CodeRow{ErrorCode::kNotEnforced, "not_enforced", absl::StatusCode::kFailedPrecondition},
    CodeRow{ErrorCode::kUnsupported, "unsupported", absl::StatusCode::kUnimplemented},
    CodeRow{ErrorCode::kProgramNotFound, "program_not_found", absl::StatusCode::kNotFound},
    CodeRow{ErrorCode::kProgramNotExecutable, "program_not_executable", absl::StatusCode::kPermissionDenied},
    CodeRow{ErrorCode::kSpawnFailed, "spawn_failed", absl::StatusCode::kInternal},
    CodeRow{ErrorCode::kTimeout, "timeout", absl::StatusCode::kDeadlineExceeded},
    CodeRow{ErrorCode::kWorkingDirectory, "working_directory", absl::StatusCode::kInternal},
    CodeRow{ErrorCode::kConfigFile, "config_file", absl::StatusCode::kInvalidArgument},
    CodeRow{ErrorCode::kClosed, "closed", absl::StatusCode::kFailedPrecondition},
    CodeRow{ErrorCode::kIo, "io", absl::StatusCode::kInternal},
    CodeRow{ErrorCode::kDenied, "denied", absl::StatusCode::kPermissionDenied},
};

const CodeRow& RowOf(ErrorCode code) {
  for (const CodeRow& row : kCodes) {
    if (row.code == code) return row;
  }
  return kCodes.front();
}

}  // namespace

ErrorCode GetErrorCode(const absl::Status& status) {
  const auto payload = status.GetPayload(kPayloadUrl);
  if (!payload.has_value()) return ErrorCode::kUnknown;
  const std::string text(*payload);
  int number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc()) return ErrorCode::kUnknown;
  return RowOf(static_cast<ErrorCode>(number)).code;
}

std::string_view ErrorCodeName(ErrorCode code) { return RowOf(code).name; }

namespace base {

absl::Status Error(ErrorCode code, std::string_view message) {
  absl::Status status(RowOf(code).canonical, absl::string_view(message.data(), message.size()));
  status.SetPayload(kPayloadUrl, absl::Cord(std::to_string(static_cast<int>(code))));
  return status;
}

std::string ErrnoText(int error) { return std::system_category().message(error); }

absl::Status ErrnoError(ErrorCode code, int error, std::string_view what) {
  return Error(code, std::string(what) + ": " + ErrnoText(error));
}

}  // namespace base
}  // namespace leash
