#include "leash-ipc/arguments.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <utility>

namespace leash_ipc {
namespace {

struct Parameter {
  std::string name;
  std::string kind;
  std::string help;
  bool required = false;
  bool positional = false;
  bool from_stdin = false;
};

bool Flag(const Json& map, const char* key) {
  const auto found = map.find(key);
  return found != map.end() && found->is_boolean() && found->get<bool>();
}

std::string Text(const Json& map, const char* key) {
  const auto found = map.find(key);
  return found != map.end() && found->is_string() ? found->get<std::string>() : "";
}

std::vector<Parameter> ParametersOf(const Json& description) {
  std::vector<Parameter> parameters;
  const auto found = description.find("parameters");
  if (found == description.end() || !found->is_array()) return parameters;
  for (const Json& one : *found) {
    if (!one.is_object()) continue;
    parameters.push_back({Text(one, "name"), Text(one, "kind"), Text(one, "help"), Flag(one, "required"),
                          Flag(one, "positional"), Flag(one, "from_stdin")});
  }
  return parameters;
}

template <typename Number>
std::optional<Json> NumberOf(std::string_view text) {
  Number value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return Json(value);
}

std::optional<Json> JsonOf(const std::string& text) {
  Json value = Json::parse(text, nullptr, false);
  if (value.is_discarded()) return std::nullopt;
  return value;
}

// A word as a value of that kind; nothing when it is none.
std::optional<Json> ValueOf(const std::string& kind, const std::string& text) {
  if (kind == "binary") return Json::binary(std::vector<std::uint8_t>(text.begin(), text.end()));
  if (kind == "integer") {
    auto value = NumberOf<std::int64_t>(text);
    return value.has_value() ? value : NumberOf<std::uint64_t>(text);
  }
  if (kind == "number") return NumberOf<double>(text);
  if (kind == "bool") {
    if (text == "true" || text == "false") return Json(text == "true");
    return std::nullopt;
  }
  if (kind == "map") {
    auto value = JsonOf(text);
    return value.has_value() && value->is_object() ? value : std::nullopt;
  }
  return Json(text);  // "string", "any", and kinds that are not known yet
}

class Parser {
 public:
  Parser(const Json& description, const std::vector<std::string>& words)
      : parameters_(ParametersOf(description)), takes_others_(Flag(description, "takes_others")), words_(words) {}

  Parsed Run(const std::function<bool(std::string&)>& read_stdin) {
    for (std::size_t i = 0; i < words_.size() && parsed_.error.empty() && !parsed_.help;) i = Take(i);
    if (!parsed_.error.empty() || parsed_.help) return std::move(parsed_);
    PlaceWords();
    for (auto& [name, value] : json_.items()) {
      if (!parsed_.arguments.contains(name)) parsed_.arguments[name] = value;
    }
    ReadStdin(read_stdin);
    for (const Parameter& one : parameters_) {
      if (one.required && parsed_.error.empty() && !parsed_.arguments.contains(one.name)) {
        Fail("--" + one.name + " is missing");
      }
    }
    return std::move(parsed_);
  }

 private:
  const Parameter* Find(std::string_view name) const {
    const auto found =
        std::find_if(parameters_.begin(), parameters_.end(), [&](const Parameter& one) { return one.name == name; });
    return found == parameters_.end() ? nullptr : &*found;
  }

  void Fail(std::string why) {
    if (parsed_.error.empty()) parsed_.error = std::move(why);
  }

  void Set(const Parameter& parameter, const std::string& text) {
    if (parameter.kind == "array") {
      Json& list = parsed_.arguments[parameter.name];
      if (list.is_null()) list = Json::array();
      list.push_back(text);
      return;
    }
    auto value = ValueOf(parameter.kind, text);
    if (!value.has_value()) return Fail("--" + parameter.name + " takes a value of kind " + parameter.kind);
    if (parsed_.arguments.contains(parameter.name)) return Fail("--" + parameter.name + " is given twice");
    parsed_.arguments[parameter.name] = *std::move(value);
  }

  // The words from `i` on; gives the first that it did not take.
  std::size_t Take(std::size_t i) {
    const std::string& word = words_[i];
    if (only_words_ || word.size() < 2 || word[0] != '-' || IsNumber(word)) {
      places_.push_back(word);
      return i + 1;
    }
    if (word == "--") {
      only_words_ = true;
      return i + 1;
    }
    const std::size_t equals = word.find('=');
    const std::string name = word.substr(0, equals);
    std::optional<std::string> value;
    if (equals != std::string::npos) value = word.substr(equals + 1);
    if (name.size() > 2 && name[1] == '-') return TakeOption(i, name.substr(2), std::move(value));
    if (name == "-h") {
      parsed_.help = true;
    } else {
      Fail("there is no option " + name);
    }
    return i + 1;
  }

