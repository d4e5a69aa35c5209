// The one file that includes Beast. It is given whole pieces (a head, the line of a chunk, trailers) and parts of a
// body. Where a piece ends is found here, byte by byte, and with it the bytes that belong in none.
#include "net/http_reader.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <charconv>
#include <optional>
#include <utility>
#include <variant>

#include "absl/strings/ascii.h"

namespace leash::net {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;

// What Beast says while it is given bytes.
struct Findings {
  HttpHead head;
  HttpFields trailers;
  bool head_done = false;
  std::uint64_t chunk = 0;  // size of the chunk that began
  std::string_view body;
  bool finished = false;
};

template <bool kIsRequest>
class Parser : public http::basic_parser<kIsRequest> {
 public:
  explicit Parser(Findings* findings) : findings_(findings) {
    // Limits are ours to check: none of Beast's 1.74 would refuse a body of any length.
    this->body_limit(std::numeric_limits<std::uint64_t>::max());
    this->header_limit(std::numeric_limits<std::uint32_t>::max());
  }

 private:
  using View = beast::string_view;
  using Code = beast::error_code;

  static std::string Copy(View text) { return {text.data(), text.size()}; }
  std::size_t TakeBody(View body) {
    findings_->body = {body.data(), body.size()};
    return body.size();
  }

  void on_request_impl(http::verb, View method, View target, int version, Code&) override {
    findings_->head.method = Copy(method);
    findings_->head.target = Copy(target);
    findings_->head.minor_version = version - 10;
  }
  void on_response_impl(int status, View reason, int version, Code&) override {
    findings_->head.status = status;
    findings_->head.reason = Copy(reason);
    findings_->head.minor_version = version - 10;
  }
  void on_field_impl(http::field, View name, View value, Code&) override {
    (findings_->head_done ? findings_->trailers : findings_->head.fields).emplace_back(Copy(name), Copy(value));
  }
  void on_header_impl(Code&) override { findings_->head_done = true; }
  void on_body_init_impl(const boost::optional<std::uint64_t>&, Code&) override {}
  std::size_t on_body_impl(View body, Code&) override { return TakeBody(body); }
  void on_chunk_header_impl(std::uint64_t size, View, Code&) override { findings_->chunk = size; }
  std::size_t on_chunk_body_impl(std::uint64_t, View body, Code&) override { return TakeBody(body); }
  void on_finish_impl(Code&) override { findings_->finished = true; }

  Findings* findings_;
};

using AnyParser = std::variant<std::monostate, Parser<true>, Parser<false>>;

bool IsVisible(char c) { return absl::ascii_isgraph(static_cast<unsigned char>(c)); }
bool IsDigit(char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); }

std::size_t CountFields(const HttpFields& fields, std::string_view name) {
  return static_cast<std::size_t>(std::count_if(
      fields.begin(), fields.end(), [&](const auto& field) { return EqualsIgnoringCase(field.first, name); }));
}

// Of a line that Beast wants more behind: an extension without an end looks the same to it.
bool IsLastChunk(std::string_view line) {
  const std::size_t end = line.find_first_not_of('0');
  return end != 0 &&
         (end == std::string_view::npos || std::string_view("; \t").find(line[end]) != std::string_view::npos);
}

// Digits alone, as RFC 9110 (8.6) has them.
std::optional<std::uint64_t> ParseLength(std::string_view text) {
  std::uint64_t length = 0;
  if (text.empty() || !std::all_of(text.begin(), text.end(), IsDigit)) return std::nullopt;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), length);
  if (parsed.ec != std::errc()) return std::nullopt;
  return length;
}

// "gzip, chunked" is a message that we could forward if we knew gzip; "chunked, gzip" has no end.
int StatusOfCodings(std::string_view value) {
  const std::size_t comma = value.rfind(',');
  if (comma == std::string_view::npos) return 400;
  const std::size_t last = value.find_first_not_of(" \t", comma + 1);
  if (last == std::string_view::npos || !EqualsIgnoringCase(value.substr(last), "chunked")) return 400;
  return ListsToken({{"te", std::string(value.substr(0, comma))}}, "te", "chunked") ? 400 : 501;
}

// A request line, in which Beast found no version of its own, that ends in "HTTP/2.0", say.
bool EndsInVersion(std::string_view line) {
  if (line.size() < 8 || std::count(line.begin(), line.end(), ' ') != 2) return false;
  line.remove_prefix(line.size() - 8);
  return line.substr(0, 5) == "HTTP/" && IsDigit(line[5]) && line[6] == '.' && IsDigit(line[7]);
}

}  // namespace

