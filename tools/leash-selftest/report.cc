#include "report.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>

#include "fmt/format.h"
#include "nlohmann/json.hpp"

namespace leash::selftest {
namespace {

constexpr std::size_t kWordsWidth = 52;

std::size_t WidthOf(const Column& column) { return std::max<std::size_t>(column.name.size(), 8); }

// Without the spaces at its end.
std::string Line(std::string text) {
  text.erase(text.find_last_not_of(' ') + 1);
  return text + "\n";
}

std::string Heading(std::string_view theme, const std::vector<Column>& columns) {
  std::string text = fmt::format("{:{}}", theme, kWordsWidth + 4);
  for (const Column& column : columns) text += fmt::format("{:{}}  ", column.name, WidthOf(column));
  return "\n" + Line(text);
}

std::string Words(const Row& row) { return fmt::format("{}{}", row.words, row.harmless.empty() ? "" : " *"); }

std::string Details(const Result& result, const std::vector<Column>& columns) {
  std::string text = fmt::format("      {}", result.row->id);
  if (!result.row->harmless.empty()) text += fmt::format(" (* {})", result.row->harmless);
  text += "\n";
  if (!result.why_not.empty()) return text + fmt::format("      without a sandbox: {}\n", result.why_not);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    text += fmt::format("      {}: {}\n", columns[i].name, result.outcomes[i].detail);
  }
  return text;
}

std::string RowLine(const Result& result, const std::vector<Column>& columns) {
  std::string text = fmt::format("  {:{}}  ", Words(*result.row), kWordsWidth);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    text += fmt::format("{:{}}  ", VerdictName(result.outcomes[i].verdict), WidthOf(columns[i]));
  }
  return Line(text);
}

// What made up `stopped`, and what was left out of it.
std::string Breakdown(const Score& score) {
  std::string text;
  const auto add = [&](int count, std::string_view what) {
    if (count > 0) text += fmt::format("; {} {}", count, what);
  };
  add(score.own_copies, "of them on an own copy");
  add(score.undone, "of them undone at the end");
  add(score.allowed, "ALLOWED");
  add(score.unclear, "unclear");
  add(score.harmless_allowed, "harmless ones allowed");
  return text;
}

std::string Summary(const std::vector<Result>& results, const std::vector<Column>& columns) {
  std::string text = "\n";
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (!columns[i].unavailable.empty()) {
      text += fmt::format("{}: not available: {}\n", columns[i].name, columns[i].unavailable);
      continue;
    }
    const Score score = ScoreOf(results, i);
    text +=
        fmt::format("{}: {} of {} stopped{}\n", columns[i].name, score.stopped, score.applicable(), Breakdown(score));
  }
  const auto away = std::count_if(results.begin(), results.end(), [](const Result& r) { return !r.why_not.empty(); });
  if (away > 0) text += fmt::format("{} rows do not apply to this user and kernel.\n", away);
  return text;
}

nlohmann::ordered_json ColumnJson(const std::vector<Result>& results, const Column& column, std::size_t index) {
  nlohmann::ordered_json json = {{"name", column.name}, {"command", column.command}};
  json["available"] = column.unavailable.empty();
  if (!column.unavailable.empty()) {
    json["reason"] = column.unavailable;
    return json;
  }
  const Score score = ScoreOf(results, index);
  json.update({{"applicable", score.applicable()},
               {"stopped", score.stopped},
               {"own_copies", score.own_copies},
               {"undone", score.undone},
               {"allowed", score.allowed},
               {"unclear", score.unclear},
               {"harmless_allowed", score.harmless_allowed}});
  return json;
}

nlohmann::ordered_json RowJson(const Result& result, const std::vector<Column>& columns) {
  nlohmann::ordered_json json = {{"id", result.row->id}, {"theme", result.row->theme}, {"words", result.row->words}};
  json["harmless"] = !result.row->harmless.empty();
  json["applicable"] = result.why_not.empty();
  if (!result.why_not.empty()) {
    json["reason"] = result.why_not;
    return json;
  }
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (!columns[i].unavailable.empty()) continue;
    const Outcome& outcome = result.outcomes[i];
    json["outcomes"][columns[i].name] = {{"verdict", VerdictName(outcome.verdict)}, {"detail", outcome.detail}};
  }
  return json;
}

}  // namespace

std::string List(const std::vector<const Row*>& rows) {
  std::string text;
  std::string_view theme;
  for (const Row* row : rows) {
    if (row->theme != theme) text += fmt::format("{}{}\n", text.empty() ? "" : "\n", row->theme);
    theme = row->theme;
    text += fmt::format("  {:22} {}\n", row->id, Words(*row));
  }
  return text + "\n* harmless by itself, and not counted: see docs/escape.md\n";
}

std::string Table(const std::vector<Result>& results, const std::vector<Column>& columns, bool details) {
  std::string text;
  std::string_view theme;
  bool harmless = false;
  for (const Result& result : results) {
    if (result.row->theme != theme) text += Heading(result.row->theme, columns);
    theme = result.row->theme;
    harmless = harmless || !result.row->harmless.empty();
    text += RowLine(result, columns);
    if (details) text += Details(result, columns);
  }
  text.erase(0, 1);  // the empty line above the first theme
  if (harmless) text += "\n* harmless by itself, and not counted\n";
  return text + Summary(results, columns);
}

std::string Json(const std::vector<Result>& results, const std::vector<Column>& columns) {
  utsname system = {};
  ::uname(&system);
  nlohmann::ordered_json document = {{"kernel", system.release}, {"uid", ::geteuid()}};
  document["columns"] = nlohmann::ordered_json::array();
  document["rows"] = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < columns.size(); ++i) document["columns"].push_back(ColumnJson(results, columns[i], i));
  for (const Result& result : results) document["rows"].push_back(RowJson(result, columns));
  return document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace leash::selftest
