// The first half of sbpl_evaluator.h: from forms to rules.
#include <array>
#include <optional>
#include <utility>

#include "base/status.h"
#include "base/text.h"
#include "fmt/format.h"
#include "sbpl_evaluator.h"

namespace leash::testing::sbpl {
namespace {

enum class ModifierArgument { kNone, kString, kSymbol };
struct Modifier {
  std::string_view name;
  ModifierArgument argument;
  bool may_allow;
};
// Not (with no-sandbox): what is executed that way has left the sandbox.
constexpr std::array kModifiers = {
    Modifier{"no-log", ModifierArgument::kNone, false},  Modifier{"no-report", ModifierArgument::kNone, true},
    Modifier{"report", ModifierArgument::kNone, true},   Modifier{"message", ModifierArgument::kString, true},
    Modifier{"errno", ModifierArgument::kSymbol, false}, Modifier{"send-signal", ModifierArgument::kSymbol, false},
};

absl::Status CheckModifier(const Node& node, bool allows) {
  if (node.children.size() < 2 || !node.children[1].IsSymbol()) {
    return ErrorAt(node.at, "with takes a modifier, such as no-log");
  }
  const std::string& name = node.children[1].text;
  for (const Modifier& modifier : kModifiers) {
    if (modifier.name != name) continue;
    if (allows && !modifier.may_allow) return ErrorAt(node.at, fmt::format("{} belongs to deny", name));
    const std::size_t wanted = modifier.argument == ModifierArgument::kNone ? 2 : 3;
    if (node.children.size() != wanted) return ErrorAt(node.at, fmt::format("{} takes {} argument", name, wanted - 2));
    const auto kind = modifier.argument == ModifierArgument::kString ? Node::Kind::kString : Node::Kind::kSymbol;
    if (wanted == 3 && node.children[2].kind != kind) return ErrorAt(node.children[2].at, "a wrong argument");
    return absl::OkStatus();
  }
  return ErrorAt(node.at, fmt::format("unknown modifier '{}'", name));
}

class Parser {
 public:
  explicit Parser(const Parameters& parameters) : parameters_(parameters) {}

  absl::Status Take(const Node& form) {
    if (!version_seen_) return TakeVersion(form);
    if (form.IsForm("allow") || form.IsForm("deny")) return TakeRule(form);
    if (form.IsForm("import")) return ErrorAt(form.at, "import: what another file says cannot be tested here");
    if (form.IsForm("version")) return ErrorAt(form.at, "the version is said once");
    return ErrorAt(form.at, fmt::format("neither allow nor deny: {}", base::Printable(form.text.substr(0, 40))));
  }

  bool version_seen() const { return version_seen_; }
  std::optional<Rule>& default_rule() { return default_; }
  std::vector<Rule>& rules() { return rules_; }

 private:
  absl::Status TakeVersion(const Node& form) {
    const bool is_one = form.IsForm("version") && form.children.size() == 2 &&
                        form.children[1].kind == Node::Kind::kNumber && form.children[1].text == "1";
    if (!is_one) return ErrorAt(form.at, "a profile starts with (version 1)");
    version_seen_ = true;
    return absl::OkStatus();
  }

  absl::Status TakeRule(const Node& form) {
    Rule rule;
    rule.allows = form.IsForm("allow");
    rule.text = form.text;
    rule.line = form.at.line;
    bool is_default = false;
    for (std::size_t i = 1; i < form.children.size(); ++i) {
      const Node& node = form.children[i];
      if (is_default && !node.IsForm("with")) return ErrorAt(node.at, "default stands alone");
      if (node.IsForm("with")) {
        LEASH_RETURN_IF_ERROR(CheckModifier(node, rule.allows));
      } else if (node.IsSymbol() && node.text == "default" && rule.operations.empty()) {
        is_default = true;
      } else if (node.IsSymbol()) {
        LEASH_RETURN_IF_ERROR(TakeOperation(node, rule));
      } else {
        LEASH_RETURN_IF_ERROR(TakeFilter(node, rule));
      }
    }
    if (is_default) return TakeDefault(form, std::move(rule));
    if (rule.operations.empty()) return ErrorAt(form.at, "a rule names an operation");
    if (!default_.has_value())
      return ErrorAt(form.at, "in front of all rules stands (deny default) or (allow default)");
    rules_.push_back(std::move(rule));
    return absl::OkStatus();
  }

  absl::Status TakeDefault(const Node& form, Rule rule) {
    if (default_.has_value()) return ErrorAt(form.at, "the default is said once");
    default_ = std::move(rule);
    return absl::OkStatus();
  }

  static absl::Status TakeOperation(const Node& node, Rule& rule) {
    if (!rule.filters.empty()) return ErrorAt(node.at, "operations stand in front of filters");
    const Operation* operation = FindOperation(node.text);
    if (operation == nullptr) return ErrorAt(node.at, fmt::format("unknown operation '{}'", node.text));
    rule.operations.push_back(operation);
    return absl::OkStatus();
  }

  absl::Status TakeFilter(const Node& node, Rule& rule) const {
    if (rule.operations.empty()) return ErrorAt(node.at, "operations stand in front of filters");
    LEASH_ASSIGN_OR_RETURN(Filter filter, ParseFilter(node, rule.operations, parameters_));
    rule.filters.push_back(std::move(filter));
    return absl::OkStatus();
  }

  const Parameters& parameters_;
  bool version_seen_ = false;
  std::optional<Rule> default_;
  std::vector<Rule> rules_;
};

}  // namespace

absl::StatusOr<Profile> Profile::Parse(std::string_view text, const Parameters& parameters) {
  LEASH_ASSIGN_OR_RETURN(const std::vector<Node> forms, Read(text));
  Parser parser(parameters);
  for (const Node& form : forms) LEASH_RETURN_IF_ERROR(parser.Take(form));
  if (!parser.version_seen()) return ErrorAt({1, 1}, "a profile starts with (version 1)");
  if (!parser.default_rule().has_value()) return ErrorAt({1, 1}, "neither (deny default) nor (allow default)");
  Profile profile;
  profile.default_ = *std::move(parser.default_rule());
  profile.rules_ = std::move(parser.rules());
  return profile;
}

}  // namespace leash::testing::sbpl
