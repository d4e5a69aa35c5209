// Profile::Warnings of sbpl_evaluator.h: what a profile says and cannot mean. None of it is complete: a rule without a
// warning may still decide nothing.
#include <algorithm>

#include "fmt/format.h"
#include "sbpl_evaluator.h"

namespace leash::testing::sbpl {
namespace {

using Kind = Filter::Kind;
using Match = Filter::Match;

// What opening a pseudo-terminal brings by itself. Others come from processes outside that mean to share a file.
constexpr std::string_view kTerminalExtension = "com.apple.sandbox.pty";

bool CanNeverMatch(const Filter& filter, std::string_view value) {
  switch (filter.match) {
    case Match::kExact:
    case Match::kPrefix:
      return IsBehindLink(value);
    case Match::kBelow:
      return IsBehindLink(value) || IsLink(value);
    case Match::kRegex:
      return value.starts_with('^') && IsBehindLink(value.substr(1));
  }
  return false;
}

void WarnOfFilter(const Rule& rule, const Filter& filter, std::vector<std::string>& warnings) {
  const auto warn = [&](std::string_view why) {
    warnings.push_back(fmt::format("{}: {} {}", filter.at.line, filter.text, why));
  };
  for (const std::string& value : filter.values) {
    if (filter.IsPath() && CanNeverMatch(filter, value)) {
      warn("never matches: /tmp, /var and /etc are links to what is in /private");
    }
  }
  const bool is_issued = std::count(filter.values.begin(), filter.values.end(), kTerminalExtension) != 0;
  if (filter.kind == Kind::kExtension && !is_issued) warn("never matches: nobody issues it to a program in a sandbox");
  const Operation& outbound = *FindOperation("network-outbound");
  const bool connects = std::any_of(rule.operations.begin(), rule.operations.end(),
                                    [&](const Operation* operation) { return IsCovered(outbound, *operation); });
  if (connects && filter.kind == Kind::kAddress && filter.name == "local") {
    warn("keeps no connection in: the local end of what connects is not chosen yet");
  }
}

bool IsBelow(std::string_view path, const Filter& tree) {
  return std::any_of(tree.values.begin(), tree.values.end(),
                     [&](const std::string& top) { return top == "/" || path == top || path.starts_with(top + "/"); });
}

// Whether `wide` surely holds wherever `narrow` does.
bool Contains(const Filter& wide, const Filter& narrow) {
  if (wide.text == narrow.text) return true;
  if (narrow.kind == Kind::kAll) {
    return std::any_of(narrow.children.begin(), narrow.children.end(),
                       [&](const Filter& child) { return Contains(wide, child); });
  }
  if (!wide.IsPath() || wide.match != Match::kBelow || !narrow.IsPath()) return false;
  if (narrow.match != Match::kBelow && narrow.match != Match::kExact) return false;
  return std::all_of(narrow.values.begin(), narrow.values.end(),
                     [&](const std::string& path) { return IsBelow(path, wide); });
}

bool IsAbout(const Rule& rule, const Operation& operation) {
  return std::any_of(rule.operations.begin(), rule.operations.end(),
                     [&](const Operation* named) { return IsCovered(operation, *named); });
}

bool Contains(const Rule& wide, const Rule& narrow) {
  return std::all_of(narrow.operations.begin(), narrow.operations.end(),
                     [&](const Operation* operation) { return IsAbout(wide, *operation); }) &&
         std::all_of(narrow.filters.begin(), narrow.filters.end(), [&](const Filter& filter) {
           return std::any_of(wide.filters.begin(), wide.filters.end(),
                              [&](const Filter& candidate) { return Contains(candidate, filter); });
         });
}

bool Meet(const Rule& one, const Rule& other) {
  return std::any_of(Operations().begin(), Operations().end(),
                     [&](const Operation& operation) { return IsAbout(one, operation) && IsAbout(other, operation); });
}

std::string About(const Rule& rule, std::string_view why) {
  return fmt::format("{}: {}: {}", rule.line, rule.text, why);
}

}  // namespace

std::vector<std::string> Profile::Warnings() const {
  std::vector<std::string> warnings;
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    const Rule& rule = rules_[i];
    for (const Filter& filter : rule.filters) {
      Visit(filter, [&](const Filter& inner) { WarnOfFilter(rule, inner, warnings); });
    }
    const std::string useless = rule.filters.empty() ? WhyBaseIsIdle(i) : WhyRuleIsIdle(i);
    if (!useless.empty()) warnings.push_back(About(rule, useless));
    if (!rule.filters.empty()) continue;
    for (std::size_t j = 0; j < i; ++j) {
      const Rule& earlier = rules_[j];
      if (earlier.filters.empty() || earlier.allows == rule.allows || !Meet(earlier, rule)) continue;
      warnings.push_back(About(rule, fmt::format("has no filter, so it does not overrule line {}", earlier.line)));
    }
  }
  return warnings;
}

// Of a rule without filters: whether all would hold without it.
std::string Profile::WhyBaseIsIdle(std::size_t index) const {
  Profile without = *this;
  without.rules_.erase(without.rules_.begin() + static_cast<std::ptrdiff_t>(index));
  const bool same = std::all_of(Operations().begin(), Operations().end(), [&](const Operation& operation) {
    return operation.IsWildcard() || Base(operation).allowed == without.Base(operation).allowed;
  });
  return same ? "decides nothing: so it is without this rule" : "";
}

// Of a rule with filters: whether a later rule has the say wherever this one matches, or whether nothing said before it
// needs to be overruled.
std::string Profile::WhyRuleIsIdle(std::size_t index) const {
  const Rule& rule = rules_[index];
  for (std::size_t j = index + 1; j < rules_.size(); ++j) {
    if (rules_[j].filters.empty() || !Contains(rules_[j], rule)) continue;
    return fmt::format("decides nothing: line {} overrules all of it", rules_[j].line);
  }
  const bool overrules_base = std::any_of(Operations().begin(), Operations().end(), [&](const Operation& operation) {
    return !operation.IsWildcard() && IsAbout(rule, operation) && Base(operation).allowed != rule.allows;
  });
  const bool overrules_rule =
      std::any_of(rules_.begin(), rules_.begin() + static_cast<std::ptrdiff_t>(index), [&](const Rule& earlier) {
        return !earlier.filters.empty() && earlier.allows != rule.allows && Meet(earlier, rule);
      });
  return overrules_base || overrules_rule ? "" : "decides nothing: so it is without this rule";
}

}  // namespace leash::testing::sbpl