struct HttpReader::Rep {
  enum class State {
    kHead,
    kBody,      // of a length, of a chunk, or until close
    kChunk,     // the line before a chunk, with the end of the chunk before it
    kTrailers,  // behind the line of the last chunk
    kEnd,       // to be told
    kError,
  };

  Rep(HttpKind which, const HttpLimits& most) : kind(which), limits(most) {}

  HttpProgress Read(std::string_view input);
  HttpProgress ReadHead(std::string_view input);
  HttpProgress ReadBody(std::string_view input);
  HttpProgress ReadChunkLine(std::string_view input);
  HttpProgress ReadTrailers(std::string_view input);
  HttpProgress End(std::size_t consumed);
  HttpProgress Fail(std::size_t consumed, int status, std::string_view reason);

  // Adds input to `buffer` up to the end of a line. False: no whole line yet, or an error.
  bool TakeLine(std::string_view input, std::size_t& consumed);
  bool TakeByte(char c);
  // As TakeLine, up to an empty line. `limit` is for what `buffer` holds.
  bool TakeLines(std::string_view input, std::size_t& consumed, std::size_t limit);
  std::string_view LastLine() const;
  void ClearBuffer();

  // False with `error` set.
  bool Error(int status, std::string_view reason);
  bool Put(std::string_view bytes, std::size_t* consumed = nullptr);
  bool ParseHead();
  bool CheckStart();
  bool CheckHost();
  bool DeriveFraming();
  void DeriveConnection();
  bool HasNoBody() const;
  bool CheckTrailers();

  HttpKind kind;
  HttpLimits limits;
  State state = State::kHead;
  HttpError error;

  std::string buffer;          // a piece that is not whole yet
  std::size_t line_start = 0;  // in buffer: of the line that is being read
  std::size_t last_line = 0;   // in buffer: of the line that was read last
  std::size_t lines = 0;       // in buffer, whole ones
  bool skipped_line = false;   // an empty one before this request

  AnyParser parser;
  bool need_more = false;  // said Beast
  Findings findings;
  std::string answered_method;
  std::uint64_t left = 0;   // of a chunk or of a length
  std::uint64_t total = 0;  // of the body so far
};

bool HttpReader::Rep::Error(int status, std::string_view reason) {
  state = State::kError;
  error = {kind == HttpKind::kRequest ? status : 502, std::string(reason)};
  return false;
}

HttpProgress HttpReader::Rep::Fail(std::size_t consumed, int status, std::string_view reason) {
  Error(status, reason);
  return {consumed, HttpFound::kError, {}};
}

void HttpReader::Rep::ClearBuffer() {
  buffer.clear();
  line_start = last_line = lines = 0;
}

std::string_view HttpReader::Rep::LastLine() const {
  return std::string_view(buffer).substr(last_line, line_start - last_line - 2);
}

bool HttpReader::Rep::TakeByte(char c) {
  const bool after_cr = buffer.size() > line_start && buffer.back() == '\r';
  if (after_cr != (c == '\n')) return Error(400, "a line that does not end in CR LF");
  if ((static_cast<unsigned char>(c) < ' ' && c != '\t' && c != '\r' && c != '\n') || c == 0x7f) {
    return Error(400, "a control byte outside a body");
  }
  if (buffer.size() == line_start && (c == ' ' || c == '\t')) return Error(400, "a line that begins with white space");
  if (state == State::kChunk && total > 0 && buffer.empty() && c != '\r') {
    return Error(400, "a chunk that is longer than its size");
  }
  buffer.push_back(c);
  return true;
}

bool HttpReader::Rep::TakeLine(std::string_view input, std::size_t& consumed) {
  while (consumed < input.size()) {
    const char c = input[consumed++];
    if (!TakeByte(c)) return false;
    if (c != '\n') continue;
    last_line = std::exchange(line_start, buffer.size());
    ++lines;
    return true;
  }
  return false;
}

