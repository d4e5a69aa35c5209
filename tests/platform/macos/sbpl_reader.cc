#include "sbpl_reader.h"

#include <charconv>
#include <utility>

#include "base/status.h"
#include "base/text.h"
#include "fmt/format.h"

namespace leash::testing::sbpl {
namespace {

constexpr int kDeepest = 32;

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsSymbolByte(char c) {
  return IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         std::string_view("*-_.:?!<>=%/+").find(c) != std::string_view::npos;
}

int HexValue(char c) {
  if (IsDigit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  absl::StatusOr<std::vector<Node>> ReadAll() {
    std::vector<Node> nodes;
    for (;;) {
      LEASH_RETURN_IF_ERROR(SkipBlanks());
      if (AtEnd()) return nodes;
      if (Here() == ')') return ErrorAt(at_, "this parenthesis closes nothing");
      LEASH_ASSIGN_OR_RETURN(Node node, ReadNode(0));
      nodes.push_back(std::move(node));
    }
  }

 private:
  bool AtEnd() const { return offset_ == text_.size(); }
  char Here() const { return text_[offset_]; }

  void Step() {
    if (Here() == '\n') {
      at_ = {at_.line + 1, 1};
    } else {
      ++at_.column;
    }
    ++offset_;
  }

  absl::Status SkipBlanks() {
    bool in_comment = false;
    for (; !AtEnd(); Step()) {
      if (Here() == '\0') return ErrorAt(at_, "a NUL byte ends a profile early");
      if (Here() == ';') in_comment = true;
      if (Here() == '\n') in_comment = false;
      if (!in_comment && !IsBlank(Here())) break;
    }
    return absl::OkStatus();
  }

  absl::StatusOr<Node> ReadNode(int depth) {
    if (Here() == '(') return ReadList(depth);
    Node node;
    node.at = at_;
    LEASH_RETURN_IF_ERROR(ReadAtom(node));
    const bool ended = AtEnd() || IsBlank(Here()) || Here() == '(' || Here() == ')' || Here() == ';';
    if (!ended) return ErrorAt(at_, "a blank is missing here");
    return node;
  }

  absl::StatusOr<Node> ReadList(int depth) {
    Node list;
    list.at = at_;
    if (depth == kDeepest) return ErrorAt(at_, "too many parentheses in one another");
    const std::size_t start = offset_;
    Step();
    for (;;) {
      LEASH_RETURN_IF_ERROR(SkipBlanks());
      if (AtEnd()) return ErrorAt(list.at, "this parenthesis is not closed");
      if (Here() == ')') break;
      LEASH_ASSIGN_OR_RETURN(Node node, ReadNode(depth + 1));
      list.children.push_back(std::move(node));
    }
    Step();
    list.text = OneLine(text_.substr(start, offset_ - start));
    return list;
  }

  // For messages: blanks in a row become one, also where a string or a comment has them.
  static std::string OneLine(std::string_view text) {
    std::string result;
    for (const char c : text) {
      if (!IsBlank(c)) {
        result += c;
      } else if (result.back() != ' ') {
        result += ' ';
      }
    }
    return result;
  }

  absl::Status ReadAtom(Node& node) {
    if (Here() == '"') return ReadString(node);
    if (text_.substr(offset_).starts_with("#\"")) return ReadRegex(node);
    if (!IsSymbolByte(Here())) {
      return ErrorAt(at_,
                     fmt::format("'{}' starts nothing that is known here", base::Printable(text_.substr(offset_, 1))));
    }
    const std::size_t start = offset_;
    while (!AtEnd() && IsSymbolByte(Here())) Step();
    node.text = std::string(text_.substr(start, offset_ - start));
    node.kind = Node::Kind::kSymbol;
    return IsDigit(node.text[0]) ? ReadNumber(node) : absl::OkStatus();
  }

  static absl::Status ReadNumber(Node& node) {
    node.kind = Node::Kind::kNumber;
    const char* const end = node.text.data() + node.text.size();
    const auto [stop, error] = std::from_chars(node.text.data(), end, node.number);
    if (error == std::errc() && stop == end) return absl::OkStatus();
    return ErrorAt(node.at, fmt::format("'{}' is no number", node.text));
  }

  absl::Status ReadString(Node& node) {
    node.kind = Node::Kind::kString;
    Step();
    while (!AtEnd() && Here() != '"') {
      if (Here() == '\0') return ErrorAt(at_, "a NUL byte ends a profile early");
      if (Here() == '\\') {
        LEASH_RETURN_IF_ERROR(ReadEscape(node.text));
      } else {
        node.text += Here();
        Step();
      }
    }
    if (AtEnd()) return ErrorAt(node.at, "this string is not closed");
    Step();
    return absl::OkStatus();
  }

  absl::Status ReadEscape(std::string& value) {
    constexpr std::string_view kLetters = "\\\"nrt";
    constexpr std::string_view kMeanings = "\\\"\n\r\t";
    const Position at = at_;
    Step();
    if (AtEnd()) return ErrorAt(at, "this string is not closed");
    if (Here() == 'x') return ReadHexEscape(at, value);
    const std::size_t letter = kLetters.find(Here());
    if (letter == std::string_view::npos) return ErrorAt(at, "known escapes are \\\\ \\\" \\n \\r \\t and \\xHH");
    value += kMeanings[letter];
    Step();
    return absl::OkStatus();
  }

  absl::Status ReadHexEscape(Position at, std::string& value) {
    const std::string_view digits = text_.substr(offset_ + 1, 2);
    const int high = digits.size() == 2 ? HexValue(digits[0]) : -1;
    const int low = digits.size() == 2 ? HexValue(digits[1]) : -1;
    if (high < 0 || low < 0) return ErrorAt(at, "behind \\x stand two hexadecimal digits");
    if (high == 0 && low == 0) return ErrorAt(at, "a NUL byte ends a string early");
    value += static_cast<char>(high * 16 + low);
    for (int i = 0; i < 3; ++i) Step();
    return absl::OkStatus();
  }

  absl::Status ReadRegex(Node& node) {
    node.kind = Node::Kind::kRegex;
    Step();
    Step();
    for (; !AtEnd() && Here() != '"'; Step()) {
      if (Here() == '\0') return ErrorAt(at_, "a NUL byte ends a profile early");
      node.text += Here();
    }
    if (AtEnd()) return ErrorAt(node.at, "this regular expression is not closed");
    // Whether the quote is then the expression's or its end, readers of SBPL disagree.
    if (node.text.ends_with('\\'))
      return ErrorAt(at_, "a backslash in front of a quote: write [\"] in a string instead");
    Step();
    return absl::OkStatus();
  }

  const std::string_view text_;
  std::size_t offset_ = 0;
  Position at_{1, 1};
};

}  // namespace

absl::Status ErrorAt(Position at, std::string_view why) {
  return base::Error(ErrorCode::kInvalidArgument, fmt::format("{}:{}: {}", at.line, at.column, why));
}

absl::StatusOr<std::vector<Node>> Read(std::string_view text) { return Reader(text).ReadAll(); }

}  // namespace leash::testing::sbpl
