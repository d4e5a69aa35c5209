#include "ruling.h"

#include "base/status.h"
#include "leash/explain.h"
#include "nlohmann/json.hpp"

namespace leash::cli {

absl::StatusOr<Ruling> RulingOn(const std::string& path, const SandboxConfig& config, NetworkMode network) {
  LEASH_ASSIGN_OR_RETURN(const std::string text,
                         ExplainPath(config, network == NetworkMode::kDeny, path, ExplainFormat::kJson));
  const nlohmann::json document = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!document.is_object()) return base::Error(ErrorCode::kUnknown, "the explanation of a path is not JSON");
  Ruling ruling;
  const std::string access = document.value("access", "none");
  if (access != "none") {
    LEASH_ASSIGN_OR_RETURN(ruling.access, ParseAccess(access));
  }
  if (const auto rule = document.find("rule"); rule != document.end()) {
    ruling.kind = rule->value("kind", "");
    ruling.reason = rule->value("reason", "");
  }
  return ruling;
}

absl::StatusOr<std::vector<std::string>> GuardedIn(const SandboxConfig& config) {
  LEASH_ASSIGN_OR_RETURN(const std::string text, Explain(config, /*network_denied=*/true, ExplainFormat::kJson));
  const nlohmann::json document = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!document.is_object()) return base::Error(ErrorCode::kUnknown, "the explanation of a sandbox is not JSON");
  return document.value("guarded", std::vector<std::string>());
}

}  // namespace leash::cli
