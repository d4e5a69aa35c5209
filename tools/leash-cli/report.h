// What was refused, for people and for scripts.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "leash/violation.h"

namespace leash::cli {

// The options of which each would do, ready for a shell: "--readable '/a b'", "--no-protect-credentials".
std::vector<std::string> FlagsOf(const Hint& hint);

// One line a message: how often, what, and what would allow it; then what is not seen. The names in it are as the
// program chose them: PrintMessage escapes.
std::vector<std::string> ReportLines(const ViolationReport& report);

// All of it, as docs/cli.md says.
std::string ReportJson(const ViolationReport& report);

// The file is made, or emptied, before the program runs, so that it is known to be writable. What the program writes
// into it meanwhile is gone when the report is written.
absl::StatusOr<base::UniqueFd> OpenReportFile(const std::string& path);
absl::Status WriteReportFile(const base::UniqueFd& file, const std::string& path, const ViolationReport& report);

}  // namespace leash::cli