bool HttpReader::Rep::TakeLines(std::string_view input, std::size_t& consumed, std::size_t limit) {
  while (true) {
    if (buffer.size() > limit) return Error(431, "too many bytes of header fields");
    // One byte more than allowed is enough to know; and no more of it is looked at, however the input is split.
    const std::size_t room = limit + 1 - buffer.size();
    const bool whole = TakeLine(input.substr(0, std::min(input.size(), consumed + room)), consumed);
    if (state == State::kError) return false;
    if (buffer.size() > limit) return Error(431, "too many bytes of header fields");
    if (!whole) return false;
    if (LastLine().empty()) return true;
    if (lines > limits.fields + 1) return Error(431, "too many header fields");
  }
}

bool HttpReader::Rep::Put(std::string_view bytes, std::size_t* consumed) {
  beast::error_code code;
  const std::size_t used = std::visit(
      [&](auto& some) -> std::size_t {
        if constexpr (std::is_same_v<std::decay_t<decltype(some)>, std::monostate>) {
          return 0;
        } else {
          return some.put(boost::asio::const_buffer(bytes.data(), bytes.size()), code);
        }
      },
      parser);
  if (consumed != nullptr) *consumed = used;
  need_more = code == http::error::need_more;
  if (!code || need_more) return true;
  if (code == http::error::bad_version && EndsInVersion(bytes.substr(0, bytes.find('\r')))) {
    return Error(505, "another version than HTTP/1.0 and HTTP/1.1");
  }
  return Error(400, code.message());
}

HttpProgress HttpReader::Rep::Read(std::string_view input) {
  switch (state) {
    case State::kHead:
      return ReadHead(input);
    case State::kBody:
      return ReadBody(input);
    case State::kChunk:
      return ReadChunkLine(input);
    case State::kTrailers:
      return ReadTrailers(input);
    case State::kEnd:
      return End(0);
    case State::kError:
      break;
  }
  return {0, HttpFound::kError, {}};
}

HttpProgress HttpReader::Rep::End(std::size_t consumed) {
  ClearBuffer();
  skipped_line = false;
  state = State::kHead;
  return {consumed, HttpFound::kEnd, {}};
}

HttpProgress HttpReader::Rep::ReadHead(std::string_view input) {
  HttpProgress progress;
  if (lines == 0) {
    const std::size_t room = limits.start_line + 3 - buffer.size();  // CR LF and one too many
    const bool whole = TakeLine(input.substr(0, std::min(input.size(), room)), progress.consumed);
    if (state == State::kError) return {progress.consumed, HttpFound::kError, {}};
    if (buffer.size() > limits.start_line + 2) return Fail(progress.consumed, 414, "a request target that is too long");
    if (!whole) return progress;
    if (LastLine().empty()) {
      if (kind == HttpKind::kResponse || skipped_line) return Fail(progress.consumed, 400, "an empty start line");
      ClearBuffer();
      skipped_line = true;
      HttpProgress rest = ReadHead(input.substr(progress.consumed));
      rest.consumed += progress.consumed;
      return rest;
    }
  }
  if (TakeLines(input, progress.consumed, limits.head) && ParseHead()) {
    progress.found = HttpFound::kHead;
  } else if (state == State::kError) {
    progress.found = HttpFound::kError;
  }
  return progress;
}

bool HttpReader::Rep::ParseHead() {
  findings = {};
  findings.head.request = kind == HttpKind::kRequest;
  total = 0;
  if (kind == HttpKind::kRequest) {
    parser.emplace<Parser<true>>(&findings);
  } else {
    parser.emplace<Parser<false>>(&findings);
    // "HTTP/1.1 200" and no more: Beast wants the space before the reason.
    constexpr std::size_t kShort = sizeof("HTTP/1.1 200") - 1;
    if (buffer.find('\r') == kShort) buffer.insert(kShort, 1, ' ');
  }
  // Beast reads the start line and the fields in one go, but stops where it wants more.
  if (!Put(buffer)) return false;
  if (!findings.head_done) return Error(400, "an incomplete head");
  if (!CheckStart() || !CheckHost() || !DeriveFraming()) return false;
  DeriveConnection();
  if (findings.head.status >= 200 || findings.head.status == 101) answered_method.clear();
  ClearBuffer();
  switch (findings.head.framing) {
    case HttpFraming::kNone:
      state = State::kEnd;
      break;
    case HttpFraming::kChunked:
      state = State::kChunk;
      break;
    case HttpFraming::kUntilClose:
      state = State::kBody;
      break;
    case HttpFraming::kLength:
      left = *findings.head.content_length;
      state = left > 0 ? State::kBody : State::kEnd;
      break;
  }
  return true;
}

