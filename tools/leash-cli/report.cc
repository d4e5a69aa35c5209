#include "report.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "absl/time/time.h"
#include "base/status.h"
#include "base/text.h"
#include "base/write_all.h"
#include "fmt/format.h"
#include "layer.h"
#include "nlohmann/json.hpp"

namespace leash::cli {
namespace {

constexpr std::size_t kMostRows = 25;
constexpr std::size_t kWidestObject = 48;  // a longer one moves the rest of its line

// As one word of a shell's: as it is, in quotes, or in $'...' when there is something in it that must not be shown.
std::string ShellWord(std::string_view text) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+,:@%=";
  if (!text.empty() && text.find_first_not_of(kPlain) == std::string_view::npos) return std::string(text);
  const bool printable = base::Printable(text) == text;
  std::string word = printable ? "'" : "$'";
  for (const char c : text) {
    if (c == '\'') {
      word += printable ? "'\\''" : "\\'";
    } else if (c == '\\' && !printable) {
      word += "\\\\";
    } else {
      word += c;
    }
  }
  return base::Printable(word + "'");
}

std::string FlagOf(const Grant& grant) {
  const std::string path = ShellWord(grant.path);
  switch (grant.access) {
    case Access::kRead:
      return "--readable " + path;
    case Access::kReadWrite:
      return "--writable " + path;
    case Access::kReadExecute:
      return "--executable " + path;
    case Access::kNone:
    case Access::kReadWriteExecute:
      break;
  }
  return fmt::format("--grant {}:{}", FormatAccess(grant.access), path);
}

std::string HintText(const Hint& hint) {
  const std::vector<std::string> flags = FlagsOf(hint);
  if (flags.empty()) return hint.text;
  if (hint.text.empty()) return fmt::format("{}", fmt::join(flags, " or "));
  return fmt::format("{}  ({})", fmt::join(flags, " or "), hint.text);
}

}  // namespace

std::vector<std::string> FlagsOf(const Hint& hint) {
  std::vector<std::string> flags;
  if (hint.grant.has_value()) flags.push_back(FlagOf(*hint.grant));
  for (const Toggle& toggle : Toggles()) {
    if (hint.setting == nullptr || toggle.field != hint.setting) continue;
    flags.push_back(fmt::format("--{}", toggle.protects ? toggle.negative : toggle.name));
  }
  return flags;
}

std::vector<std::string> ReportLines(const ViolationReport& report) {
  std::vector<std::string> lines;
  std::size_t operation_width = 0;
  std::size_t object_width = 0;
  const std::size_t rows = std::min(report.violations.size(), kMostRows);
  for (std::size_t i = 0; i < rows; ++i) {
    operation_width = std::max(operation_width, report.violations[i].operation.size());
    object_width = std::max(object_width, base::Printable(report.violations[i].object).size());
  }
  object_width = std::min(object_width, kWidestObject);
  lines.emplace_back(rows == 0 ? "nothing was seen to be refused" : "refused (how often, what, what would allow it):");
  for (std::size_t i = 0; i < rows; ++i) {
    const Violation& row = report.violations[i];
    lines.push_back(fmt::format("{:6}  {:{}}  {:{}}  {}", row.count, row.operation, operation_width,
                                base::Printable(row.object), object_width, HintText(row.hint)));
  }
  std::uint64_t more = report.others;
  for (std::size_t i = rows; i < report.violations.size(); ++i) more += report.violations[i].count;
  if (more > 0) lines.push_back(fmt::format("and {} refusals of other things: see --report-file", more));
  for (const std::string& what : report.not_seen) lines.push_back("not seen: " + what);
  return lines;
}

std::string ReportJson(const ViolationReport& report) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Violation& one : report.violations) {
    list.push_back({{"kind", ViolationKindName(one.kind)},
                    {"operation", one.operation},
                    {"object", one.object},
                    {"program", one.program},
                    {"pid", one.pid},
                    {"count", one.count},
                    {"first", absl::FormatTime(absl::RFC3339_full, one.first, absl::UTCTimeZone())},
                    {"hint", {{"options", FlagsOf(one.hint)}, {"text", one.hint.text}}}});
  }
  const nlohmann::ordered_json document = {
      {"violations", list}, {"others", report.others}, {"not_seen", report.not_seen}};
  return document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

absl::StatusOr<base::UniqueFd> OpenReportFile(const std::string& path) {
  base::UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0600));
  if (!file) return base::ErrnoError(ErrorCode::kIo, errno, "--report-file: cannot open " + base::Printable(path));
  return file;
}

absl::Status WriteReportFile(const base::UniqueFd& file, const std::string& path, const ViolationReport& report) {
  // A pipe or a terminal cannot be emptied (EINVAL), and need not be.
  const bool emptied = ::ftruncate(file.get(), 0) == 0 || errno == EINVAL;
  if (emptied && base::WriteAll(file.get(), ReportJson(report))) return absl::OkStatus();
  return base::ErrnoError(ErrorCode::kIo, errno, "cannot write the report to " + base::Printable(path));
}

}  // namespace leash::cli
