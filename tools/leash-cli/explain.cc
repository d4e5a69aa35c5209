// leash explain: what a sandbox would be, without making one.
#include "leash/explain.h"

#include <string>

#include "base/status.h"
#include "commands.h"
#include "messages.h"
#include "options.h"

namespace leash::cli {
namespace {

absl::StatusOr<std::string> TextFor(const Settings& settings, const CommandLine& line) {
  const bool denied = settings.network == NetworkMode::kDeny;
  const ExplainFormat format = line.Has(OptionId::kJson) ? ExplainFormat::kJson : ExplainFormat::kText;
  if (line.words.empty()) return leash::Explain(settings.config, denied, format);
  return ExplainPath(settings.config, denied, line.words.front(), format);
}

}  // namespace

int Explain(const CommandLine& line) {
  if (line.words.size() > 1) {
    return Fail(base::Error(ErrorCode::kInvalidArgument, "explain: takes one PATH at most"));
  }
  const absl::StatusOr<Loaded> loaded = LoadSettings(line);
  if (!loaded.ok()) return Fail(loaded.status());
  const absl::StatusOr<std::string> text = TextFor(loaded->settings, line);
  return text.ok() ? WriteStdout(*text) : Fail(text.status());
}

}  // namespace leash::cli