bool HttpReader::Rep::CheckStart() {
  const HttpHead& head = findings.head;
  if (kind == HttpKind::kResponse) return head.status >= 100 || Error(502, "a status below 100");
  if (!std::all_of(head.target.begin(), head.target.end(), IsVisible)) {
    return Error(400, "a request target with bytes that are no visible ASCII");
  }
  return true;
}

bool HttpReader::Rep::CheckHost() {
  if (kind == HttpKind::kResponse) return true;
  const HttpHead& head = findings.head;
  const std::size_t hosts = CountFields(head.fields, "host");
  if (hosts > 1) return Error(400, "more than one Host field");
  if (hosts == 0) return head.minor_version == 0 || Error(400, "no Host field");
  const std::string_view host = *FindField(head.fields, "host");
  // Empty where the target has no authority (RFC 9112, 3.2).
  return host.empty() || ParseAuthority(host).has_value() || Error(400, "a Host field that is no host");
}

// RFC 9112, 6.3.
bool HttpReader::Rep::HasNoBody() const {
  const int status = findings.head.status;
  return status / 100 == 1 || status == 204 || status == 304 || answered_method == "HEAD" ||
         (answered_method == "CONNECT" && status / 100 == 2);
}

bool HttpReader::Rep::DeriveFraming() {
  HttpHead& head = findings.head;
  const std::size_t codings = CountFields(head.fields, "transfer-encoding");
  const std::size_t lengths = CountFields(head.fields, "content-length");
  if (codings > 0) {
    if (lengths > 0) return Error(400, "both Transfer-Encoding and Content-Length");
    if (codings > 1) return Error(400, "more than one Transfer-Encoding field");
    if (head.minor_version == 0) return Error(400, "Transfer-Encoding in HTTP/1.0");
    const std::string_view value = *FindField(head.fields, "transfer-encoding");
    if (!EqualsIgnoringCase(value, "chunked")) {
      return Error(StatusOfCodings(value), "a Transfer-Encoding other than chunked");
    }
    head.framing = HttpFraming::kChunked;
  } else if (lengths > 0) {
    if (lengths > 1) return Error(400, "more than one Content-Length field");
    head.content_length = ParseLength(*FindField(head.fields, "content-length"));
    if (!head.content_length.has_value()) return Error(400, "a Content-Length that is no number");
    head.framing = HttpFraming::kLength;
  } else if (kind == HttpKind::kResponse) {
    head.framing = HttpFraming::kUntilClose;
  }
  if (kind == HttpKind::kRequest && head.method == "CONNECT" &&
      (head.framing == HttpFraming::kChunked || head.content_length.value_or(0) > 0)) {
    return Error(400, "CONNECT with a body");
  }
  if (kind == HttpKind::kResponse && HasNoBody()) {
    head.framing = HttpFraming::kNone;
    // What else may carry the length of a body that is not there has no meaning for it (RFC 9110, 8.6).
    const bool answers_head = answered_method == "HEAD" && head.status >= 200 && head.status != 204;
    if (!answers_head && head.status != 304) head.content_length.reset();
  }
  if (head.framing == HttpFraming::kLength && *head.content_length > limits.body) return Error(413, "too long a body");
  return true;
}

void HttpReader::Rep::DeriveConnection() {
  HttpHead& head = findings.head;
  const bool modern = head.minor_version == 1;
  head.keep_alive =
      modern ? !ListsToken(head.fields, "connection", "close") : ListsToken(head.fields, "connection", "keep-alive");
  if (head.framing == HttpFraming::kUntilClose) head.keep_alive = false;
  if (!modern) return;
  if (ListsToken(head.fields, "connection", "upgrade")) head.upgrade = FindField(head.fields, "upgrade").value_or("");
  head.expect_continue = head.request && ListsToken(head.fields, "expect", "100-continue");
}

HttpProgress HttpReader::Rep::ReadBody(std::string_view input) {
  HttpProgress progress;
  if (input.empty()) return progress;
  const bool endless = findings.head.framing == HttpFraming::kUntilClose;
  const std::uint64_t room = endless ? limits.body - total : left;
  if (room == 0) return Fail(0, 413, "too long a body");
  input = input.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(room, input.size())));
  if (findings.head.framing == HttpFraming::kLength) {  // nothing to find in it
    left -= input.size();
    if (left == 0) state = State::kEnd;
    return {input.size(), HttpFound::kBody, input};
  }
  if (!Put(input, &progress.consumed)) return {progress.consumed, HttpFound::kError, {}};
  progress.found = HttpFound::kBody;
  progress.body = std::exchange(findings.body, {});
  if (endless) {
    total += progress.body.size();
    return progress;
  }
  left -= progress.body.size();
  if (left == 0) state = findings.head.framing == HttpFraming::kChunked ? State::kChunk : State::kEnd;
  return progress;
}

