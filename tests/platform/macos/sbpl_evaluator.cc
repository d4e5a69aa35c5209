#include "sbpl_evaluator.h"

#include <algorithm>

#include "fmt/format.h"
#include "gtest/gtest.h"

namespace leash::testing::sbpl {
namespace {

// Whether the rule names an operation that is `operation` or above it.
bool IsAbout(const Rule& rule, const Operation& operation) {
  return std::any_of(rule.operations.begin(), rule.operations.end(),
                     [&](const Operation* named) { return IsCovered(operation, *named); });
}

bool Names(const Rule& rule, const Operation& operation) {
  return std::count(rule.operations.begin(), rule.operations.end(), &operation) != 0;
}

bool Holds(const Rule& rule, const Question& question) {
  return rule.filters.empty() || std::any_of(rule.filters.begin(), rule.filters.end(),
                                             [&](const Filter& filter) { return Matches(filter, question); });
}

Answer By(const Rule& rule) { return {.allowed = rule.allows, .rule = rule.text, .line = rule.line}; }

// The last of the rules for which `is_it` holds; nullptr: none.
template <typename Condition>
const Rule* Last(const std::vector<Rule>& rules, const Condition& is_it) {
  const auto found = std::find_if(rules.rbegin(), rules.rend(), is_it);
  return found == rules.rend() ? nullptr : &*found;
}

std::string ProblemOfConnection(const Question& question) {
  const bool connects = question.operation == "network-outbound";
  const std::optional<Endpoint>& end = connects ? question.remote : question.local;
  if (!end.has_value()) return connects ? "the remote end is missing" : "the local end is missing";
  return end->protocol == Protocol::kUnix ? PathProblem(end->path) : "";
}

std::string Problem(const Operation* operation, const Question& question) {
  if (operation == nullptr) return "the operation is unknown";
  if (operation->IsWildcard()) return "the kernel asks about no wildcard";
  if ((operation->arguments & kNetwork) != 0) return ProblemOfConnection(question);
  if ((operation->arguments & kPath) != 0) {
    const std::string problem = PathProblem(question.path);
    if (!problem.empty()) return problem;
    const bool is_link = question.kind == FileKind::kSymlink && IsLink(question.path);
    if (IsBehindLink(question.path) || (IsLink(question.path) && !is_link)) {
      return "the kernel sees /tmp, /var and /etc as links to what is in /private";
    }
    return "";
  }
  if (!question.path.empty()) return "the operation is about no path";
  constexpr std::uint32_t kNamed = kMachName | kSysctl | kPosixIpc | kPreference | kNotification;
  if ((operation->arguments & kNamed) != 0 && question.name.empty()) return "the name is missing";
  return "";
}

}  // namespace

Answer Profile::Default(const Operation& operation) const {
  const Operation* top = &operation;
  while (Parent(*top) != nullptr) top = Parent(*top);
  const Otherwise otherwise = top->otherwise;
  if (otherwise == Otherwise::kAsDefault || (otherwise == Otherwise::kAllowed) == default_.allows) {
    return {.allowed = default_.allows, .rule = default_.text};
  }
  return {.allowed = otherwise == Otherwise::kAllowed,
          .rule = fmt::format("{}, which does not cover {}", default_.text, operation.name)};
}

Answer Profile::Base(const Operation& operation) const {
  for (const Operation* step = &operation; step != nullptr; step = Parent(*step)) {
    const Rule* rule =
        Last(rules_, [&](const Rule& candidate) { return candidate.filters.empty() && Names(candidate, *step); });
    if (rule != nullptr) return By(*rule);
  }
  return Default(operation);
}

Answer Profile::ByMeasure(const Operation& operation, const Question& question) const {
  const Rule* rule = Last(rules_, [&](const Rule& candidate) {
    return !candidate.filters.empty() && IsAbout(candidate, operation) && Holds(candidate, question);
  });
  return rule == nullptr ? Base(operation) : By(*rule);
}

Answer Profile::ByPlace(const Operation& operation, const Question& question) const {
  const Rule* rule =
      Last(rules_, [&](const Rule& candidate) { return IsAbout(candidate, operation) && Holds(candidate, question); });
  return rule == nullptr ? Default(operation) : By(*rule);
}

Answer Profile::ByOperation(const Operation& operation, const Question& question) const {
  for (const Operation* step = &operation; step != nullptr; step = Parent(*step)) {
    for (const bool filtered : {true, false}) {
      const Rule* rule = Last(rules_, [&](const Rule& candidate) {
        return candidate.filters.empty() != filtered && Names(candidate, *step) && Holds(candidate, question);
      });
      if (rule != nullptr) return By(*rule);
    }
  }
  return Default(operation);
}

Answer Profile::Ask(const Question& question) const {
  const Operation* operation = FindOperation(question.operation);
  const std::string problem = Problem(operation, question);
  if (!problem.empty()) {
    ADD_FAILURE() << "no question for a kernel: " << question.operation << " " << question.path << ": " << problem;
    return {};
  }
  Answer answer = ByMeasure(*operation, question);
  const auto compare = [&](const Answer& other, std::string_view reading) {
    if (other.allowed == answer.allowed || !answer.doubt.empty()) return;
    answer.doubt = fmt::format("{}, line {} decides: {}", reading, other.line, other.rule);
  };
  compare(ByPlace(*operation, question), "by the order of the rules alone");
  compare(ByOperation(*operation, question), "with the most specific operation first");
  return answer;
}

std::vector<OpenOperation> Profile::OpenOperations() const {
  std::vector<OpenOperation> open;
  for (const Operation& operation : Operations()) {
    if (operation.IsWildcard()) continue;
    const Answer base = Base(operation);
    if (base.allowed) open.push_back({std::string(operation.name), operation.arguments, base.line});
  }
  return open;
}

}  // namespace leash::testing::sbpl