  std::size_t TakeOption(std::size_t i, const std::string& name, std::optional<std::string> value) {
    const Parameter* parameter = Find(name);
    if (parameter == nullptr) return TakeOther(i, name, std::move(value));
    if (parameter->kind == "bool" && !value.has_value()) {
      Set(*parameter, "true");
      return i + 1;
    }
    return WithValue(i, name, std::move(value), [&](const std::string& text) { Set(*parameter, text); });
  }

  // Not one of the command's parameters.
  std::size_t TakeOther(std::size_t i, const std::string& name, std::optional<std::string> value) {
    if (name == "help") {
      parsed_.help = true;
      return i + 1;
    }
    if (name == "json") {
      return WithValue(i, name, std::move(value), [&](const std::string& text) {
        auto given = JsonOf(text);
        if (!given.has_value() || !given->is_object()) return Fail("--json takes a JSON object");
        json_ = *std::move(given);
      });
    }
    if (name.rfind("no-", 0) == 0 && !value.has_value()) {
      if (const Parameter* flag = Find(name.substr(3)); flag != nullptr && flag->kind == "bool") {
        Set(*flag, "false");
        return i + 1;
      }
    }
    if (!takes_others_) {
      Fail("there is no option --" + name);
      return i + 1;
    }
    const bool alone = !value.has_value() && (i + 1 == words_.size() || words_[i + 1].rfind("--", 0) == 0);
    if (alone) {
      parsed_.arguments[name] = true;
      return i + 1;
    }
    return WithValue(i, name, std::move(value), [&](const std::string& text) { parsed_.arguments[name] = text; });
  }

  template <typename Use>
  std::size_t WithValue(std::size_t i, const std::string& name, std::optional<std::string> value, const Use& use) {
    if (value.has_value()) {
      use(*value);
      return i + 1;
    }
    if (i + 1 == words_.size()) {
      Fail("--" + name + " takes a value");
      return i + 1;
    }
    use(words_[i + 1]);
    return i + 2;
  }

  // "-5" is a word where a number may stand.
  bool IsNumber(const std::string& word) const { return NumberOf<double>(word).has_value(); }

  void PlaceWords() {
    std::size_t next = 0;
    for (const Parameter& one : parameters_) {
      if (!one.positional || parsed_.arguments.contains(one.name)) continue;
      const std::size_t end = one.kind == "array" ? places_.size() : std::min(next + 1, places_.size());
      for (; next < end; ++next) Set(one, places_[next]);
    }
    if (next < places_.size()) Fail("there is no place for \"" + places_[next] + "\"");
  }

  void ReadStdin(const std::function<bool(std::string&)>& read_stdin) {
    for (const Parameter& one : parameters_) {
      if (!one.from_stdin || !parsed_.error.empty() || parsed_.arguments.contains(one.name)) continue;
      std::string text;
      if (read_stdin(text) && (one.required || !text.empty())) Set(one, text);
    }
  }

  const std::vector<Parameter> parameters_;
  const bool takes_others_;
  const std::vector<std::string>& words_;
  bool only_words_ = false;
  std::vector<std::string> places_;
  Json json_ = Json::object();
  Parsed parsed_;
};

std::string Placeholder(const Parameter& one) {
  std::string name = one.name;
  for (char& c : name) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return one.kind == "array" ? name + "..." : name;
}

}  // namespace

Parsed ParseArguments(const Json& description, const std::vector<std::string>& words,
                      const std::function<bool(std::string&)>& read_stdin) {
  return Parser(description, words).Run(read_stdin);
}

std::string HelpFor(std::string_view name, const Json& description) {
  const std::vector<Parameter> parameters = ParametersOf(description);
  std::string text = "Usage: " + std::string(name) + " [OPTIONS]";
  for (const Parameter& one : parameters) {
    if (one.positional) text += one.required ? " " + Placeholder(one) : " [" + Placeholder(one) + "]";
  }
  text += "\n";
  if (const std::string summary = Text(description, "summary"); !summary.empty()) text += "\n" + summary + "\n";
  text += "\nOptions:\n";
  std::vector<std::pair<std::string, std::string>> rows;
  for (const Parameter& one : parameters) {
    std::string help = one.help;
    if (one.required) help += help.empty() ? "required" : " (required)";
    if (one.from_stdin) help += help.empty() ? "else from standard input" : "; else from standard input";
    rows.emplace_back("--" + one.name + (one.kind == "bool" ? "" : " " + one.kind), help);
  }
  rows.emplace_back("--json OBJECT", "arguments as JSON; those given by name or place come first");
  rows.emplace_back("--help", "this text");
  std::size_t width = 0;
  for (const auto& [option, help] : rows) width = std::max(width, option.size());
  for (const auto& [option, help] : rows) {
    text += "  " + option;
    if (!help.empty()) text += std::string(width - option.size() + 2, ' ') + help;
    text += "\n";
  }
  return text;
}

}  // namespace leash_ipc