HttpProgress HttpReader::Rep::ReadChunkLine(std::string_view input) {
  HttpProgress progress;
  const std::size_t lines_before = total > 0 ? 2 : 1;  // the end of the chunk before is an empty line
  while (lines < lines_before) {
    const std::size_t room = limits.chunk_line + 1 - buffer.size();
    const bool whole = TakeLine(input.substr(0, std::min(input.size(), progress.consumed + room)), progress.consumed);
    if (state == State::kError) return {progress.consumed, HttpFound::kError, {}};
    if (buffer.size() > limits.chunk_line) return Fail(progress.consumed, 400, "too long a line before a chunk");
    if (!whole) return progress;
  }
  if (!Put(buffer)) return {progress.consumed, HttpFound::kError, {}};
  if (need_more) {  // the last chunk: Beast wants the trailers with it
    if (!IsLastChunk(LastLine())) return Fail(progress.consumed, 400, "a line that begins no chunk");
    lines = 0;
    state = State::kTrailers;
    HttpProgress rest = ReadTrailers(input.substr(progress.consumed));
    rest.consumed += progress.consumed;
    return rest;
  }
  if (findings.chunk > limits.body - total) return Fail(progress.consumed, 413, "too long a body");
  total += findings.chunk;
  left = findings.chunk;
  ClearBuffer();
  state = State::kBody;
  HttpProgress rest = ReadBody(input.substr(progress.consumed));
  rest.consumed += progress.consumed;
  return rest;
}

HttpProgress HttpReader::Rep::ReadTrailers(std::string_view input) {
  HttpProgress progress;
  if (!TakeLines(input, progress.consumed, limits.chunk_line + limits.trailers)) {
    if (state == State::kError) progress.found = HttpFound::kError;
    return progress;
  }
  if (!Put(buffer) || !CheckTrailers()) return {progress.consumed, HttpFound::kError, {}};
  return End(progress.consumed);
}

bool HttpReader::Rep::CheckTrailers() {
  if (!findings.finished) return Error(400, "an incomplete last chunk");
  for (const std::string_view name : {"transfer-encoding", "content-length", "host", "connection", "trailer"}) {
    if (CountFields(findings.trailers, name) > 0) return Error(400, "a trailer that belongs in the head");
  }
  return true;
}

HttpReader::HttpReader(HttpKind kind, const HttpLimits& limits) : rep_(std::make_unique<Rep>(kind, limits)) {}
HttpReader::~HttpReader() = default;
HttpReader::HttpReader(HttpReader&&) noexcept = default;
HttpReader& HttpReader::operator=(HttpReader&&) noexcept = default;

HttpProgress HttpReader::Read(std::string_view input) { return rep_->Read(input); }

HttpProgress HttpReader::Finish() {
  if (rep_->state == Rep::State::kEnd) return rep_->End(0);
  if (rep_->state == Rep::State::kError) return {0, HttpFound::kError, {}};
  if (idle()) return {};
  if (rep_->state == Rep::State::kBody && rep_->findings.head.framing == HttpFraming::kUntilClose) return rep_->End(0);
  return rep_->Fail(0, 400, "the connection ended within a message");
}

void HttpReader::AnswersTo(std::string_view method) { rep_->answered_method = method; }

std::uint64_t HttpReader::LengthLeft() const {
  const bool inside = rep_->state == Rep::State::kBody && rep_->findings.head.framing == HttpFraming::kLength;
  return inside ? rep_->left : 0;
}

void HttpReader::Skip(std::uint64_t bytes) {
  const std::uint64_t left = LengthLeft();
  if (left == 0) return;
  rep_->left -= std::min(bytes, left);
  if (rep_->left == 0) rep_->state = Rep::State::kEnd;
}

bool HttpReader::idle() const { return rep_->state == Rep::State::kHead && rep_->buffer.empty(); }
const HttpHead& HttpReader::head() const { return rep_->findings.head; }
const HttpFields& HttpReader::trailers() const { return rep_->findings.trailers; }
const HttpError& HttpReader::error() const { return rep_->error; }

}  // namespace leash::net
