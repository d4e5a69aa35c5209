// leash explain: what a sandbox would be, without making one.
#include "leash/explain.h"

#include <optional>
#include <string>

#include "base/status.h"
#include "commands.h"
#include "messages.h"
#include "nlohmann/json.hpp"
#include "options.h"
#include "python_settings.h"

namespace leash::cli {
namespace {

absl::StatusOr<std::string> WithPythonIn(const std::string& text, const Settings& settings, ExplainFormat format) {
  if (format == ExplainFormat::kText) return text + PythonText(settings);
  auto document = nlohmann::ordered_json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!document.is_object()) return base::Error(ErrorCode::kUnknown, "the explanation of a sandbox is not JSON");
  document["python"] = PythonJson(settings);
  return document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

absl::StatusOr<std::string> TextFor(const Settings& settings, const CommandLine& line) {
  const bool denied = settings.network == NetworkMode::kDeny;
  if (const std::optional<std::string> platform = line.Last(OptionId::kPlatform)) {
    if (!line.words.empty() || line.Has(OptionId::kJson)) {
      return base::Error(ErrorCode::kInvalidArgument, "explain: --platform goes with neither a PATH nor --json");
    }
    return ExplainOn(*platform, settings.config, denied);
  }
  const ExplainFormat format = line.Has(OptionId::kJson) ? ExplainFormat::kJson : ExplainFormat::kText;
  if (line.words.empty()) {
    LEASH_ASSIGN_OR_RETURN(const std::string text, leash::Explain(settings.config, denied, format));
    return SpeaksOfPython(settings.python) ? WithPythonIn(text, settings, format) : text;
  }
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
